# SPDX-License-Identifier: Apache-2.0
"""polyveil.predict: answers of a trained run, weighed by uncertainty, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

import polyveil
from polyveil.apps.cli.main import app
from polyveil.errors import UsageError, WeightsError
from polyveil.tasks import reading
from polyveil.tasks.predicting.modalities import ModalityClassifier

RECORDS = 60


def data_set(folder: Path, *, seed: int, labelled: bool = True) -> Path:
    """Pictures that tell a class well and rhythms that tell it less; some lack one of them."""
    rng, rows = np.random.default_rng(seed), []
    folder.mkdir()
    for at in range(RECORDS):
        kind = at % 2
        pixels = np.clip(60 + 120 * kind + rng.normal(0, 60, (8, 8)), 0, 255).astype(np.uint8)
        trace = (rng.normal(size=(6, 2)) + 0.5 * kind).round(3).tolist()
        row: dict[str, Any] = {"label": ("low", "high")[kind]} if labelled else {}
        if at % 5:
            Image.fromarray(pixels).save(folder / f"{at}.png")
            row["file_name"] = f"{at}.png"
        if at % 7:
            row["behaviour"] = trace
        rows.append(row)
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and a run; the account's own state stays out of it."""
    place = tmp_path_factory.mktemp("predict")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(place / "state"))
        for name, seed in (("train", 0), ("validation", 1), ("test", 2)):
            data_set(place / name, seed=seed)
        polyveil.train(plan(place / "train"), place / "run")
    return place


def plan(folder: Path) -> dict[str, Any]:
    return {
        "data": {
            "path": str(folder),
            "inputs": {
                "image": {"size": 8, "channels": 1},
                "behaviour": {"steps": 6, "centre": [0, 0], "scale": [1, 1]},
            },
            "validation": 0.0,
        },
        "model": {"name": "multimodal", "channels": [8, 8], "width": 8},
        "privacy": {"mode": "none"},
        "training": {"epochs": 8, "batch_size": 16},
    }


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_record_is_answered_by_what_it_has(place: Path, tmp_path: Path) -> None:
    report = polyveil.predict(place / "run", place / "test", tmp_path / "answers.jsonl")
    found = answers(tmp_path / "answers.jsonl")
    # Every 35th record has neither.
    assert report.answered == len(found) == RECORDS - 2
    assert report.exit_code == 3 and sum(report.refused.values()) == 2
    assert report.figures is not None and report.figures["accuracy"] > 0.7
    assert all(sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-4) for one in found)
    assert {tuple(one["by"]) for one in found} == {
        ("image", "behaviour"),
        ("image",),
        ("behaviour",),
    }
    assert "weight" not in found[1]["by"]["image"]
    assert report.guarantee is None and "No guarantee" in report.summary()
    # Classes may be digits: which number is a class, and which a count, must be told.
    counted = ", ".join(
        f"{one}: {report.by_class[one]}"
        for one in sorted(report.by_class, key=lambda one: -report.by_class[one])
    )
    assert report.summary().startswith(f"Answered 58 records; {counted}.")


