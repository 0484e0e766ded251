# SPDX-License-Identifier: Apache-2.0
"""A model as a target: a run with its plan, a module of one's own, one input or several."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "learn"))

from small_pictures import save, table  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

import polyveil  # noqa: E402
from polyveil.attack.audited_model import AuditedModel  # noqa: E402
from polyveil.attack.classifier import Classifier  # noqa: E402
from polyveil.attack.examples import Examples  # noqa: E402
from polyveil.errors import UsageError  # noqa: E402
from polyveil.learn.plan import Plan  # noqa: E402
from polyveil.tasks.auditing import membership  # noqa: E402
from polyveil.tasks.auditing.as_examples import as_data, as_examples  # noqa: E402
from polyveil.tasks.auditing.claimed_epsilon import claimed_epsilon_step  # noqa: E402
from polyveil.tasks.auditing.evasion import evasion_step  # noqa: E402
from polyveil.tasks.auditing.membership import candidates, membership_step  # noqa: E402
from polyveil.tasks.auditing.recipes import AsTheTarget  # noqa: E402
from polyveil.tasks.auditing.trained_run import read_run  # noqa: E402


class TwoInputs(nn.Module):
    """Picture and sound in, three classes out; large enough to remember."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        return self.body(torch.cat([image.flatten(1), sound], 1))


def records(count: int, seed: int) -> Examples:
    """Labels that the inputs do not tell: whoever is right about them has seen them."""
    draw = torch.Generator().manual_seed(seed)
    inputs = {
        "image": torch.rand(count, 1, 4, 4, generator=draw),
        "sound": torch.rand(count, 8, generator=draw),
    }
    return Examples(inputs, torch.randint(3, (count,), generator=draw))


def trained(examples: Examples, seed: int, *, epochs: int = 60) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TwoInputs()
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(epochs):
            loss = functional.cross_entropy(model(**examples.inputs), examples.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def target(*, epochs: int = 300) -> AuditedModel:
    members, others = records(150, 1), records(200, 2)
    return AuditedModel(
        Classifier(trained(members, 0, epochs=epochs)),
        members=members,
        others=others,
        recipe=lambda part, seed: trained(part, seed, epochs=300),
        description="Tells three made-up classes apart.",
        data_subjects="nobody",
    )


def test_every_step_of_the_battery_is_carried_out_or_skipped_with_a_reason() -> None:
    report = polyveil.audit(target(epochs=0), minutes=0.1)
    steps = {stage.stage for stage in report.times}
    assert steps == {"membership", "evasion", "extraction", "backdoor"}
    assert report.attacks
    assert all("it takes about" in one.reason or "need" in one.reason for one in report.skipped)
    assert all(one.verdict != "leak demonstrated" for one in report.attacks)
    assert report.exit_code == 0
    assert report.system.facts["inputs"] == "image, sound"
    assert report._repr_html_()
    assert report.attacks[0].arrays, "per-record values are kept for a notebook"


def test_members_of_a_model_of_two_inputs_that_remembers_are_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "MOST_SHADOWS", 8)
    model = target()
    whom = candidates(model, seed=0)
    found = membership_step(model, whom, seed=0, key=b"key").run(1000.0)
    verdicts = {one.attack.split(",")[0]: one.verdict for one in found.attacks}
    assert verdicts["LiRA"] == "leak demonstrated"
    assert len(verdicts) >= 5


def test_without_time_for_shadow_models_one_attack_is_left_and_the_rest_is_named() -> None:
    model = target(epochs=10)
    whom = candidates(model, seed=0)
    found = membership_step(model, whom, seed=0, key=b"key").run(0.0)
    assert [one.attack.split(",")[0] for one in found.attacks] == ["population attack"]
    assert "LiRA" in found.skipped[0].attack


def test_with_time_for_a_single_training_the_attack_that_is_left_has_its_positive_control(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "FEWEST_SHADOWS", 10_000)
    model = target(epochs=0)
    found = membership_step(model, candidates(model, seed=0), seed=0, key=b"key").run(100.0)
    (attack,) = found.attacks
    guards = {one.name: one for one in attack.guards}
    assert guards["positive control"].passed, guards["positive control"].sentence
    assert attack.effort.models == 1
    assert "LiRA" in found.skipped[0].attack


def test_each_modality_is_attacked_alone_and_both_at_once() -> None:
    step = evasion_step(target(epochs=20), seed=0)
    found = step.run(3.0)
    names = {one.attack.split(",")[0] for one in found.attacks}
    short = step.run(1e-6)
    assert [one.attack.split(",")[0] for one in short.attacks] == ["evasion by image and sound"]
    assert short.skipped
    assert names == {
        "evasion by image and sound", "evasion by image", "evasion by sound",
    }  # fmt: skip


def test_too_few_records_are_refused_by_number() -> None:
    with pytest.raises(UsageError, match="members: 5 records"):
        AuditedModel(Classifier(TwoInputs()), members=records(5, 1), others=records(60, 2))
    with pytest.raises(UsageError, match="expected those of the members"):
        other = Examples({"image": torch.rand(60, 2)}, torch.zeros(60, dtype=torch.int64))
        AuditedModel(Classifier(TwoInputs()), members=records(60, 1), others=other)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("run")
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        plan = Plan.of(table(save(folder / "data.npz", 400), data={"validation": 0.3}))
        polyveil.train(plan, folder / "run", ledger=folder / "ledger.db")
    return folder, plan


def test_a_run_is_read_with_its_plan_and_nobody_is_on_both_sides(
    run: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, plan = run
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    found = read_run(folder / "run", plan)
    members, others = as_examples(found.work.train), as_examples(found.work.held_out)
    assert len(members) == found.report.data.records
    assert len(others) == found.report.data.held_out
    assert not set(members.digests()) & set(others.digests())
    again = as_data(members, found.work.train)
    assert (again.images == found.work.train.images).all()
    half = members.at(slice(0, 120))
    shadow = AsTheTarget(found.work)(half, 1)
    assert Classifier(shadow).logits(half.inputs).shape == (120, len(found.work.train.classes))


def test_another_plan_or_a_changed_result_is_refused(
    run: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = run
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    other = Plan.of(table(folder / "data.npz", data={"validation": 0.2}))
    with pytest.raises(UsageError, match="not the plan"):
        read_run(folder / "run", other)


def test_the_claim_of_a_run_stands_beside_its_evidence(
    run: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, plan = run
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    found = read_run(folder / "run", plan)
    assert found.report.guarantee is not None
    step = claimed_epsilon_step(found, found.report.guarantee, seed=0).run(3.0)
    (attack,), (claim,) = step.attacks, step.claims
    assert claim.verdict == "not refuted"
    assert claim.statement.startswith("Differential privacy with ε = 8")
    assert claim.epsilon is not None and claim.lower_bound is not None
    assert claim.lower_bound <= claim.epsilon
    assert "guesses whether a planted record was in it" in attack.sentence
    assert attack.verdict != "leak demonstrated"
