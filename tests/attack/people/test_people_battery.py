# SPDX-License-Identifier: Apache-2.0
"""From two folders to results: real faces, fake tools, broken records, little time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_people import FAMILY, GIVEN

from polyveil.assess.reidentify import FEWEST
from polyveil.attack.people.battery import attack_pair, least_seconds
from polyveil.attack.people.observation import observe
from polyveil.attack.people.pair import FolderPair
from polyveil.attack.people.threats import UNTRIED
from polyveil.detect.faces import find_faces

PEOPLE = 22


@pytest.fixture(scope="module")
def album(data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures each of 22 people of the ORL faces, called after letters."""
    root, out = data("faces_orl") / "dev", tmp_path_factory.mktemp("orl") / "album"
    out.mkdir()
    rows = []
    for number, folder in enumerate(sorted(root.iterdir())[:PEOPLE]):
        for picture in sorted(folder.glob("*.png"))[:2]:
            name = f"{len(rows):03d}.png"
            grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
            # Four times as large: such faces are found faster than small ones are twice.
            cv2.imwrite(str(out / name), cv2.resize(grey, None, fx=2, fy=2))
            who = f"{GIVEN[number]} {FAMILY[number]}"
            rows.append({"file_name": name, "person": who, "text": f"This is {who}, smiling."})
    (out / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return out


def released(album: Path, out: Path, change: Callable[[np.ndarray], np.ndarray] | None) -> Path:
    """A tool that changes faces and keeps texts, or with None copies everything."""
    shutil.copytree(album, out)
    for path in out.glob("*.png") if change else ():
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        for face in find_faces(pixels):
            x0, y0, x1, y1 = (max(0, int(value)) for value in face.box)
            pixels[y0:y1, x0:x1] = change(pixels[y0:y1, x0:x1])
        cv2.imwrite(str(path), pixels)
    return out


def test_a_tool_that_copies_leaks_everywhere(album: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    pair = FolderPair.of(album, released(album, tmp_path / "copy", None))
    found = attack_pair(pair, on_progress=lambda done, all_: heard.append((done, all_)))
    verdicts = {result.attack: result.verdict for result in found.results}
    assert len(verdicts) == 8 == len(found.results)
    for name in (
        "names, dictionary of all originals",
        "local binary patterns, naive",
        "local binary patterns, trained on other people",
        "caption to face, by looks and names",
        "source match, by background and text",
        "records of one person, joined",
    ):
        assert verdicts[name] == "leak demonstrated", (name, verdicts)
    assert heard[-1] == (2 * PEOPLE, 2 * PEOPLE)
    tried = {result.threat.id for result in found.results}
    assert not tried & {threat.id for threat, _ in found.untried}
    assert {threat.id for threat, _ in UNTRIED} <= {threat.id for threat, _ in found.untried}
    assert not any(name in repr(found.results) for name in GIVEN + FAMILY)


def test_noise_instead_of_faces_is_not_accused(album: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    noise = released(
        album, tmp_path / "noise", lambda old: draw.integers(0, 256, old.shape, np.uint8)
    )
    found = attack_pair(FolderPair.of(album, noise))
    by_face = [one for one in found.results if "recogniser" in one.threat.id]
    assert len(by_face) == 3 and all(one.verdict != "leak demonstrated" for one in by_face)
    left = next(m for one in by_face for m in one.measures if m.name == "faces left as they were")
    assert left.estimate == 0.0


def test_a_broken_record_is_one_refusal(album: Path, tmp_path: Path) -> None:
    out = released(album, tmp_path / "out", None)
    (out / "003.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    cropped = cv2.imread(str(out / "005.png"))[:100]
    cv2.imwrite(str(out / "005.png"), cropped)
    seen = observe(FolderPair.of(album, out), most=8)
    assert len(seen.records) == 8 and seen.paired == 2 * PEOPLE and not seen.refused
    seen = observe(FolderPair.of(album, out), most=FEWEST * 2 + 4)
    assert len(seen.refused) == 2 and len(seen.records) == FEWEST * 2 + 2
    assert {refused.kind for refused in seen.refused} == {"UnreadableRecord"}


def test_text_alone_is_attacked_and_time_is_kept(tmp_path: Path) -> None:
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        rows = [{"text": f"{GIVEN[at]} {FAMILY[at]} waves.", "person": str(at)}
                for at in range(25)]  # fmt: skip
        text = "\n".join(map(json.dumps, rows))
        (tmp_path / side / "metadata.jsonl").write_text(text, encoding="utf-8")
    pair = FolderPair.of(tmp_path / "a", tmp_path / "b")
    found = attack_pair(pair)
    names = [one for one in found.results if one.threat.id == "dictionary"]
    assert names[0].verdict == "leak demonstrated"
    reasons = {threat.id: why for threat, why in found.untried}
    assert "0 people" in reasons["recogniser"]
    hurried = attack_pair(pair, seconds=1e-6)
    assert len(hurried.observations.records) == 1 and len(hurried.results) <= 1
    assert 3 < least_seconds(pair) < 20
