# SPDX-License-Identifier: Apache-2.0
"""A recogniser that polyveil.train made, calibrated and used: pictures and rhythms, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import polyveil
from polyveil.errors import UsageError, WeightsError
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.encoder import Encoder
from polyveil.records.record import Record
from polyveil.tasks.recognising.trained_run import TrainedRun

SMALL = {
    "name": "recogniser",
    "width": 16,
    "widths": [8],
    "latent": 1,
    "vae_widths": [8, 8],
    "sequence_vae_widths": [8],
}
INPUTS = {
    "image": {"size": 16, "channels": 1},
    "behaviour": {"steps": 8, "centre": [0, 0], "scale": [1, 1]},
}


def album(folder: Path, people: range, *, records: int = 4) -> Path:
    """People with a pattern and a rhythm of their own."""
    folder.mkdir(parents=True)
    rows = []
    for person in people:
        draw = np.random.default_rng(person)
        own, beat = draw.integers(0, 200, (16, 16)), draw.normal(size=(8, 2))
        for record in range(records):
            name = f"{person}-{record}.png"
            noisy = np.clip(own + draw.integers(0, 40, own.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / name)
            trace = (beat + 0.1 * draw.normal(size=beat.shape)).tolist()
            rows.append({"file_name": name, "person": f"Ann {person}", "behaviour": trace})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on people 0 to 11, under the account's own key."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root / "state"))
        plan: dict[str, Any] = {
            "data": {"path": str(album(root / "train", range(12))), "inputs": INPUTS},
            "model": SMALL,
            "privacy": {"mode": "none"},
            "training": {"epochs": 3, "batch_size": 16},
        }
        polyveil.train(plan, root / "run")
    return root / "run"


def test_people_of_the_training_are_background_and_the_rest_is_judged(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(run.parent / "state"))
    people = album(tmp_path / "people", range(72))
    out, gallery = tmp_path / "recogniser", tmp_path / "g.db"
    report = polyveil.calibrate(people, encoder=run, out=out, far=0.05)
    assert report.people["background"] == 12
    assert report.people["development"] + report.people["evaluation"] == 60
    assert any("cohort of 12" in text for text in report.remarks)
    staff = album(tmp_path / "staff", range(100, 104))
    where: dict[str, Any] = {"recogniser": out, "gallery": gallery}
    assert polyveil.enroll(staff, **where).modalities == {"behaviour": 4, "image": 4}
    picture = staff / "101-3.png"
    found = polyveil.verify("Ann 101", face=picture, **where)
    assert found.decision in ("verified", "rejected") and found.modalities == ("image",)
    with pytest.raises(UsageError, match="--voice: this recogniser reads only"):
        polyveil.verify("Ann 101", voice=picture, **where)
    for path in out.rglob("*"):
        assert path.is_dir() or b"Ann " not in path.read_bytes()


def test_codes_are_sampled_and_an_enrolment_averages_them(run: Path) -> None:
    record = Record("r", {}, behaviour=[[0.1 * step, 1.0] for step in range(8)])
    encoder: Encoder = TrainedRun.open(run)
    assert encoder.modalities(record) == {"behaviour"}
    one, other = (encoder.embed(record)["behaviour"] for _ in range(2))
    assert not np.allclose(one, other), "noise of the codes is drawn anew"
    assert np.isclose(np.linalg.norm(one), 1.0, atol=1e-6)
    many = [encoder.embed(record, draws=64)["behaviour"] for _ in range(2)]
    assert many[0] @ many[1] > one @ other
    seeded = [
        TrainedRun.open(run, noise=np.random.default_rng(3)).embed(record) for _ in range(2)
    ]
    assert np.array_equal(seeded[0]["behaviour"], seeded[1]["behaviour"])
    assert encoder.embed(Record("r", {})) == {}


def test_another_network_is_another_encoder_and_a_changed_one_is_refused(
    run: Path, tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert TrainedRun.open(copy).id == TrainedRun.open(run).id
    content = bytearray((copy / "recogniser.onnx").read_bytes())
    content[-1] ^= 1
    (copy / "recogniser.onnx").write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="not the one that"):
        TrainedRun.open(copy)
    with pytest.raises(UsageError, match="Calibrate it first"):
        polyveil.verify("x", face=run / "model_card.md", recogniser=run, gallery=tmp_path / "g")


def test_a_key_of_another_project_knows_nobody_of_the_training(
    run: Path, tmp_path: Path
) -> None:
    people = album(tmp_path / "people", range(50))
    key = tmp_path / "key"
    ProjectKey.load_or_create(key)
    report = polyveil.calibrate(
        people, encoder=run, out=tmp_path / "r", far=0.1, key=key, dry_run=True
    )
    assert report.people["background"] == 0
    assert any("with another project key than in training" in text for text in report.remarks)
