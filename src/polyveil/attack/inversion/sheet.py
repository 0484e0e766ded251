# SPDX-License-Identifier: Apache-2.0
"""Originals above reconstructions, as one picture: for whoever may see the originals, never for a
report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError

GAP = 2


def contact_sheet(*rows: NDArray[Any], most: int = 12) -> NDArray[np.uint8]:
    """Grey pictures in rows, e.g. originals, then what was rebuilt from them.

    Args:
      rows: (n, height, width) or (n, channels, height, width) each; channels are averaged. All rows
        are scaled alike, so that a pale reconstruction looks pale.
      most: pictures a row.

    Returns:
      uint8 (height, width), white between pictures.

    Raises:
      UsageError: no rows, or pictures of different sizes.
    """
    grey = [_grey(row[:most]) for row in rows]
    if not grey or len({row.shape for row in grey}) != 1:
        raise UsageError(f"sheet: rows {[row.shape for row in grey]}; expected equal shapes.")
    low, high = np.percentile(np.stack(grey), [1, 99])
    scaled = [np.clip((row - low) / max(high - low, 1e-12), 0, 1) * 255 for row in grey]
    border = ((0, 0), (0, GAP), (0, GAP))
    padded = [np.pad(row, border, constant_values=255) for row in scaled]
    return np.concatenate([np.concatenate(list(row), 1) for row in padded]).astype(np.uint8)


def _grey(pictures: NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(pictures, dtype=np.float64)
    if values.ndim == 4:
        values = values.mean(1)
    if values.ndim != 3:
        raise UsageError(f"sheet: pictures {values.shape}; expected (n, [channels,] h, w).")
    return values
