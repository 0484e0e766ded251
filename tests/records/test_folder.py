# SPDX-License-Identifier: Apache-2.0
"""Folders: nothing is lost in silence, the order holds, ids say a position and no name."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polyveil.errors import UsageError
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), "red").save(path)


def lines(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def records(root: Path) -> list[Record]:
    source = open_source(root)
    items = list(source.records())
    assert len(source) == len(items)
    assert not [item for item in items if isinstance(item, Refused)]
    return [item for item in items if isinstance(item, Record)]


def test_rows_pictures_alone_and_text_alone(tmp_path: Path) -> None:
    for name in ("a.jpg", "sub/b.png", "c.jpg"):
        picture(tmp_path / name)
    lines(
        tmp_path / "metadata.jsonl",
        {"file_name": "sub/b.png", "text": "b", "person": 7, "n": 1.5},
        {"text": "alone"},
        {"file_name": "./a.jpg", "captions": ["x", "y"], "person": "Anna"},
    )
    first, second, third, last = records(tmp_path)
    assert (first.id, first.image_name, first.person) == ("metadata.jsonl:1", "sub/b.png", "7")
    assert first.row == {"text": "b", "n": 1.5}
    assert (second.image, second.row, second.person) == (None, {"text": "alone"}, None)
    assert (third.image_name, third.person) == ("a.jpg", "Anna")
    assert (last.id, last.image_name, last.row) == ("picture:1", "c.jpg", {})


def test_two_rows_about_one_picture_are_two_records(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    lines(tmp_path / "metadata.jsonl", {"file_name": "a.jpg"}, {"file_name": "a.jpg"})
    assert [item.image_name for item in records(tmp_path)] == ["a.jpg", "a.jpg"]


def test_a_bare_folder_is_sorted_and_recursive(tmp_path: Path) -> None:
    for name in ("z.jpg", "b/x.png", "a/y.jpg", "a/c/w.webp"):
        picture(tmp_path / name)
    got = records(tmp_path)
    assert [item.image_name for item in got] == ["z.jpg", "a/y.jpg", "a/c/w.webp", "b/x.png"]
    assert [item.id for item in got] == [f"picture:{number}" for number in range(1, 5)]


def test_a_picture_without_suffix_is_found_by_its_bytes(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "picture", "PNG")
    assert [item.image_name for item in records(tmp_path)] == ["picture"]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    picture(tmp_path / ".hidden.jpg")
    picture(tmp_path / ".cache" / "a.jpg")
    picture(tmp_path / "a.jpg")
    (tmp_path / "notes.txt").write_text("x")
    source = open_source(tmp_path)
    assert len(source) == 1
    assert sum(source.ignored.values()) == 3
    assert not any("notes" in reason for reason in source.ignored)


def test_ids_hold_positions_and_public_folders_only(tmp_path: Path) -> None:
    lines(tmp_path / "train" / "metadata.jsonl", {"text": "a"})
    lines(tmp_path / "Anna Smith" / "metadata.jsonl", {"text": "b"})
    picture(tmp_path / "Anna Smith" / "Bob.jpg")
    got = [item.id for item in records(tmp_path)]
    assert sorted(got) == ["folder-1/metadata.jsonl:1", "picture:1", "train/metadata.jsonl:1"]
    assert "Anna" not in repr(records(tmp_path))
    assert "Bob" not in repr(records(tmp_path))


def test_file_name_is_relative_to_its_table(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "a.jpg")
    lines(tmp_path / "train" / "metadata.jsonl", {"file_name": "a.jpg"})
    assert [item.image_name for item in records(tmp_path)] == ["train/a.jpg"]


def test_csv_is_read_like_lines(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    text = 'file_name,text,person\na.jpg,"two\nlines, ""quoted""",Anna\n,alone,\n'
    (tmp_path / "metadata.csv").write_text(text, "utf-8")
    first, second = records(tmp_path)
    assert (first.row, first.person) == ({"text": 'two\nlines, "quoted"'}, "Anna")
    assert (second.row, second.person, second.image) == ({"text": "alone"}, None, None)
    assert open_source(tmp_path).tables["metadata.csv"].columns == ("file_name", "text", "person")


def test_a_link_inside_the_data_set_is_followed_to_its_file(tmp_path: Path) -> None:
    picture(tmp_path / "real" / "a.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "again").symlink_to(tmp_path / "real")
    got = records(tmp_path)
    assert [item.image_name for item in got] == ["b.jpg", "real/a.jpg"]
    assert got[0].image == got[1].image


def test_fingerprint_follows_the_input(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    lines(tmp_path / "metadata.jsonl", {"text": "a"})
    first = open_source(tmp_path).fingerprint(b"key")
    assert open_source(tmp_path).fingerprint(b"key") == first
    assert open_source(tmp_path).fingerprint(b"other") != first
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    second = open_source(tmp_path).fingerprint(b"key")
    assert second != first
    lines(tmp_path / "metadata.jsonl", {"text": "b"})
    assert open_source(tmp_path).fingerprint(b"key") != second


def test_missing_input_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        open_source(tmp_path / "Anna")


def test_reading_streams(tmp_path: Path) -> None:
    """Forty megabytes of rows cost a few megabytes of memory."""
    with (tmp_path / "metadata.jsonl").open("w") as file:
        for _ in range(400):
            file.write(json.dumps({"text": "a" * 100_000}) + "\n")
    source = open_source(tmp_path)
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.records()) == len(source) == 400
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
