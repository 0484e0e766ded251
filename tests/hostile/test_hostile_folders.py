# SPDX-License-Identifier: Apache-2.0
"""Hostile rows and folders: one refusal each, nothing read outside, everything else goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hostile_pictures import encoded

from polyveil.errors import UnreadableRecord
from polyveil.records.picture import decode
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source

GOOD = b'{"text": "good"}'
BAD_LINES = {
    "broken": b'{"text": ',
    "number": b"7",
    "list": b"[1, 2]",
    "null": b"null",
    "string": b'"text"',
    "key twice": b'{"text": "a", "text": "b"}',
    "key twice, deep": b'{"a": {"b": 1, "b": 2}}',
    "not a number": b'{"age": NaN}',
    "infinite": b'{"age": -Infinity}',
    "beyond a float": b'{"age": 1e999}',
    "endless digits": b'{"age": ' + b"9" * 10_000 + b"}",
    "deep list": b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep object": b'{"a": ' * 50_000 + b"1" + b"}" * 50_000,
    "a little too deep": b'{"a": ' * 40 + b"1" + b"}" * 40,
    "unclosed depth": b"[" * 500_000,
    "endless line": b'{"text": "' + b"a" * (3 << 20) + b'"}',
    "latin-1": '{"text": "Zoë"}'.encode("latin-1"),
    "utf-16": '{"text": "a"}'.encode("utf-16"),
    "lone surrogate": b'{"text": "\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "control character": b'{"text": "a\x01b"}',
    "two objects": b'{"a": 1}{"a": 2}',
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "yaml": b"a: &x [*x, *x]",
    "xml bomb": b'<!DOCTYPE a [<!ENTITY b "c">]>',
    "label is a list": b'{"person": ["a"]}',
    "label is true": b'{"person": true}',
}
BAD_NAMES = {
    "up": "../secret.jpg",
    "up and back": "sub/../../secret.jpg",
    "up inside": "sub/../a.jpg",
    "absolute": "/etc/hostname",
    "device": "/dev/zero",
    "link out": "out.jpg",
    "link through a folder": "outside/secret.jpg",
    "broken link": "broken.jpg",
    "link to itself": "self.jpg",
    "folder": "sub",
    "the folder itself": ".",
    "missing": "missing.jpg",
    "nul": "a.jpg\0",
    "long": "a" * 5000,
    "address": "https://example.org/a.jpg",
    "file address": "file:///etc/hostname",
    "list": ["a.jpg"],
    "number": 7,
    "pipe": "pipe.jpg",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set with links that lead out of it, beside a picture that must never be read."""
    (tmp_path / "secret.jpg").write_bytes(encoded("JPEG"))
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    (root / "a.jpg").write_bytes(encoded("JPEG"))
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "outside").symlink_to(tmp_path)
    (root / "broken.jpg").symlink_to(tmp_path / "nothing")
    (root / "self.jpg").symlink_to(root / "self.jpg")
    os.mkfifo(root / "pipe.jpg")
    return root


def _read(root: Path) -> list[Record | Refused]:
    start = time.process_time()
    source = open_source(root)
    items = list(source.records())
    assert len(source) == len(items)
    assert time.process_time() - start < 5
    return items


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_is_one_refusal(tmp_path: Path, name: str) -> None:
    (tmp_path / "metadata.jsonl").write_bytes(b"\n".join((GOOD, BAD_LINES[name], GOOD)))
    first, second, third = _read(tmp_path)
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert isinstance(second, Refused)
    assert (second.id, second.kind) == ("metadata.jsonl:2", "UnreadableRecord")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_file_name_is_one_refusal(folder: Path, name: str) -> None:
    import json

    line = json.dumps({"file_name": BAD_NAMES[name], "text": "t"}).encode()
    (folder / "metadata.jsonl").write_bytes(b"\n".join((GOOD, line, GOOD)))
    items = _read(folder)
    assert [type(item) for item in items[:3]] == [Record, Refused, Record]
    assert not any("secret" in repr(item) or "hostname" in repr(item) for item in items)


def test_bare_folder_reads_nothing_outside(folder: Path) -> None:
    items = _read(folder)
    read = [item for item in items if isinstance(item, Record)]
    refused = [item for item in items if isinstance(item, Refused)]
    assert [item.image_name for item in read] == ["a.jpg"]
    # out, outside, broken, self, pipe
    assert len(refused) == 5
    assert all("jpg" not in item.reason and "secret" not in item.reason for item in refused)


def test_a_pipe_or_device_is_never_waited_for(folder: Path) -> None:
    for path in (folder / "pipe.jpg", Path("/dev/zero"), folder, folder / "missing"):
        with pytest.raises(UnreadableRecord) as caught:
            decode(path)
        assert str(folder) not in str(caught.value)


def test_very_deep_folders_are_walked(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(600):
        folder /= "d"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded("PNG"))
    assert len(_read(tmp_path)) == 1


@pytest.mark.parametrize(
    "text",
    [
        b'file_name,text\n"' + b"a" * (2 << 20),
        b"file_name,text\n" + b"a" * (2 << 20) + b"\n,good\n",
        b"file_name,text\na,b,c\n,good\n",
        b"file_name,text\na\n,good\n",
        b'file_name,text\n"a"b,c\n,good\n',
        b"file_name,text\n,\xff\xfe\n,good\n",
        b"file_name,text\n../a.jpg,b\n,good\n",
    ],
)
def test_bad_csv_is_refused_by_row(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "metadata.csv").write_bytes(text)
    items = _read(tmp_path)
    assert any(isinstance(item, Refused) for item in items)
    if text.endswith(b"good\n"):
        assert [item.row for item in items if isinstance(item, Record)] == [{"text": "good"}]


def test_a_table_that_is_a_link_out_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.jsonl").write_bytes(GOOD)
    root = tmp_path / "in"
    root.mkdir()
    (root / "metadata.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    (item,) = _read(root)
    assert isinstance(item, Refused)
