# SPDX-License-Identifier: Apache-2.0
"""The plugin of docs/extending.md, installed and run as it stands there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import invalidate_caches
from pathlib import Path

import numpy as np
import pytest

from polyveil.detect import detector, mentions
from polyveil.records.finding import Kind
from polyveil.records.record import Record

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The documented package on sys.path, with the metadata that an installer would write."""
    text = PAGE.read_text("utf-8")
    [project] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    facts = tomllib.loads(project)["project"]
    info = tmp_path / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: 1.0\n")
    lines = []
    for group, points in facts["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "polyveil_example.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    invalidate_caches()
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    detector.installed.cache_clear()
    mentions.default_detectors.cache_clear()


def test_the_face_detector_joins_and_finds_a_marked_face(plugin: None) -> None:
    [ours] = [one for one in detector.installed() if one.name == "marked-by-hand"]
    picture = np.full((120, 160, 3), 90, np.uint8)
    picture[20:70, 40:80] = (255, 0, 255)
    picture[100:104, 100:104] = (255, 0, 255)
    before = picture.copy()
    [face] = ours.detect(picture)
    assert tuple(face.box) == (40, 20, 80, 70)
    assert (face.points >= (40, 20)).all() and (face.points <= (80, 70)).all()
    assert (picture == before).all()
    assert ours.detect(np.zeros((0, 0, 3), np.uint8)) == []
    assert ours.detect(np.zeros((9, 9), np.uint8)) == []


def test_the_mention_detector_joins_and_finds_a_staff_number(plugin: None) -> None:
    found = mentions.find_mentions(Record("r:1", {"note": "ask E-20417 about it"}))
    [mention] = [one for one in found if one.source == "staff-number"]
    assert (mention.path, mention.start, mention.end) == (("note",), 4, 11)
    assert mention.kind is Kind.HANDLE
