# SPDX-License-Identifier: Apache-2.0
"""A recogniser's run as a target: whose records the attacker holds, and what is not done."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "learn"))

import cv2  # noqa: E402
from small_people import SHAPES, people, plan, table  # noqa: E402

import polyveil  # noqa: E402
from polyveil.attack.audited_model import FEWEST, AuditedModel  # noqa: E402
from polyveil.attack.classifier import Classifier  # noqa: E402
from polyveil.learn.modalities import Multimodal  # noqa: E402
from polyveil.learn.objective import network  # noqa: E402
from polyveil.learn.plan import Plan  # noqa: E402
from polyveil.learn.work import Work  # noqa: E402
from polyveil.tasks.auditing import people as module  # noqa: E402
from polyveil.tasks.auditing.as_examples import ByModality, as_examples  # noqa: E402
from polyveil.tasks.auditing.people import people_steps, strangers  # noqa: E402
from polyveil.tasks.auditing.recipes import AsTheTarget  # noqa: E402
from polyveil.tasks.auditing.run import prepare_run  # noqa: E402

EVERYBODY, SECRET = people(14, 24, missing=0.1), bytes(32)


def some(first: int, last: int) -> Multimodal:
    """Records of these people, who are all that the value knows."""
    chosen = (first <= EVERYBODY.labels) & (last > EVERYBODY.labels)
    found = EVERYBODY.where(np.asarray(chosen))
    return Multimodal(
        found.inputs, found.present, found.labels - first, found.classes[first:last], (),
        found.spreads,
    )  # fmt: skip


@pytest.fixture(scope="module")
def work() -> Work:
    train, held_out = some(0, 7).held_out(0.45, SECRET)
    return Work.of(plan(data={"people": 0.5}), train, held_out, SECRET)


@pytest.fixture(scope="module")
def model(work: Work) -> AuditedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fresh = network(work.plan.models[0], work.train).eval()
    assert work.held_out is not None
    return AuditedModel(
        Classifier(fresh, calling=ByModality(tuple(SHAPES))),
        members=as_examples(work.train),
        others=as_examples(work.held_out),
        recipe=AsTheTarget(work),
    )


def test_strangers_are_those_whom_the_plan_left_out(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Plan] = []
    monkeypatch.setattr(module, "read_modalities", lambda plan: asked.append(plan) or EVERYBODY)
    assert isinstance(work.train, Multimodal)
    found = strangers(work.plan, work.train)
    assert found is not None and asked[0].data.people == 1.0
    assert int(found.labels.min()) >= len(work.train.classes)
    assert list(found.inputs) == list(SHAPES)
    rest = some(7, 14)
    assert len(found) == int(rest.present.all(axis=1).sum())
    monkeypatch.setattr(module, "read_modalities", lambda plan: some(0, 7))
    assert strangers(work.plan, work.train) is None
    assert strangers(plan(), work.train) is None


def test_without_strangers_nobody_is_rebuilt_and_the_report_says_why(model: AuditedModel) -> None:
    steps, untested = people_steps(model, None, seed=0)
    assert not steps
    assert {one.threat.id for one in untested} == {"model inversion", "embedding inversion"}
    assert all("people below 1" in one.reason for one in untested)
    few = replace(model, members=model.members.at(slice(0, FEWEST)))
    steps, untested = people_steps(few, model.others, seed=0)
    assert not steps and "have all modalities" in untested[0].reason


def test_with_strangers_weights_and_embeddings_are_attacked(model: AuditedModel) -> None:
    rest = some(7, 14)
    known = as_examples(rest.where(rest.present.all(axis=1)), flags=False)
    known = type(known)(known.inputs, known.labels + 7)
    assert len(known) >= FEWEST
    steps, untested = people_steps(model, known, seed=0)
    assert [one.name for one in steps] == ["embedding inversion", "model inversion"]
    assert not untested
    (found,) = steps[0].run(0.0).attacks
    guards = {one.name: one.passed for one in found.guards}
    assert guards["disjoint people"] and guards["disjoint splits"]


def test_a_shadow_recogniser_is_trained_as_the_target(model: AuditedModel) -> None:
    half, recipe = model.members.at(slice(0, 40)), model.recipe
    assert recipe is not None
    shadow = Classifier(recipe(half, 1), calling=model.classifier.calling)
    assert shadow.logits(half.inputs).shape == (40, 7)


def test_a_recogniser_with_a_budget_is_read_and_its_claim_is_put_to_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    # Writing the network for use without torch takes longer than all else here.
    monkeypatch.setattr("polyveil.tasks.recogniser_files.recogniser_files", lambda *_: {})
    rng, rows, folder = np.random.default_rng(0), [], tmp_path / "data"
    folder.mkdir()
    for at in range(200):
        cv2.imwrite(str(folder / f"{at}.png"), rng.integers(0, 255, (12, 12), dtype=np.uint8))
        trace = rng.normal(size=(10, 3)).round(3).tolist()
        row = {"file_name": f"{at}.png", "behaviour": trace, "person": f"person {at % 8}"}
        rows.append(json.dumps(row))
    (folder / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    values = table(training={"epochs": 1, "batch_size": 64})
    values["data"] = {
        "path": str(folder),
        "validation": 0.45,
        "inputs": {
            "image": {"size": 12, "channels": 1},
            "behaviour": {"steps": 10, "centre": [0.0] * 3, "scale": [1.0] * 3},
        },
    }
    values["privacy"] = {"epsilon": 8.0}
    whole = Plan.of(values)
    polyveil.train(whole, tmp_path / "run", ledger=tmp_path / "ledger.db")
    found = prepare_run(tmp_path / "run", whole, seed=0)
    assert not found.claims
    assert found.system.description == "recogniser: tells 8 people apart by image and behaviour."
    names = ["claimed epsilon", "membership", "evasion", "extraction", "backdoor"]
    steps = {one.name: one for one in found.steps}
    assert sorted(steps) == sorted(names)
    assert "model inversion" in {one.threat.id for one in found.untested}
    tested = steps["claimed epsilon"].run(600.0)
    (claim,), (attack,) = tested.claims, tested.attacks
    assert "one record with all its modalities added or removed" in claim.statement
    assert claim.lower_bound is not None and claim.recomputed == pytest.approx(8.0, rel=0.02)
    assert "planted record" in attack.sentence
