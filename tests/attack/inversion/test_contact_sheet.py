# SPDX-License-Identifier: Apache-2.0
"""A sheet holds every picture once, all rows on one scale."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.attack.inversion.sheet import GAP, contact_sheet
from polyveil.errors import UsageError


def test_rows_share_one_scale() -> None:
    bright = np.linspace(0, 1, 3 * 8 * 6).reshape(3, 8, 6)
    sheet = contact_sheet(bright, bright[:, None] / 2)
    assert sheet.dtype == np.uint8 and sheet.shape == (2 * (8 + GAP), 3 * (6 + GAP))
    pictures = sheet[: 8 + GAP, : 6 + GAP], sheet[8 + GAP :, : 6 + GAP]
    assert pictures[0][:8, :6].mean() > pictures[1][:8, :6].mean()
    assert (sheet[8 : 8 + GAP] == 255).all()


def test_rows_of_different_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="equal shapes"):
        contact_sheet(np.zeros((2, 8, 6)), np.zeros((3, 8, 6)))
    with pytest.raises(UsageError, match="pictures"):
        contact_sheet(np.zeros((2, 8)))
