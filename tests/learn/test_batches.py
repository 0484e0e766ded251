# SPDX-License-Identifier: Apache-2.0
"""Logical batches in pieces: every sampled record once, also when there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import NotPrivate
from polyveil.learn.batches import Records, pieces


@given(st.integers(1, 500), st.integers(1, 100))
def test_every_record_once_in_equal_pieces(size: int, physical: int) -> None:
    sample = np.arange(size) * 3
    parts = list(pieces(sample, physical))
    assert np.array_equal(np.concatenate([part.indices for part in parts]), sample)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    lengths = [len(part.indices) for part in parts]
    assert max(lengths) <= physical and max(lengths) - min(lengths) <= 1


def test_an_empty_sample_still_gives_one_piece_that_does_not_count() -> None:
    (piece,) = pieces(np.zeros(0, np.int64), 8)
    assert piece.last and not piece.counts and len(piece.indices) == 1


def test_a_dataset_is_collated_and_tensors_are_indexed() -> None:
    x, y = torch.randn(5, 2), torch.arange(5)
    rows = np.array([4, 1])
    for data in ((x, y), [(x[i], y[i]) for i in range(5)]):
        inputs, labels = Records(data).at(rows)
        assert torch.equal(inputs, x[[4, 1]]) and labels.tolist() == [4, 1]


@pytest.mark.parametrize("data", [iter([1, 2]), (torch.zeros(2), torch.zeros(3)), []])
def test_what_cannot_be_sampled_is_refused(data: object) -> None:
    with pytest.raises(NotPrivate, match="expected"):
        Records(data)
