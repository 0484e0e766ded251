# SPDX-License-Identifier: Apache-2.0
"""The perceptual hash: near for the same picture, far for another."""

from __future__ import annotations

import io

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from polyveil.records.perceptual_hash import distance, is_near, perceptual_hash

seeds = st.integers(0, 2**32 - 1)


def scene(seed: int) -> NDArray[np.uint8]:
    """A smooth scene of random colours, as photographs are smooth."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (192, 144), interpolation=cv2.INTER_CUBIC), np.uint8)


def copied(seed: int) -> NDArray[np.uint8]:
    """The scene resized, made darker or lighter, and saved as JPEG of quality 40 to 95."""
    picture, draw = scene(seed), np.random.default_rng((seed, 1))
    scale, gain = draw.uniform(0.4, 2.0), 0.8 * draw.uniform(0.7, 1.2)
    height, width = (round(side * scale) for side in picture.shape[:2])
    other = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    other = np.clip(other * gain + draw.integers(-10, 31), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(other).save(buffer, "JPEG", quality=int(draw.integers(40, 96)))
    return np.asarray(Image.open(buffer))


def test_the_same_picture_is_near_in_99_of_100_copies() -> None:
    near = [
        is_near(perceptual_hash(scene(seed)), perceptual_hash(copied(seed))) for seed in range(500)
    ]
    assert np.mean(near) >= 0.99


@settings(max_examples=60, deadline=None)
@given(seeds, seeds)
def test_another_picture_is_far(first: int, second: int) -> None:
    if first != second:
        assert not is_near(perceptual_hash(scene(first)), perceptual_hash(scene(second)))


def test_hash_is_64_bit_and_grey_pictures_have_one() -> None:
    value = perceptual_hash(scene(1))
    assert 0 < value < 1 << 64
    grey = cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY).astype(np.uint8)
    assert perceptual_hash(grey) == value


def test_pictures_of_one_colour_match_nothing() -> None:
    white, black = np.full((9, 9, 3), 255, np.uint8), np.zeros((1, 1), np.uint8)
    assert perceptual_hash(white) == perceptual_hash(black) == 0
    assert not is_near(0, 0)
    assert distance(0, 0b1011) == 3
