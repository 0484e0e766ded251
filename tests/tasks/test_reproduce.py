# SPDX-License-Identifier: Apache-2.0
"""polyveil reproduce: a table from a folder as its makers distribute it, resumable cell by cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("torch")

import polyveil
from polyveil.apps.cli.main import app
from polyveil.errors import EXIT_RECORDS_REFUSED, UsageError
from polyveil.learn.multimodal import Options
from polyveil.tasks.events import RecordDone, StageStarted
from polyveil.tasks.reproducing import pamrl


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight actors say three sentences with two feelings: a tone that is high or low."""
    folder = tmp_path / "emodb" / "wav"
    folder.mkdir(parents=True)
    rng, time = np.random.default_rng(0), np.arange(12_000) / 16_000
    for actor in range(3, 11):
        for sentence in ("a01", "a02", "b03"):
            for letter, pitch in (("W", 220.0), ("T", 110.0)):
                tone = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * rng.normal(size=len(time))
                name = f"{actor:02d}{sentence}{letter}a.wav"
                soundfile.write(folder / name, tone, 16_000, subtype="PCM_16")
    (folder / "03a01Wa.wav").write_bytes(b"no sound")
    brief = Options(epochs=1, batch_size=8)
    short = tuple(
        replace(one, shares=(0.25, 0.25), plain=brief, private=brief) for one in pamrl.LAYOUTS
    )
    monkeypatch.setattr(pamrl, "LAYOUTS", short)
    return tmp_path / "emodb"


def test_a_table_goes_on_where_it_was_stopped(
    spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyveil.tasks.reproducing import cell

    own, done = cell.carry_out, []

    def stopped(*args: object) -> object:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(args[0])
        return own(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(cell, "carry_out", stopped)
    out = tmp_path / "table"
    with pytest.raises(KeyboardInterrupt):
        polyveil.reproduce("pamrl", spoken, out, seeds=1, epsilons=[8.0], methods=["joint"])
    partial = (out / "table.html").read_text()
    assert "Not finished" in partial and "1 cell is still to be done" in partial
    monkeypatch.setattr(cell, "carry_out", own)
    made = polyveil.reproduce("pamrl", spoken, out, seeds=1, epsilons=[8.0], methods=["joint"])
    assert [row.epsilon for row in made.rows] == [None, 8.0] and made.job.counts.records_refused
    page = (out / "table.md").read_text()
    assert "nothing bounds" in page and "one record with all its modalities" in page
    values = json.loads((out / "table.json").read_text())
    assert values["schema"] == "polyveil.reproduced/2" and values["splits"][0]["train"] > 0
    (cost,) = values["costs"]
    accuracy = [row["figures"]["accuracy"]["mean"] for row in values["rows"]]
    assert cost["accuracy"]["mean"] == pytest.approx(accuracy[0] - accuracy[1])
    html = (out / "table.html").read_text()
    command = "polyveil reproduce pamrl --data DIR --out DIR --seeds 1 --epsilon 8 --method joint"
    assert "Not finished" not in html and command in html
    assert str(tmp_path) not in html + page and "03a01" not in html + page
    assert "privacy" in made.summary() and "|" not in made.summary()


def test_a_dry_run_counts_cells_and_writes_nothing(spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "table"
    found = CliRunner().invoke(
        app, ["reproduce", "pamrl", "--data", str(spoken), "--out", str(out), "--dry-run"]
    )
    assert found.exit_code == EXIT_RECORDS_REFUSED
    assert "125 cells are still to be done" in found.stdout
    assert "48 records read, 1 of them refused; 7 classes" in found.stdout
    assert "1 × voice: its first bytes" in found.stdout
    assert "Nothing was trained yet." in found.stdout
    assert not out.exists()


def test_a_folder_that_cannot_be_used_is_known_before_the_records_are_read(
    spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "table"
    out.write_text("a file")
    monkeypatch.setattr(pamrl, "read", lambda *_: pytest.fail("the records were read"))
    found = CliRunner().invoke(
        app, ["reproduce", "pamrl", "--data", str(spoken), "--out", str(out)]
    )
    assert isinstance(found.exception, UsageError) and "expected a folder that" in str(
        found.exception
    )


def test_a_table_is_not_written_into_its_data(spoken: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="inside what is read"):
        polyveil.reproduce("pamrl", spoken, spoken / "wav" / "table")
    assert sorted(path.suffix for path in (spoken / "wav").iterdir()) == [".wav"] * 48
    # Beside the recordings it is in nobody's way.
    assert polyveil.reproduce("pamrl", spoken, spoken / "table", dry_run=True).left


def test_what_is_asked_for_twice_is_one_cell(spoken: Path, tmp_path: Path) -> None:
    made = polyveil.reproduce(
        "pamrl", spoken, seeds=1, epsilons=[8, 8.0], methods=["joint", "joint"], dry_run=True
    )
    assert made.left == 2 and made.job.command.count("joint") == 1


def test_whoever_interrupts_hears_how_to_go_on(
    spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pamrl, "read", stopped)
    asked = ["reproduce", "pamrl", "--data", str(spoken), "--out", str(tmp_path / "table")]
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 130 and "give the same command again to go on" in found.output


def test_refusals_are_told_by_reason(spoken: Path, tmp_path: Path) -> None:
    out, heard = tmp_path / "table", []
    made = polyveil.reproduce(
        "pamrl", spoken, out, seeds=1, epsilons=[], methods=["joint"], on_event=heard.append
    )
    ((reason, count),) = made.refused.items()
    assert count == 1 and reason.startswith("voice:")
    assert json.loads((out / "table.json").read_text())["refused"] == made.refused
    for text in (made.summary(), made.markdown(), (out / "table.html").read_text()):
        assert f"1 × {reason}" in text
    assert StageStarted("records", 48) in heard and heard.count(RecordDone("records")) == 48


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "other"}, "expected pamrl"),
        ({"methods": ["jiont"]}, "expected some of alternating"),
        ({"data": "."}, "none of the known layouts"),
        ({"epsilons": [1.0, 0.0]}, "epsilon: 0; expected a finite number > 0"),
        ({"epsilons": [float("nan")]}, "epsilon: nan"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    spoken: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    asked = {"system": "pamrl", "data": spoken, "out": tmp_path / "table", **changes}
    if changes.get("data"):
        asked["data"] = tmp_path / "table"
    with pytest.raises(UsageError, match=message):
        polyveil.reproduce(**asked)  # type: ignore[arg-type]
