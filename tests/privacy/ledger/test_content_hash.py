# SPDX-License-Identifier: Apache-2.0
"""A data set is its set of record contents, whatever it is called and however it is ordered."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.privacy.ledger import content_hash


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_names_order_folders_dates_and_copies_change_nothing(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", {"a.png": b"1", "b.png": b"2"})
    two = folder(
        tmp_path / "two",
        {"deep/er/z.png": b"1", "2.png": b"2", "again.png": b"2", ".DS_Store": b"x"},
    )
    os.utime(two / "2.png", (1, 1))
    assert content_hash(one) == content_hash(str(two)) and len(content_hash(one)) == 64


def test_one_byte_one_file_more_or_less_is_another_data_set(tmp_path: Path) -> None:
    sets = [{"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3"}, {"a": b"1"}, {"a": b"12"}]
    folders = [folder(tmp_path / str(number), files) for number, files in enumerate(sets)]
    assert len({content_hash(path) for path in folders}) == len(sets)


def test_a_link_counts_as_what_it_leads_to_and_a_loop_ends(tmp_path: Path) -> None:
    plain = folder(tmp_path / "plain", {"a": b"1", "b": b"2"})
    linked = folder(tmp_path / "linked", {"a": b"1"})
    (linked / "more").symlink_to(plain)
    (linked / "loop").symlink_to(linked)
    assert content_hash(linked) == content_hash(plain)
    (linked / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="broken link"):
        content_hash(linked)


@given(st.integers(0, 2**32 - 1))
def test_shuffled_repeated_reshaped_widened_rows_are_the_same(seed: int) -> None:
    dice = np.random.default_rng(seed)
    pictures, labels = dice.integers(0, 200, (9, 2, 3)).astype(np.uint8), np.arange(9)
    rows = np.append(dice.permutation(9), 4)
    again = (pictures[rows].reshape(10, 6).astype(">i4"), labels[rows].astype(np.int16))
    assert content_hash((pictures, labels)) == content_hash(again)
    mapped = {"x": pictures, "y": labels}
    assert content_hash(mapped) == content_hash([pictures, labels])
    exchanged = np.roll(labels, 1)
    assert content_hash((pictures, labels)) != content_hash((pictures, exchanged))


def test_fractions_count_by_value_and_rows_cross_chunks() -> None:
    values = np.random.default_rng(1).normal(size=(3000, 200)).astype(np.float32)
    values[0, 0], values[1, 1] = -0.0, np.nan
    other = values.astype(np.float64)[::-1].copy()
    other[-1, 0], other[-2, 1] = 0.0, -np.nan
    assert content_hash(values) == content_hash(other)
    other[5, 5] += 1e-9
    assert content_hash(values) != content_hash(other)


def test_texts_of_any_width_are_records_too() -> None:
    assert content_hash(np.array(["a", "bb"])) == content_hash(np.array(["bb", "a"], dtype="U9"))
    assert content_hash(np.array([["a", "bc"]])) != content_hash(np.array([["ab", "c"]]))


@pytest.mark.parametrize(
    "data",
    [np.float64(3), np.zeros((0, 2)), [np.zeros(2), np.zeros(3)], np.array([object()]), []],
    ids=["number", "empty", "lengths", "objects", "nothing"],
)
def test_what_has_no_records_is_refused(data: object) -> None:
    with pytest.raises(UsageError, match="data set"):
        content_hash(data)


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError):
            content_hash(path)
