# SPDX-License-Identifier: Apache-2.0
"""A run on several modalities, stopped and gone on with: one charge, one set of weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

import polyveil  # noqa: E402
from polyveil.errors import UsageError  # noqa: E402
from polyveil.learn.progress import Progress, Said, Stepped  # noqa: E402
from polyveil.learn.run_folder import PRIVATE  # noqa: E402

RECORDS = 40


class Stopped(Exception):
    """Stands for everything that ends a process."""


class Place:
    """Clips of a picture and a rhythm, a ledger, and runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clips = folder, folder / "clips"
        self.clips.mkdir()
        rng, rows = np.random.default_rng(0), []
        for at in range(RECORDS):
            pixels = rng.integers(100 * (at % 2), 150 + 100 * (at % 2), (16, 16))
            Image.fromarray(pixels.astype(np.uint8)).save(self.clips / f"{at}.png")
            trace = rng.normal(at % 2, 1, (12, 2)).tolist()
            label = "ab"[at % 2]
            rows.append({"file_name": f"{at}.png", "behaviour": trace, "label": label})
        (self.clips / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def train(
        self, out: str, listen: Callable[[Progress], None] | None = None, **training: Any
    ) -> Any:
        inputs = {
            "image": {"size": 16, "channels": 1},
            "behaviour": {"steps": 12, "centre": [0, 0], "scale": [1, 1]},
        }
        plan = {
            "data": {"path": str(self.clips), "inputs": inputs},
            "model": {"name": "multimodal", "width": 4, "channels": [8, 8]},
            "privacy": {"epsilon": 8.0, "thresholds": "quantile"},
            "training": {"epochs": 4, "batch_size": 16, **training},
        }
        ledger = self.folder / "ledger.db"
        return polyveil.train(plan, self.folder / out, ledger=ledger, on_progress=listen)

    def spent(self) -> Any:
        with polyveil.Ledger.open(self.folder / "ledger.db") as ledger:
            return ledger.spent(polyveil.content_hash(self.clips))

    def history(self, out: str) -> Any:
        (model,) = json.loads((self.folder / out / "result.json").read_text())["models"]
        return model["history"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    blank = {"curves.png": b"png", "curves.svg": b"svg"}
    monkeypatch.setattr("polyveil.learn.result_folder.draw", lambda *_, **__: blank)
    return Place(tmp_path)


def test_a_stopped_run_ends_with_the_same_weights_for_one_charge(place: Place) -> None:
    run, whole = place.folder / "run", place.folder / "whole"

    def copied(event: Progress) -> None:
        if isinstance(event, Said) and not whole.exists():
            shutil.copytree(run, whole)
        if isinstance(event, Stepped) and event.step == 3:
            raise Stopped

    with pytest.raises(Stopped):
        place.train("run", copied)
    (kept,) = (run / PRIVATE).glob("*.checkpoint")
    assert kept.stat().st_mode & 0o777 == 0o600 and len(place.spent().open_runs) == 1
    heard: list[Progress] = []
    made, twin = place.train("run", heard.append), place.train("whole")
    assert next(event.step for event in heard if isinstance(event, Stepped)) == 3
    assert made.run == twin.run and made.charged == twin.charged
    assert place.history("run") == place.history("whole")
    one, other = (load_file(path / "weights.safetensors") for path in (run, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)
    spent = place.spent()
    assert spent.runs == 1 and not spent.open_runs
    assert float(spent.epsilon) == pytest.approx(made.charged[0], abs=1e-6)
    assert not (run / PRIVATE).exists()


def test_a_run_goes_on_with_as_many_threads_as_it_began_with(place: Place) -> None:
    """Sums of another number of threads may round otherwise: steps would not be done again."""
    seen: list[int] = []
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with pytest.raises(Stopped):
            place.train("run", _third)
        torch.set_num_threads(2)
        place.train("run", lambda event: seen.append(torch.get_num_threads()))
        assert set(seen) == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def _third(event: Progress) -> None:
    if isinstance(event, Stepped) and event.step == 3:
        raise Stopped


def test_a_damaged_state_is_refused_and_stays_charged(place: Place) -> None:
    with pytest.raises(Stopped):
        place.train("run", _third)
    (kept,) = (place.folder / "run" / PRIVATE).glob("*.checkpoint")
    content = kept.read_bytes()
    kept.write_bytes(content[:-9] + bytes([content[-9] ^ 64]) + content[-8:])
    with pytest.raises(UsageError, match="checkpoint"):
        place.train("run")
    assert kept.exists() and len(place.spent().open_runs) == 1
    kept.write_bytes(content)
    assert place.train("run").charged is not None


def test_weights_that_are_no_numbers_are_no_result(place: Place) -> None:
    """Noised steps were done, so they stay charged; the same call finds nothing else to say."""
    for _ in range(2):
        with pytest.raises(UsageError, match="went astray"):
            place.train("run", optimizer="sgd", learning_rate=3e38)
    assert not (place.folder / "run" / "result.json").exists()
    assert len(place.spent().open_runs) == 1
