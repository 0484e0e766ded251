# SPDX-License-Identifier: Apache-2.0
"""The embedded attacker finds who can be found, learns what can be learned, and no more."""

from __future__ import annotations

import numpy as np

from polyveil.assess.reidentify import FEWEST, describe, reidentification, weaken
from polyveil.records.finding import Box, Face

RNG = np.random.default_rng(5)
POINTS = np.array([[70, 80], [130, 80], [100, 115], [75, 140], [125, 140]], dtype=np.float32)
FACE = Face(Box(50, 40, 150, 170), POINTS, 0.9, "test")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_positive_control_a_weakened_original_is_found() -> None:
    smooth = [RNG.normal(size=(12, 12)).repeat(20, 0).repeat(20, 1) for _ in range(FEWEST)]
    pictures = [
        np.clip(128 + 40 * s + RNG.normal(size=s.shape), 0, 255).astype(np.uint8) for s in smooth
    ]
    before = np.stack([describe(p, FACE) for p in pictures])
    control = np.stack([describe(weaken(p), FACE) for p in pictures])
    naive, trained = reidentification(before, control, control)
    assert naive.rate.estimate > 0.9 and naive.original > 0.9
    assert trained.rate.n == FEWEST - FEWEST // 2


def test_null_control_independent_outputs_are_at_chance() -> None:
    before, after = unit(RNG.normal(size=(400, 64))), unit(RNG.normal(size=(400, 64)))
    for result in reidentification(before, before, after):
        assert result.rate.low <= result.chance * 2 and result.rate.estimate < 0.03
        assert result.original == 1.0


def test_the_trained_attacker_undoes_a_fixed_secret_rotation() -> None:
    before = unit(RNG.normal(size=(400, 32)))
    rotation, _ = np.linalg.qr(RNG.normal(size=(32, 32)))
    naive, trained = reidentification(before, before, unit(before @ rotation))
    assert naive.rate.estimate < 0.05 < 0.9 < trained.rate.estimate


def test_too_few_faces_say_nothing() -> None:
    rows = unit(RNG.normal(size=(FEWEST - 1, 8)))
    assert reidentification(rows, rows, rows) == []
