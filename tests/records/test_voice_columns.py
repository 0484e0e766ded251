# SPDX-License-Identifier: Apache-2.0
"""The columns `voice` and `behaviour`: as safe as `file_name`, and gone from the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polyveil.records.record import Record, Refused
from polyveil.records.source import Source, open_source
from polyveil.records.table import KEPT_BACK

SECRET = "Maria Keller"


def written(root: Path, *rows: dict[str, Any]) -> Source:
    root.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "metadata.jsonl").write_text(text, "utf-8")
    return open_source(root)


def test_a_row_names_its_voice_and_its_trace(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "train"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    (folder / f"{SECRET}.wav").write_bytes(b"sound")
    (folder / "keys.csv").write_bytes(b"1,2\n")
    rows = [
        {"file_name": "a.png", "voice": f"./{SECRET}.wav", "behaviour": "keys.csv", "text": "x"},
        {"voice": "", "behaviour": None, "text": "y"},
        {"behaviour": [{"hold_ms": 80, "keycode": 65}], "person": "p"},
        {"behaviour": []},
    ]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = open_source(tmp_path / "set")
    both, none, inline, empty = source.records()
    assert isinstance(both, Record) and isinstance(none, Record)
    assert (both.voice, both.behaviour) == (
        (folder / f"{SECRET}.wav").resolve(),
        (folder / "keys.csv").resolve(),
    )
    assert (both.image_name, both.row) == ("train/a.png", {"text": "x"})
    assert (none.voice, none.behaviour, none.row) == (None, None, {"text": "y"})
    assert isinstance(inline, Record) and isinstance(empty, Record)
    assert inline.behaviour == [{"hold_ms": 80, "keycode": 65}]
    assert (inline.row, inline.person) == ({}, "p")
    assert (empty.behaviour, empty.row) == (None, {})
    assert SECRET not in repr(both)
    assert source.ignored[KEPT_BACK["voice"]] == 1
    assert source.ignored[KEPT_BACK["behaviour"]] == 2


def test_the_columns_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"sound")
    (tmp_path / "metadata.csv").write_text("voice,behaviour,text\na.flac,,x\n,,y\n")
    first, second = open_source(tmp_path).records()
    assert isinstance(first, Record) and isinstance(second, Record)
    assert first.voice == (tmp_path / "a.flac").resolve()
    assert (first.behaviour, second.voice) == (None, None)


@pytest.mark.parametrize("column", ["voice", "behaviour"])
@pytest.mark.parametrize(
    "value",
    [
        *("../out.wav", "/etc/hostname", "a\0b", "missing.wav", "sub", "link.wav", ".", "[[1, 2]]"),
        *(5, True, False, {"a": 1}),
    ],
)
def test_no_path_leads_out_and_what_is_missing_is_refused(
    tmp_path: Path, column: str, value: Any
) -> None:
    root = tmp_path / "set"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "out.wav").write_bytes(b"secret")
    (root / "link.wav").symlink_to(tmp_path / "out.wav")
    source = written(root, {column: value, "text": SECRET})
    refused = [item for item in source.records() if isinstance(item, Refused)]
    # The link itself is a second refusal: it may be a picture that no row names.
    assert refused[0].reason.startswith(f"{column}: ")
    assert not [item for item in source.records() if isinstance(item, Record)]
    assert SECRET not in refused[0].reason


def test_parquet_holds_them_as_bytes_or_rows(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {
        # Before the picture, and of the same type: it is no picture.
        "voice": [{"bytes": b"sound", "path": f"{SECRET}.wav"}, None, {"bytes": None, "path": "a"}],
        "image": [{"bytes": b"picture", "path": "a.jpg"}, None, None],
        "behaviour": [[[80.0, 1.0]], [], None],
        "text": ["a", "b", "c"],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    for _ in range(2):
        first, second, third = source.records()
        assert isinstance(first, Record) and isinstance(second, Record)
        assert (first.image, first.voice, first.behaviour) == (b"picture", b"sound", [[80.0, 1.0]])
        assert (first.row, second.row) == ({"text": "a"}, {"text": "b"})
        assert (second.voice, second.behaviour) == (None, None)
        assert isinstance(third, Refused) and "voice is a path outside" in third.reason
    assert source.ignored == {KEPT_BACK["voice"]: 2, KEPT_BACK["behaviour"]: 1}


@pytest.mark.parametrize("column", ["voice", "behaviour"])
def test_parquet_binary_columns_and_wrong_ones(tmp_path: Path, column: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    for name, cells in {"bytes": [b"x"], "text": [SECRET], "number": [1.5]}.items():
        pq.write_table(pa.table({column: cells}), tmp_path / f"{name}.parquet")
        (item,) = open_source(tmp_path / f"{name}.parquet").records()
        if name == "bytes":
            assert isinstance(item, Record) and getattr(item, column) == b"x"
        else:
            assert isinstance(item, Refused) and f"its {column} is no bytes" in item.reason
            assert SECRET not in item.reason
