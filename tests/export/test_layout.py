# SPDX-License-Identifier: Apache-2.0
"""The layout: names say nothing, public folders stay, the same names in a resumed run."""

from __future__ import annotations

import pickle
import re

import pytest

from polyveil.export.layout import OURS, Layout
from polyveil.export.place import PRIVATE
from polyveil.records.record import Record
from polyveil.records.table import Table

TABLES = {
    "train/metadata.jsonl": Table("train/metadata.jsonl", "train", "jsonl"),
    "folder-2/metadata.csv": Table("folder-2/metadata.csv", "Zoe/2020", "csv", ("file_name",)),
}
LAYOUT = Layout(TABLES, b"s" * 32)


def test_public_folders_stay_and_others_become_tokens() -> None:
    assert LAYOUT.folder("") == ""
    assert LAYOUT.folder("data/train") == "data/train"
    train, zoe = LAYOUT.folder("train/Zoe").split("/")
    assert train == "train"
    assert re.fullmatch("[0-9a-f]{24}", zoe)
    # Below a folder that says something, no name can be trusted to say nothing.
    assert "train" not in LAYOUT.folder("Zoe/train")
    assert LAYOUT.folder("Zoe/train").split("/")[0] == LAYOUT.folder("Zoe")


def test_one_folder_is_one_token_and_two_are_two() -> None:
    assert LAYOUT.folder("a/x") != LAYOUT.folder("b/x")
    assert LAYOUT.folder("a/x").split("/")[1] != LAYOUT.folder("b/x").split("/")[1]
    assert LAYOUT.folder("a/x") == pickle.loads(pickle.dumps(LAYOUT)).folder("a/x")  # noqa: S301
    assert LAYOUT.folder("a/x") != Layout(TABLES, b"t" * 32).folder("a/x")


def test_pictures_get_names_that_say_nothing() -> None:
    record = Record("picture:1", {}, b"", "train/Zoe/Zoe.jpg")
    path = LAYOUT.picture(record, ".jpg")
    assert OURS.fullmatch(path.rpartition("/")[2])
    assert path.startswith("train/")
    assert "Zoe" not in path
    other = Record("picture:2", {}, b"", "train/Zoe/Zoe.jpg")
    assert LAYOUT.picture(other, ".jpg") != path


def test_names_can_be_given() -> None:
    record = Record("picture:1", {}, b"", "a.jpg")
    given = Layout(TABLES, b"s" * 32, lambda _: "0" * 24)
    assert given.picture(record, ".png") == "0" * 24 + ".png"
    with pytest.raises(ValueError, match="24 hex digits"):
        Layout(TABLES, b"s" * 32, lambda _: "Zoe").picture(record, ".png")


def test_tables_stand_where_they_stood() -> None:
    assert LAYOUT.table_path(TABLES["train/metadata.jsonl"]) == "train/metadata.jsonl"
    folder = LAYOUT.folder("Zoe/2020")
    assert LAYOUT.table_path(TABLES["folder-2/metadata.csv"]) == f"{folder}/metadata.csv"
    assert LAYOUT.table_of("train/metadata.jsonl:4") is TABLES["train/metadata.jsonl"]
    assert LAYOUT.table_of("picture:4").folder == ""


def test_pictures_of_parquet_wait_in_the_private_folder() -> None:
    layout = Layout({"data.parquet": Table("data.parquet", "", "parquet")}, b"s" * 32)
    path = layout.picture(Record("data.parquet:1", {}, b"", "Zoe.jpg"), ".jpg")
    assert path.startswith(f"{PRIVATE}/pictures/")


def test_secrets_stay_out_of_repr() -> None:
    assert "Zoe" not in repr(LAYOUT)
    assert "ssss" not in repr(LAYOUT)
