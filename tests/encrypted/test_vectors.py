# SPDX-License-Identifier: Apache-2.0
"""Vectors get length 1 at any scale; whatever is no vector of length 1 is refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyveil.encrypted import normalised
from polyveil.encrypted.vectors import checked
from polyveil.errors import UsageError

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(arrays(np.float64, (3, 5), elements=finite).filter(lambda a: (a != 0).any(axis=1).all()))
def test_any_scale_becomes_length_one(array: np.ndarray):
    scaled = normalised(array)
    assert np.allclose(np.linalg.norm(scaled, axis=1), 1, atol=1e-12)
    assert np.array_equal(np.sign(scaled)[np.abs(scaled) > 0], np.sign(array)[np.abs(scaled) > 0])


def test_agrees_with_the_naive_quotient():
    array = np.random.default_rng(0).normal(size=(20, 7))
    naive = np.array([row / np.sqrt(sum(x * x for x in row)) for row in array])
    assert np.allclose(normalised(array), naive, atol=1e-15)
    assert np.allclose(normalised(array[0]), naive[0], atol=1e-15)


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1e300])
def test_the_direction_survives_extreme_scales(scale: float):
    assert np.allclose(normalised(np.array([3.0, -4.0]) * scale), [0.6, -0.8], atol=1e-2)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([np.nan, 1.0], "NaN"),
        ([np.inf, 1.0], "NaN or infinity"),
        ([[1.0, 0.0], [0.0, 0.0]], "zeros"),
        ([], "not empty"),
        ([[[1.0]]], "shape"),
        ([[1.0, 0.0], [1.0]], "one length"),
        (["a", "b"], "numbers"),
        (3.0, "shape"),
    ],
)
def test_what_has_no_direction_is_refused(bad: object, words: str):
    with pytest.raises(UsageError, match=words):
        normalised(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0.0, 0.5, 0.9998, 1.0002, 2.0, 1e200])
def test_another_length_is_refused(length: float):
    with pytest.raises(UsageError, match="normalised"):
        checked(np.array([0.6, 0.8]) * length, dimensions=1)


def test_rounded_embeddings_pass_and_become_exact():
    rough = normalised(np.random.default_rng(1).normal(size=(4, 64))).astype(np.float32)
    assert np.allclose(np.linalg.norm(checked(rough, dimensions=2), axis=1), 1, atol=1e-14)
    with pytest.raises(UsageError, match="dimension"):
        checked(rough, dimensions=1)
