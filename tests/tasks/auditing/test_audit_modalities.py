# SPDX-License-Identifier: Apache-2.0
"""A run on several modalities as a target: read with its plan, shadowed by its own recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cv2  # noqa: E402

import polyveil  # noqa: E402
from polyveil.attack.audited_model import AuditedModel  # noqa: E402
from polyveil.attack.canary.one_run import NOT_TO_BE_USED  # noqa: E402
from polyveil.attack.classifier import Classifier  # noqa: E402
from polyveil.errors import UsageError  # noqa: E402
from polyveil.learn.modalities import Multimodal  # noqa: E402
from polyveil.learn.multimodal.prediction import predict  # noqa: E402
from polyveil.learn.multimodal.run import MethodRun  # noqa: E402
from polyveil.learn.plan import Plan  # noqa: E402
from polyveil.models.multimodal import MultimodalClassifier  # noqa: E402
from polyveil.tasks.auditing import claimed_epsilon, recipes  # noqa: E402
from polyveil.tasks.auditing.as_examples import as_data, as_examples  # noqa: E402
from polyveil.tasks.auditing.evasion import evasion_step  # noqa: E402
from polyveil.tasks.auditing.run import _audited, prepare_run  # noqa: E402
from polyveil.tasks.auditing.trained_run import TrainedRun, read_run  # noqa: E402

METHODS = ("alternating", "joint", "late fusion", "OGM-GE")
RECORDS = 200
WORDS = (("red", "roof", "brick"), ("blue", "boat", "wave"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in picture and words; each sixth record lacks one of them."""
    root = tmp_path_factory.mktemp("several")
    (root / "data").mkdir()
    rng, rows = np.random.default_rng(0), []
    for at in range(RECORDS):
        label = int(rng.integers(2))
        row: dict[str, Any] = {"label": ("house", "sea")[label]}
        if at % 6 != 1:
            picture = rng.normal(90 + 70 * label, 25, (8, 8)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(root / "data" / f"{at}.png"), picture)
            row["file_name"] = f"{at}.png"
        if at % 6 != 2:
            row["text"] = " ".join(rng.choice(WORDS[label], 4)) + f" {at}"
        rows.append(json.dumps(row))
    (root / "data" / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(autouse=True)
def state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def plan(folder: Path, method: str, privacy: dict[str, Any], *, epochs: int = 1) -> Path:
    """A plan's file; its run is not made yet."""
    options = "".join(f"{name} = {json.dumps(value)}\n" for name, value in (privacy).items())
    text = f"""
[data]
path = "data"
validation = 0.42
inputs = {{image = {{size = 8, channels = 1}}, text = {{width = 32}}}}
[model]
name = "multimodal"
method = "{method}"
width = 8
channels = [8, 8]
[privacy]
{options}
[training]
epochs = {epochs}
batch_size = 32
learning_rate = 0.02
"""
    name = f"{method} {privacy.get('mode', 'sound')}.toml"
    path = folder / name
    path.write_text(text)
    return path


def trained(folder: Path, path: Path) -> TrainedRun:
    out = folder / path.stem
    polyveil.train(path, out, ledger=folder / "ledger.db")
    return read_run(out, Plan.read(path))


@pytest.mark.parametrize("privacy", [{"epsilon": 8.0}, {"mode": "none"}], ids=["budget", "none"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_read_asked_and_shadowed(
    folder: Path, method: str, privacy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(folder, plan(folder, method, privacy))
    assert isinstance(run.work.train, Multimodal)
    model = _audited(run)
    assert list(model.members.inputs) == ["image", "text", "has_image", "has_text"]
    module = run.classifier.module
    assert isinstance(module, MultimodalClassifier)
    told = torch.from_numpy(predict(module, run.work.train).together)
    assert torch.allclose(model.classifier.logits(model.members.inputs).float(), told, atol=1e-5)
    assert (model.unprotected is None) == ("mode" in privacy)
    runs: list[MethodRun] = []
    monkeypatch.setattr(recipes, "begun", lambda job: runs.append(MethodRun(job)) or runs[-1])
    half, recipe = model.members.at(slice(0, 60)), model.recipe
    assert recipe is not None
    shadow = recipe(half, 3)
    (one,) = runs
    assert one._job.schedule.noise_multiplier == run.work.schedule.noise_multiplier
    assert one._job.plan.training.seed == 3 and len(one._job.train) == 60
    released = one.weights()
    assert all(torch.equal(value, released[name]) for name, value in shadow.state_dict().items())


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AuditedModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        path = plan(folder, "joint", {"mode": "none"}, epochs=6)
        path = path.rename(path.with_stem("long"))
        return _audited(trained(folder, path))


def test_records_come_back_as_they_were_with_who_lacks_what(folder: Path) -> None:
    run = trained(folder, plan(folder, "joint", {"mode": "none"}))
    data = run.work.train
    assert isinstance(data, Multimodal) and not data.present.all()
    examples = as_examples(data)
    back = as_data(examples, like=data)
    assert isinstance(back, Multimodal)
    assert (back.present == data.present).all() and (back.labels == data.labels).all()
    assert all((back.inputs[name] == data.inputs[name]).all() for name in data.inputs)
    whole = data.where(data.present.all(axis=1))
    assert list(as_examples(whole, flags=False).inputs) == ["image", "text"]
    again = as_data(as_examples(whole, flags=False), like=data)
    assert isinstance(again, Multimodal) and again.present.all()


def test_what_a_record_lacks_does_not_reach_the_answer(model: AuditedModel) -> None:
    inputs = dict(model.others.inputs)
    gone = ~inputs["has_text"]
    text = inputs["text"].clone()
    text[gone] = 7.0
    before, after = (model.classifier.logits(one) for one in (inputs, {**inputs, "text": text}))
    assert gone.any() and torch.equal(before, after)


def test_a_shadow_model_follows_from_records_and_seed(model: AuditedModel) -> None:
    half, recipe, calling = model.members.at(slice(0, 60)), model.recipe, model.classifier.calling
    assert recipe is not None
    asked = [Classifier(recipe(half, seed), calling=calling) for seed in (3, 3, 4)]
    first, again, other = (one.logits(half.inputs) for one in asked)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_evasion_names_each_modality_and_both(
    model: AuditedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine would leave the single modalities out for lack of time.
    monkeypatch.setattr("polyveil.tasks.auditing.evasion.pass_time", lambda *asked: 1e-6)
    found = evasion_step(model, seed=0).run(4.0)
    assert {one.attack.split(",")[0] for one in found.attacks} == {
        "evasion by image and text", "evasion by image", "evasion by text",
    }  # fmt: skip


def test_the_verb_reports_a_run_on_several_modalities(folder: Path) -> None:
    path = plan(folder, "late fusion", {"mode": "none"})
    trained(folder, path)
    report = polyveil.audit(folder / path.stem, plan=path, minutes=0.05)
    assert report.system.description == (
        "multimodal (late fusion): tells 2 classes apart by image and text."
    )
    assert report.system.facts["inputs"] == "image, text"
    assert report.system.facts["records that lack a modality"] == 67
    assert report.job.counts.records_read == RECORDS
    assert "records of image and text" in report.system.data_subjects
    assert any("Fusion" in one for one in report.not_tested)
    assert any("promises nothing" in one for one in report.warnings)
    assert report.attacks and report._repr_html_()
    assert {one.stage for one in report.times} == {
        "membership",
        "evasion",
        "extraction",
        "backdoor",
    }


def test_a_run_with_a_budget_is_to_have_its_claim_attacked(folder: Path) -> None:
    path = plan(folder, "alternating", {"epsilon": 8.0})
    trained(folder, path)
    found = prepare_run(folder / path.stem, Plan.read(path), seed=0)
    assert "claimed epsilon" in {one.name for one in found.steps}
    assert not found.claims
    assert replace(found, steps=()).system.facts["data set"]


def test_too_few_held_out_records_are_told_with_what_to_do(folder: Path) -> None:
    path = plan(folder, "late fusion", {"mode": "none"})
    few = path.with_stem("few")
    few.write_text(path.read_text().replace("validation = 0.42", "validation = 0.1"))
    polyveil.train(few, folder / "few", ledger=folder / "ledger.db")
    with pytest.raises(UsageError, match=r"were held out; .* 50 others .*\[data\] validation"):
        polyveil.audit(folder / "few", plan=few)


def test_the_report_may_not_lie_among_the_records(folder: Path) -> None:
    path = plan(folder, "late fusion", {"mode": "none"})
    trained(folder, path)
    before = sorted(one.name for one in (folder / "data").iterdir())
    with pytest.raises(UsageError, match="inside what is read"):
        polyveil.audit(folder / path.stem, plan=path, out=folder / "data" / "audit")
    assert sorted(one.name for one in (folder / "data").iterdir()) == before


def test_a_claim_is_attacked_in_a_training_of_its_own_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plan(folder, "alternating", {"epsilon": 8.0})
    run = trained(folder, path)
    guarantee = run.report.guarantee
    assert guarantee is not None
    (found,) = claimed_epsilon.claimed_epsilon_step(run, guarantee, seed=0).run(1e6).attacks
    assert found.sentence.startswith("The training was made once more")
    assert any("own model has seen no made-up record" in one for one in found.notes)
    assert NOT_TO_BE_USED not in found.notes
    result, check = claimed_epsilon.audit_work(run.work, claimed=8.0, seconds=1e6, seed=0)
    short = replace(check, steps=4, of_steps=48)
    monkeypatch.setattr(claimed_epsilon, "audit_work", lambda *asked, **facts: (result, short))
    (found,) = claimed_epsilon.claimed_epsilon_step(run, guarantee, seed=0).run(1.0).attacks
    assert found.sentence.startswith("The first 4 of 48 steps of the training were made once more")
