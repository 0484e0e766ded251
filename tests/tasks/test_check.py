# SPDX-License-Identifier: Apache-2.0
"""The second search looks wherever a pixel changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyveil.tasks.check import windows

corner = st.tuples(st.integers(0, 180), st.integers(0, 280), st.integers(1, 60), st.integers(1, 60))


@given(st.lists(corner, max_size=4))
def test_every_changed_pixel_is_searched_again(boxes: list[tuple[int, int, int, int]]) -> None:
    mask = np.zeros((200, 300), bool)
    for top, left, down, across in boxes:
        mask[top : top + down, left : left + across] = True
    for box in windows(mask):
        left, top, right, bottom = map(int, box)
        mask[top:bottom, left:right] = False
    assert not mask.any()