def test_weights_follow_from_validation_records(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    report = polyveil.predict(place / "run", place / "test", out, validation=place / "validation")
    assert "58 labelled records" in report.weighing
    unfit = [count for reason, count in report.refused.items() if "in validation" in reason]
    assert unfit == [2]
    for one in answers(out):
        weights = [voice["weight"] for voice in one["by"].values()]
        assert sum(weights) == pytest.approx(1, abs=1e-5)
    assert set(report.beside) == {"image", "behaviour", "their plain mean"}
    assert "By itself: image" in report.summary()


def test_validation_records_are_let_go_of_once_they_were_asked_about(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, held = ModalityClassifier.asked, []

    def watched(self: ModalityClassifier, readings: Any) -> Any:
        held.append(len(readings))
        return asked(self, readings)

    monkeypatch.setattr(reading, "_AT_ONCE", 8)
    monkeypatch.setattr(ModalityClassifier, "asked", watched)
    out = tmp_path / "answers.jsonl"
    polyveil.predict(place / "run", place / "test", out, validation=place / "validation")
    assert max(held) == 8 and sum(held) == 2 * (RECORDS - 2)


def test_the_mean_is_measured_on_the_records_that_the_answer_is(
    place: Path, tmp_path: Path
) -> None:
    report = polyveil.predict(
        place / "run",
        place / "test",
        tmp_path / "answers.jsonl",
        validation=place / "validation",
        fusion="mean",
    )
    found = report.beside
    assert report.figures is not None
    # Weighed alike, the answer is the mean: the same figure, or they are of different records.
    assert found["their plain mean"].estimate == report.figures["accuracy"]
    assert {name: one.n for name, one in found.items()} == {
        "image": 48,
        "behaviour": 51,
        "their plain mean": RECORDS - 2,
    }


def test_figures_on_the_records_that_chose_the_weights_are_said_to_flatter(
    place: Path, tmp_path: Path
) -> None:
    run, test, out = place / "run", place / "test", tmp_path / "answers.jsonl"
    same = polyveil.predict(run, test, out, validation=place / "train" / ".." / "test")
    assert "chosen on these very records" in same.summary()
    other = polyveil.predict(run, test, out, validation=place / "validation")
    assert "chosen on these very records" not in other.summary()


def test_one_rule_is_told_from_another(place: Path, tmp_path: Path) -> None:
    said = {
        rule: polyveil.predict(
            place / "run",
            place / "test",
            tmp_path / f"{rule}.jsonl",
            validation=place / "validation",
            fusion=rule,
        ).weighing
        for rule in ("entropy", "kl")
    }
    assert "divergence" not in said["entropy"] and "entropy" not in said["kl"]


def test_each_rule_answers(place: Path, tmp_path: Path) -> None:
    for rule in ("entropy", "kl", "mean", "learned"):
        out = tmp_path / f"{rule}.jsonl"
        report = polyveil.predict(
            place / "run", place / "test", out, validation=place / "validation", fusion=rule
        )
        assert report.answered == RECORDS - 2


def test_weights_are_kept_with_a_run_whose_held_out_labels_may_be_read(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out, made = tmp_path / "answers.jsonl", plan(place / "train")
    made["data"]["validation"] = str(place / "validation")
    polyveil.train(made, tmp_path / "plain")
    assert "58 labelled" in polyveil.predict(tmp_path / "plain", place / "test", out).weighing
    made["privacy"] = {"epsilon": 8.0}
    polyveil.train(made, tmp_path / "private")
    own = polyveil.predict(tmp_path / "private", place / "test", out)
    assert own.weighing.startswith("The network itself")


def test_a_dry_run_writes_nothing(place: Path, tmp_path: Path) -> None:
    report = polyveil.predict(place / "run", place / "test", tmp_path / "a.jsonl", dry_run=True)
    assert report.dry_run == RECORDS and not list(tmp_path.iterdir())
    assert report.summary().startswith("Would ask about 60 records.")
    weighed = polyveil.predict(
        place / "run",
        place / "test",
        tmp_path / "a.jsonl",
        validation=place / "validation",
        dry_run=True,
    )
    # Two validation records were no help, and two of 60 are there to be refused.
    assert "Nothing was asked or written." in weighed.summary()
    assert "Refused: 2 × in validation" in weighed.summary()


def test_labels_are_not_needed(place: Path, tmp_path: Path) -> None:
    unlabelled = data_set(tmp_path / "unlabelled", seed=3, labelled=False)
    report = polyveil.predict(place / "run", unlabelled, tmp_path / "answers.jsonl")
    assert report.figures is None and not report.beside


def test_an_answer_does_not_depend_on_other_records(place: Path, tmp_path: Path) -> None:
    polyveil.predict(place / "run", place / "test", tmp_path / "all.jsonl")
    one = tmp_path / "one"
    one.mkdir()
    rows = (place / "test" / "metadata.jsonl").read_text().splitlines()
    (one / "metadata.jsonl").write_text(rows[1])
    (one / "1.png").write_bytes((place / "test" / "1.png").read_bytes())
    polyveil.predict(place / "run", one, tmp_path / "one.jsonl")
    alone, among = answers(tmp_path / "one.jsonl")[0], answers(tmp_path / "all.jsonl")[0]
    assert alone["probabilities"] == pytest.approx(among["probabilities"], abs=1e-5)


def test_what_cannot_be_asked_is_refused(place: Path, tmp_path: Path) -> None:
    run, test, out = place / "run", place / "test", tmp_path / "answers.jsonl"
    with pytest.raises(UsageError, match="no finished run"):
        polyveil.predict(tmp_path, test, out)
    with pytest.raises(UsageError, match="expected validation"):
        polyveil.predict(run, test, out, fusion="hybrid")
    with pytest.raises(UsageError, match="expected one of hybrid"):
        polyveil.predict(run, test, out, fusion="best")
    with pytest.raises(UsageError, match="expected a file"):
        polyveil.predict(run, test, tmp_path)
    with pytest.raises(UsageError, match="no readable record whose kind"):
        polyveil.predict(run, test, out, validation=place / "validation", label="kind")
    assert not list(tmp_path.glob("*.jsonl")) and not list(tmp_path.glob(".*"))


def test_what_holds_no_record_is_told(place: Path, tmp_path: Path) -> None:
    sounds, out = tmp_path / "sounds", tmp_path / "answers.jsonl"
    sounds.mkdir()
    (sounds / "a.wav").write_bytes(b"RIFF")
    out.write_text("answers of before")
    with pytest.raises(UsageError, match="data: no record there"):
        polyveil.predict(place / "run", sounds, out)
    assert out.read_text() == "answers of before"


def test_answers_never_lie_among_what_is_read(place: Path, tmp_path: Path) -> None:
    run, test, validation = place / "run", place / "test", place / "validation"
    rows = (test / "metadata.jsonl").read_bytes()
    for out in (test / "answers.jsonl", test / "metadata.jsonl", validation / "a", run / "a"):
        with pytest.raises(UsageError, match="inside what is read"):
            polyveil.predict(run, test, out, validation=validation)
        assert out.name == "metadata.jsonl" or not out.exists()
    assert (test / "metadata.jsonl").read_bytes() == rows
    link, real = tmp_path / "link.jsonl", tmp_path / "real.jsonl"
    link.symlink_to(real)
    polyveil.predict(run, test, link)
    assert link.is_symlink() and len(answers(real)) == RECORDS - 2


def test_no_device_is_replaced_by_a_file(place: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="expected a file"):
        polyveil.predict(place / "run", place / "test", pipe)
    assert pipe.is_fifo()


def test_validation_that_chooses_nothing_is_told(place: Path, tmp_path: Path) -> None:
    run, test, out = place / "run", place / "test", tmp_path / "answers.jsonl"
    rows = [json.loads(row) for row in (place / "test" / "metadata.jsonl").read_text().splitlines()]
    some = [
        {"label": row["label"], "behaviour": row["behaviour"]} for row in rows if "behaviour" in row
    ]

    def written(name: str, chosen: list[dict[str, Any]]) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "metadata.jsonl").write_text("\n".join(map(json.dumps, chosen)))
        return tmp_path / name

    of_one = written("one", [row for row in some if row["label"] == "low"])
    with pytest.raises(UsageError, match="every validation record is of one class"):
        polyveil.predict(run, test, out, validation=of_one)
    with pytest.raises(UsageError, match="image 0, behaviour 51; expected at least 10 each"):
        polyveil.predict(run, test, out, validation=written("bare", some))
    assert not out.exists()


def test_one_modality_is_not_weighed(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made, out = plan(place / "train"), tmp_path / "answers.jsonl"
    made["data"]["inputs"] = {"behaviour": made["data"]["inputs"]["behaviour"]}
    polyveil.train(made, tmp_path / "run")
    own = polyveil.predict(tmp_path / "run", place / "test", out)
    assert own.weighing == "" and not own.beside
    warm = polyveil.predict(tmp_path / "run", place / "test", out, validation=place / "validation")
    assert (
        warm.weighing.startswith("Temperature: behaviour ") and "count alike" not in warm.weighing
    )
    voices = [one["by"]["behaviour"] for one in answers(out)]
    # Nothing follows from how uncertain the only one is.
    assert all(voice["weight"] == 1 and "uncertainty" not in voice for voice in voices)


def test_damaged_weights_are_told(place: Path, tmp_path: Path) -> None:
    broken = tmp_path / "run"
    broken.mkdir()
    for name in ("result.json", "classifier.json"):
        (broken / name).write_bytes((place / "run" / name).read_bytes())
    (broken / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="weights that the run wrote"):
        polyveil.predict(broken, place / "test", tmp_path / "answers.jsonl")
    state = load_file(place / "run" / "weights.safetensors")
    next(iter(state.values())).view(-1)[0] = float("nan")
    save_file(state, broken / "weights.safetensors")
    # Answers of such a network are no numbers, and no JSON.
    with pytest.raises(WeightsError, match="NaN or infinite"):
        polyveil.predict(broken, place / "test", tmp_path / "answers.jsonl")
    assert not (tmp_path / "answers.jsonl").exists()


def test_a_run_on_pictures_is_asked_alike(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    two = [{"name": "cnn", "widths": [8], "hidden": 0}, {"name": "scatter-linear"}]
    made = {
        "data": {"path": str(place / "train"), "validation": 0.2, "size": 16},
        "model": two,
        "privacy": {"epsilon": 8.0},
        "training": {"epochs": 2, "batch_size": 16},
    }
    polyveil.train(made, tmp_path / "run")
    report = polyveil.predict(tmp_path / "run", place / "test", tmp_path / "answers.jsonl")
    assert report.answered == 48
    assert report.guarantee is not None and "records trained on" in report.summary()
    assert report.weighing == "Two networks are fused by variance."
    assert list(answers(tmp_path / "answers.jsonl")[0]["by"]) == ["cnn 1", "scatter-linear 2"]
    with pytest.raises(UsageError, match="nothing to weigh"):
        polyveil.predict(
            tmp_path / "run", place / "test", tmp_path / "b.jsonl", validation=place / "test"
        )


def test_a_folder_names_the_class_of_a_picture_as_in_training(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for at, name in enumerate(("low", "high", "holiday")):
            if (part, name) == ("train", "holiday"):
                continue
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for number in range(30 if part == "train" else 5):
                pixels = rng.normal(60 + 120 * (at % 2), 20, (8, 8)).clip(0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    made = {
        "data": {"path": str(tmp_path / "train"), "validation": 0.0},
        "model": {"name": "cnn", "widths": [8], "hidden": 0},
        "privacy": {"mode": "none"},
        "training": {"epochs": 2, "batch_size": 16},
    }
    polyveil.train(made, tmp_path / "run")
    report = polyveil.predict(tmp_path / "run", tmp_path / "test", tmp_path / "answers.jsonl")
    # "holiday" is no class: a folder's name need not be one.
    assert report.answered == 15 and report.unknown == 0
    assert report.figures is not None and report.figures["records"] == 10


def test_the_command_line_tells_the_same(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    asked = ["predict", str(place / "run"), str(place / "test"), "--out", str(out), "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["schema"] == "polyveil.predictions/1"
    assert told["answered"] == RECORDS - 2 == len(answers(out))
