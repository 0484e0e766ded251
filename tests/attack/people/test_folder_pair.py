# SPDX-License-Identifier: Apache-2.0
"""Which record belongs to which: by names, rows, looks; nothing is guessed, nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from polyveil.attack.people.pair import FolderPair
from polyveil.errors import UsageError

DRAW = np.random.default_rng(7)


def scene() -> np.ndarray:
    small = DRAW.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return cv2.resize(small, (96, 72), interpolation=cv2.INTER_CUBIC)


def disturbed(pixels: np.ndarray) -> np.ndarray:
    """As if a face in it had been replaced."""
    changed = pixels.copy()
    changed[20:45, 30:55] = DRAW.integers(0, 256, (25, 25, 3))
    return changed


def folder(root: Path, rows: list[dict[str, Any]], pictures: dict[str, np.ndarray]) -> Path:
    root.mkdir(parents=True)
    for name, pixels in pictures.items():
        cv2.imwrite(str(root / name), pixels)
    if rows:
        (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return root


def rows(names: list[str], persons: list[str | None] | None = None) -> list[dict[str, Any]]:
    whose = persons or [None] * len(names)
    return [{"file_name": name, "text": f"row {at}"} | ({"person": who} if who else {})
            for at, (name, who) in enumerate(zip(names, whose, strict=True))]  # fmt: skip


OLD = [f"{at}.png" for at in range(8)]
NEW = [f"{value:024x}.png" for value in DRAW.permutation(8)]
SCENES = [scene() for _ in OLD]


def links(pair: FolderPair) -> list[tuple[int, int]]:
    return [(link.original, link.released) for link in pair.links]


def test_by_file_name_in_any_order_and_format(tmp_path: Path) -> None:
    before = folder(tmp_path / "a", rows(OLD), dict(zip(OLD, SCENES, strict=True)))
    names = [name.replace("png", "jpg") for name in OLD]
    turned = list(reversed(names))
    after = folder(tmp_path / "b", rows(turned), dict(zip(names, SCENES, strict=True)))
    pair = FolderPair.of(before, after)
    assert links(pair) == [(at, 7 - at) for at in range(8)] and pair.how == {"file name": 8}


def test_by_row_order(tmp_path: Path) -> None:
    before = folder(
        tmp_path / "a", rows(OLD, ["x", "x", None, "y"] * 2), dict(zip(OLD, SCENES, strict=True))
    )
    after = folder(tmp_path / "b", rows(NEW), dict(zip(NEW, SCENES, strict=True)))
    pair = FolderPair.of(before, after)
    assert links(pair) == [(at, at) for at in range(8)] and pair.how == {"row order": 8}
    assert pair.labelled and [link.person for link in pair.links[:4]] == ["x", "x", None, "y"]


def test_refused_records_are_left_out(tmp_path: Path) -> None:
    before = folder(tmp_path / "a", [{"text": f"old {at}"} for at in range(5)], {})
    after = folder(tmp_path / "b", [{"text": f"new {at}"} for at in range(4)], {})
    with pytest.raises(UsageError, match="refused"):
        FolderPair.of(before, after)
    pair = FolderPair.of(before, after, refused=["metadata.jsonl:2"])
    assert links(pair) == [(0, 0), (2, 1), (3, 2), (4, 3)] and pair.unpaired == 1


def test_a_picture_that_does_not_decode_was_refused(tmp_path: Path) -> None:
    before = folder(tmp_path / "a", rows(OLD), dict(zip(OLD, SCENES, strict=True)))
    (before / OLD[3]).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    kept = [at for at in range(8) if at != 3]
    after = folder(
        tmp_path / "b", rows([NEW[at] for at in kept]),
        {NEW[at]: disturbed(SCENES[at]) for at in kept},
    )  # fmt: skip
    pair = FolderPair.of(before, after)
    assert links(pair) == list(zip(kept, range(7), strict=True)) and pair.how == {"row order": 7}


def test_an_unknown_gap_is_told_by_pictures_and_proven_by_their_order(tmp_path: Path) -> None:
    mixed = rows(OLD)
    mixed.insert(3, {"text": "alone"})
    before = folder(tmp_path / "a", mixed, dict(zip(OLD, SCENES, strict=True)))
    shorter = [{**row, "file_name": NEW[OLD.index(row["file_name"])]} if "file_name" in row else row
               for row in mixed if row.get("file_name") != OLD[6]]  # fmt: skip
    after = folder(
        tmp_path / "b", shorter,
        {NEW[at]: disturbed(SCENES[at]) for at in range(8) if at != 6},
    )  # fmt: skip
    pair = FolderPair.of(before, after)
    assert links(pair) == [(at, at - (at > 7)) for at in range(9) if at != 7]
    assert pair.how == {"row order": 8} and pair.unpaired == 1


def test_pictures_without_rows_by_their_looks(tmp_path: Path) -> None:
    before = folder(tmp_path / "a", [], dict(zip(OLD, SCENES, strict=True)))
    after = folder(
        tmp_path / "b", [],
        {name: disturbed(pixels) for name, pixels in zip(NEW, SCENES, strict=True)},
    )  # fmt: skip
    pair = FolderPair.of(before, after)
    expected = [(at, sorted(NEW).index(NEW[at])) for at in range(8)]
    assert links(pair) == expected and pair.how == {"picture": 8}


def test_what_looks_the_same_is_not_guessed(tmp_path: Path) -> None:
    same = dict.fromkeys(OLD, SCENES[0])
    before = folder(tmp_path / "a", [], same)
    after = folder(tmp_path / "b", [], dict.fromkeys(NEW, SCENES[0]))
    with pytest.raises(UsageError, match="file names"):
        FolderPair.of(before, after)


def test_a_cut_leaves_two_records_of_everybody(tmp_path: Path) -> None:
    texts = [{"text": str(at), "person": f"p{at % 5}"} for at in range(20)] + [{"text": "alone"}]
    before, after = folder(tmp_path / "a", texts, {}), folder(tmp_path / "b", texts, {})
    pair = FolderPair.of(before, after)
    chosen = pair.chosen(10)
    counts = {f"p{at}": 0 for at in range(5)}
    for link in chosen:
        counts[str(link.person)] += 1
    assert set(counts.values()) == {2} and len(pair.chosen(100)) == 21
    assert [one.row for _, one, _ in pair.records(chosen)] == [
        two.row for _, _, two in pair.records(chosen)
    ]
    with pytest.raises(ValueError, match="most"):
        pair.chosen(0)


def test_tables_in_folders_whose_names_were_changed(tmp_path: Path) -> None:
    for side, folders in (("a", ("Ada", "Bea")), ("b", ("9f", "0c"))):
        for name, count in zip(folders, (3, 4), strict=True):
            folder(tmp_path / side / name, [{"text": f"{name} {at}"} for at in range(count)], {})
    pair = FolderPair.of(tmp_path / "a", tmp_path / "b")
    texts = [(one.row["text"], two.row["text"]) for _, one, two in pair.records(pair.links)]
    assert len(texts) == 7 and ("Ada 1", "9f 1") in texts and ("Bea 3", "0c 3") in texts


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    encoded = [cv2.imencode(".png", one)[1].tobytes() for one in SCENES]
    for name, text in (("old", "before"), ("new", "after")):
        table = pa.table({"image": encoded, "text": [f"{text} {at}" for at in range(8)]})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    pair = FolderPair.of(tmp_path / "old.parquet", tmp_path / "new.parquet")
    assert pair.how == {"row order": 8} and links(pair) == [(at, at) for at in range(8)]
    assert all(isinstance(one.image, bytes) for _, one, _ in pair.records(pair.links[:2]))
