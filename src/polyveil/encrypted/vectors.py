# SPDX-License-Identifier: Apache-2.0
"""Vectors of length one: the only ones whose dot product is a cosine.

Under encryption nobody can look whether a vector is what it should be: a NaN or a long vector would
overflow the modulus and come out as noise. So it is checked before, where it is still plain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyveil.errors import UsageError

LENGTH_SLACK = 1e-4
"""How far from 1 a length may be: rounding of float32 and float16 embeddings passes."""


def normalised(vectors: ArrayLike) -> NDArray[np.float64]:
    """The rows, or the one vector, scaled to length 1, also where squares would overflow.

    Args:
      vectors: (d,) or (n, d), finite, no row all zero.

    Raises:
      UsageError: NaN, infinity, an empty array or a row of zeros.
    """
    array = _finite(vectors)
    largest = np.abs(array).max(axis=-1, keepdims=True)
    if np.any(largest == 0):
        raise UsageError("expected vectors with a direction, got one of zeros. Leave it out.")
    # Twice: the quotient of the smallest numbers by themselves keeps few digits.
    mantissa, exponent = np.frexp(array)
    array = np.ldexp(mantissa, exponent - np.frexp(largest)[1])
    scaled: NDArray[np.float64] = array / np.linalg.norm(array, axis=-1, keepdims=True)
    return scaled


def checked(vectors: ArrayLike, *, dimensions: int) -> NDArray[np.float64]:
    """The vectors as float64, their length made exactly 1.

    Args:
      vectors: (d,) or (n, d), lengths within LENGTH_SLACK of 1.
      dimensions: of the array: 1 for one vector, 2 for rows.

    Raises:
      UsageError: another shape, NaN or infinity, or another length; the values are not repeated.
    """
    array = _finite(vectors)
    if array.ndim != dimensions:
        raise UsageError(f"expected {dimensions} dimension(s), got shape {array.shape}.")
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(array, axis=-1, keepdims=True)
    if not np.all(np.abs(lengths - 1) <= LENGTH_SLACK):
        raise UsageError(
            f"expected vectors of length 1 (within {LENGTH_SLACK}), got lengths from "
            f"{lengths.min():.4g} to {lengths.max():.4g}. Scale them with normalised()."
        )
    exact: NDArray[np.float64] = array / lengths
    return exact


def _finite(vectors: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("expected an array of numbers, all rows of one length.") from None
    if array.ndim not in (1, 2) or array.size == 0:
        raise UsageError(f"expected shape (d,) or (n, d), not empty; got {array.shape}.")
    if not np.isfinite(array).all():
        raise UsageError("expected finite numbers, got NaN or infinity. Leave that vector out.")
    return array
