# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures: every layout gives the same, bad records are refused one by one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_pictures import CLASSES, pictures, save

from polyveil.errors import UsageError
from polyveil.learn.labelled import Labelled, read_labelled
from polyveil.learn.plan import DataPlan

KEY = bytes(32)


def by_content(data: Labelled) -> set[tuple[bytes, str]]:
    return {
        (image.tobytes(), data.classes[label])
        for image, label in zip(data.images, data.labels, strict=True)
    }


def test_every_layout_gives_the_same_records(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    images, labels = pictures(12)
    for at, (image, label) in enumerate(zip(images, labels, strict=True)):
        for path in (
            tmp_path / "rows" / f"{at}.png",
            tmp_path / "dirs" / CLASSES[label] / f"{at}.png",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    rows = [{"file_name": f"{i}.png", "kind": CLASSES[c]} for i, c in enumerate(labels)]
    (tmp_path / "rows" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = [(tmp_path / "rows" / f"{i}.png").read_bytes() for i in range(12)]
    column = [{"bytes": content, "path": None} for content in files]
    pq.write_table(
        pa.table({"image": column, "kind": [CLASSES[c] for c in labels]}), tmp_path / "p.parquet"
    )
    save(tmp_path / "a.npz", 12)
    found = [
        read_labelled(DataPlan(tmp_path / name, label=label))
        for name, label in (
            ("rows", "kind"), ("dirs", "label"), ("p.parquet", "kind"), ("a.npz", "label"),
        )
    ]  # fmt: skip
    assert all(by_content(one) == by_content(found[0]) for one in found)
    assert found[0].shape == (1, 8, 8) and not any(one.refused for one in found)


def test_bad_records_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    for name in ("ann.png", "bob.png"):
        Image.fromarray(pictures(2)[0][0]).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    rows = [
        {"file_name": "ann.png", "label": 1},
        {"file_name": "bob.png", "label": 0},
        {"file_name": "broken.png", "label": 1},
        {"file_name": "absent.png", "label": 1},
        {"file_name": "ann.png"},
        {"file_name": "ann.png", "label": 0.5},
        {"label": 1},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = read_labelled(DataPlan(tmp_path))
    assert len(data) == 2 and data.classes == ("0", "1") and len(data.refused) == 5
    assert not any("ann" in one.reason for one in data.refused)


def test_bad_rows_of_arrays_are_refused(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((6, 8, 8))
    images[1, 0, 0], images[2, 0, 0], images[3, 0, 0] = np.nan, np.inf, 1.5
    labels = np.array([0.0, 1, 1, 1, 0.5, 1])
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    data = read_labelled(DataPlan(tmp_path / "a.npz"))
    assert [one.id for one in data.refused] == ["row:2", "row:3", "row:4", "row:5"]
    assert len(data) == 2


def test_a_pickle_inside_an_npz_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.array([{}], dtype=object), labels=np.array([1]))
    with pytest.raises(UsageError, match="plain arrays"):
        read_labelled(DataPlan(tmp_path / "a.npz"))


def test_pictures_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    for name, side in (("a", 8), ("b", 12)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / name / "x.png")
    with pytest.raises(UsageError, match="size = 32"):
        read_labelled(DataPlan(tmp_path))
    assert read_labelled(DataPlan(tmp_path, size=16)).shape == (1, 16, 16)


def test_classes_of_the_plan_fix_their_order_and_refuse_others(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", 30)
    data = read_labelled(DataPlan(tmp_path / "a.npz", classes=("frame", "bar")))
    assert data.classes == ("frame", "bar") and data.refused and set(data.labels) == {0, 1}


@given(st.floats(0, 0.9), st.integers(0, 50))
def test_one_record_more_moves_no_other(share: float, which: int) -> None:
    images, labels = pictures(60)
    whole = Labelled(images[:, None], labels.astype(np.int64), CLASSES)
    without = Labelled(
        np.delete(images, which, 0)[:, None], np.delete(labels, which).astype(np.int64), CLASSES
    )
    parts = [by_content(part) for part in whole.held_out(share, KEY)]
    fewer = [by_content(part) for part in without.held_out(share, KEY)]
    assert fewer[0] <= parts[0] and fewer[1] <= parts[1]
    assert sum(map(len, parts)) == sum(map(len, fewer)) + 1


def test_about_the_share_is_held_out() -> None:
    images, labels = pictures(2000)
    whole = Labelled(images[:, None], labels.astype(np.int64), CLASSES)
    _, out = whole.held_out(0.1, KEY)
    assert 130 < len(out) < 270
