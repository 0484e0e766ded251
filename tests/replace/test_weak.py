# SPDX-License-Identifier: Apache-2.0
"""Blur, pixelation, box: flagged, local, and a blur that really can be matched again."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.records.finding import Box, Face
from polyveil.replace import weak
from polyveil.replace.persona import Persona

NOBODY = Persona(("A",), ("B",), None, None, 1, 0, "0" * 32)


def face(*box: float) -> Face:
    return Face(Box(*box), np.zeros((5, 2), np.float32), 1.0, "test")


@pytest.mark.parametrize("make", [weak.blurring, weak.pixelating])
def test_weak_ways_say_so(make) -> None:
    assert make().weak and "recognised again" in make().warning


def test_a_box_cannot_be_undone() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    done = weak.boxing().replace(pixels, face(20, 20, 60, 60), NOBODY)
    assert np.unique(done.pixels[done.mask]).tolist() == [127]
    assert not weak.boxing().weak and weak.boxing().warning


@pytest.mark.parametrize("make", [weak.blurring, weak.pixelating, weak.boxing])
@pytest.mark.parametrize("box", [(10, 10, 30, 34), (-10, -8, 8, 9), (70, 70, 95, 99),
                                 (200, 200, 240, 240), (5, 5, 5.5, 6)])  # fmt: skip
@pytest.mark.parametrize("shape", [(80, 80), (80, 80, 3)])
def test_only_the_mask_changes(make, box, shape) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    done = make().replace(pixels, face(*box), NOBODY)
    np.testing.assert_array_equal(done.pixels[~done.mask], pixels[~done.mask])
    assert done.pixels.shape == pixels.shape and done.facets == {}


def test_pixelation_leaves_a_fingerprint() -> None:
    """Why it is called weak: the same pixelated face is nearer to its original than another's."""
    rng = np.random.default_rng(3)
    low = rng.integers(0, 255, (2, 6, 6, 3), np.uint8)
    one, two = (np.kron(a, np.ones((10, 10, 1), np.uint8)) for a in low)
    hidden = weak.pixelate(one).astype(float)
    assert np.abs(hidden - one).mean() < np.abs(hidden - two).mean()
