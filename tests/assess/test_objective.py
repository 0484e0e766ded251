# SPDX-License-Identifier: Apache-2.0
"""The joint loss prefers the invisible seam, the shorter edit and the agreeing pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.assess.objective import Weights, alignment_loss, image_loss, text_loss, total


def test_a_visible_seam_costs_more() -> None:
    plain = np.full((80, 80, 3), 120, np.uint8)
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:60] = True
    seam = plain.copy()
    seam[mask] = 200
    assert image_loss(plain, mask) == pytest.approx(0, abs=1e-5)
    assert image_loss(seam, mask) > 0.1 > image_loss(seam, np.zeros_like(mask)) == 0.0


@given(st.lists(st.text(alphabet="abc ", max_size=12), max_size=3))
def test_text_loss_is_a_share_and_zero_for_the_same(texts: list[str]) -> None:
    assert text_loss(texts, texts) == 0.0
    assert 0.0 <= text_loss(texts, [t.upper() for t in texts]) <= 1.0


def test_alignment_counts_the_worst_pair_and_lambda_decides() -> None:
    assert alignment_loss([]) == 0.0 and alignment_loss([0.9, 0.2]) == pytest.approx(0.8)
    keep = {"image": 0.1, "text": 0.0, "alignment": 0.8}
    agree = {"image": 0.1, "text": 0.3, "alignment": 0.1}
    assert total(Weights(), **agree) < total(Weights(), **keep)
    assert total(Weights(alignment=0), **keep) < total(Weights(alignment=0), **agree)


def test_a_negative_lambda_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="text"):
        Weights(text=-1)
