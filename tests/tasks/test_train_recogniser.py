# SPDX-License-Identifier: Apache-2.0
"""polyveil.train on people of several modalities: what leaves names nobody, and runs anywhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import polyveil
from polyveil.errors import UsageError
from polyveil.inputs import FrontEnd
from polyveil.learn.progress import Progress, Read
from polyveil.privacy.key import ProjectKey

PEOPLE, RECORDS = 8, 5
SMALL = {
    "name": "recogniser",
    "width": 8,
    "widths": [8],
    "latent": 1,
    "vae_widths": [8, 8],
    "sequence_vae_widths": [8],
}


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight people, each a pattern and a rhythm of their own; one picture is broken."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder, rng, rows = tmp_path / "album", np.random.default_rng(0), []
    folder.mkdir()
    for person in range(PEOPLE):
        own, beat = rng.integers(0, 200, (16, 16)), rng.normal(size=(12, 2))
        for record in range(RECORDS):
            name = f"{person}-{record}.png"
            noisy = np.clip(own + rng.integers(0, 40, own.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / name)
            trace = (beat + 0.1 * rng.normal(size=beat.shape)).tolist()
            rows.append({"file_name": name, "person": f"Ann Lee {person}", "behaviour": trace})
    (folder / "0-0.png").write_bytes(b"no picture")
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def plan(folder: Path, **changes: Any) -> dict[str, Any]:
    inputs = {
        "image": {"size": 16, "channels": 1},
        "behaviour": {"steps": 12, "centre": [0, 0], "scale": [1, 1]},
    }
    sections: dict[str, Any] = {
        "data": {"path": str(folder), "inputs": inputs},
        "model": SMALL,
        "privacy": {"mode": "none"},
        "training": {"epochs": 2, "batch_size": 16},
    }
    for name, values in changes.items():
        sections[name] = {**sections[name], **values}
    return sections


def test_what_leaves_names_nobody_and_runs_without_torch(album: Path, tmp_path: Path) -> None:
    heard: list[Progress] = []
    report = polyveil.train(plan(album), tmp_path / "run", on_progress=heard.append)
    assert report.guarantee is None and "nothing bounds" in report.reason
    assert report.exit_code == 3 and sum(report.refused.values()) == 1
    assert Read(PEOPLE * RECORDS, PEOPLE * RECORDS) in heard

    facts = json.loads((tmp_path / "run" / "recogniser.json").read_text())
    key = ProjectKey.load_or_create()
    tokens = {key.mac("recogniser/person", f"Ann Lee {at}").hex()[:32] for at in range(PEOPLE)}
    assert set(facts["people"]) == tokens
    for path in (tmp_path / "run").iterdir():
        assert b"Ann Lee" not in path.read_bytes() and b"album" not in path.read_bytes()

    session = onnxruntime.InferenceSession(tmp_path / "run" / "recogniser.onnx")
    ends = {name: FrontEnd.from_json(one) for name, one in facts["inputs"].items()}
    feed: dict[str, Any] = {n: np.zeros((3, *e.shape), np.float32) for n, e in ends.items()}
    for one in session.get_inputs():
        if one.name == "present":
            feed["present"] = np.ones((3, 2), bool)
        elif one.name not in feed:
            feed[one.name] = np.zeros((3, *one.shape[1:]), np.float32)
    embedding, logits = session.run(["embedding", "logits"], feed)
    assert embedding.shape == (3, 8) and logits.shape == (3, PEOPLE)


def test_a_share_of_the_people_stays_unseen(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of eight people a drawn key leaves fewer than two, or none out, once in 25 runs.
    monkeypatch.setattr(
        "polyveil.tasks.modalities.person_token",
        lambda key, name: hashlib.sha256(name.encode()).hexdigest()[:32],
    )
    half = polyveil.train(plan(album, data={"people": 0.5}), tmp_path / "run", dry_run=True)
    everyone = polyveil.train(plan(album), tmp_path / "run", dry_run=True)
    assert 2 <= len(half.data.classes) < len(everyone.data.classes) == PEOPLE
    assert set(half.data.classes) < set(everyone.data.classes)


def test_under_a_budget_the_ledger_is_charged(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Exporting takes most of such a short training, and another test looks at what it writes.
    monkeypatch.setattr("polyveil.tasks.training._others", lambda *_: {})
    ledger = tmp_path / "ledger.db"
    budget = {"mode": "sound", "epsilon": 8.0}
    sections = plan(album, privacy=budget)
    report = polyveil.train(sections, tmp_path / "run", ledger=ledger)
    assert report.guarantee is not None and report.charged is not None
    assert "one record" in (tmp_path / "run" / "model_card.md").read_text()
    with polyveil.Ledger.open(ledger) as book:
        assert book.spent(polyveil.content_hash(album)).epsilon == pytest.approx(8.0, rel=0.05)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"inputs": ["smell"]}, "expected one of face, image"),
        ({"inputs": {"image": {"sise": 3}}}, "no option 'sise'"),
        ({"inputs": ["voice"]}, "no usable record"),
    ],
)
def test_a_plan_that_cannot_be_read_says_so(
    album: Path, tmp_path: Path, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        polyveil.train(plan(album, data=data), tmp_path / "run")
    assert not (tmp_path / "run" / "result.json").exists()
