# SPDX-License-Identifier: Apache-2.0
"""Noise from a cryptographic stream: standard normal, independent, the same when repeated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from polyveil.learn.noise import SecretNoise, occasion

SECRET = bytes(range(32))


def drawn(count: int, step: int = 0, stream: str = "a", secret: bytes = SECRET) -> np.ndarray:
    return SecretNoise(secret).stream(step, stream, count).add_to(torch.zeros(count), 1.0).numpy()


def test_is_standard_normal() -> None:
    sample = drawn(600_000)
    assert stats.kstest(sample, "norm").pvalue > 1e-3
    assert abs(sample.std() - 1) < 0.005
    assert 4.2 < np.abs(sample).max() < 7


def test_a_ks_test_would_notice_too_little_noise() -> None:
    """The alarm works: 0.95 of the noise is rejected."""
    assert stats.kstest(0.95 * drawn(200_000), "norm").pvalue < 1e-6


def test_the_two_numbers_of_a_pair_are_independent() -> None:
    sample = drawn(200_000)
    cosine, sine = sample[:100_000], sample[100_000:]
    assert abs(np.corrcoef(cosine, sine)[0, 1]) < 0.015
    assert abs(np.corrcoef(cosine**2, sine**2)[0, 1]) < 0.015


def test_a_repeated_step_gets_the_same_noise_and_another_step_does_not() -> None:
    assert np.array_equal(drawn(1000, step=3), drawn(1000, step=3))
    for other in (drawn(1000, step=4), drawn(1000, 3, "b"), drawn(1000, 3, secret=bytes(32))):
        assert abs(np.corrcoef(drawn(1000, step=3), other)[0, 1]) < 0.2


def test_pieces_of_a_long_tensor_do_not_repeat() -> None:
    sample = drawn(600_001)
    assert len(np.unique(sample)) > 590_000


def test_without_a_secret_no_two_are_alike() -> None:
    assert SecretNoise().secret != SecretNoise().secret


def test_zero_deviation_adds_nothing() -> None:
    values = torch.ones(3)
    assert torch.equal(SecretNoise().stream(0, "a", 3).add_to(values, 0.0), torch.ones(3))


def test_numbers_taken_in_parts_are_those_taken_at_once() -> None:
    stream = SecretNoise(SECRET).stream(0, "a", 300_000)
    parts = [stream.add_to(torch.zeros(size), 1.0) for size in (7, 280_000, 19_993)]
    assert np.array_equal(torch.cat(parts).numpy(), drawn(300_000))


def test_more_numbers_than_stated_are_refused() -> None:
    with pytest.raises(ValueError, match="no more numbers"):
        SecretNoise().stream(0, "a", 2).add_to(torch.zeros(3), 1.0)


def test_another_sum_at_the_same_step_is_another_occasion() -> None:
    """Else two releases of one step would differ by what they hide, without noise."""
    one = occasion(3, [torch.ones(4), torch.zeros(2)], [0.5, 1.0])
    assert one == occasion(3, [torch.ones(4), torch.zeros(2)], [0.5, 1.0])
    assert one != occasion(4, [torch.ones(4), torch.zeros(2)], [0.5, 1.0])
    assert one != occasion(3, [torch.ones(4) + 1e-7, torch.zeros(2)], [0.5, 1.0])


def test_noise_of_another_size_is_another_occasion() -> None:
    """Else S + n and S + 2 n would give S away."""
    hidden = [torch.ones(4)]
    assert occasion(3, hidden, [1.0]) != occasion(3, hidden, [2.0])
    assert occasion(3, hidden, [1.0, 2.0]) != occasion(3, hidden, [2.0, 1.0])


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecretNoise(b"short")
