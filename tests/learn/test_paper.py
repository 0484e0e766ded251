# SPDX-License-Identifier: Apache-2.0
"""Yang's recipe as printed: equations 9 to 13, by hand; and why it promises nothing."""

from __future__ import annotations

import math

import torch
from torch import nn

from polyveil.learn.contribution import PerRecord
from polyveil.learn.group import Group
from polyveil.learn.noise import SecretNoise
from polyveil.learn.paper import ALPHA, MedianOfNorms


def mechanism(multiplier: float, layers: int) -> tuple[MedianOfNorms, list[nn.Parameter]]:
    parameters = [nn.Parameter(torch.zeros(2)) for _ in range(layers)]
    made = MedianOfNorms(multiplier, SecretNoise(bytes(32)))
    made.begin(tuple(Group(str(k), (p,)) for k, p in enumerate(parameters)))
    return made, parameters


def feed(
    made: MedianOfNorms, parameters: list[nn.Parameter], rows: list[list[list[float]]]
) -> None:
    """rows[k][i]: gradient of layer k for record i."""
    for k, parameter in enumerate(parameters):
        made.group(k, [PerRecord((parameter,), (torch.tensor(rows[k]),))])
    made.finish()


def test_every_record_is_clipped_at_the_median_of_its_own_layer_norms() -> None:
    made, parameters = mechanism(0.0, 3)
    feed(made, parameters, [[[3.0, 4.0]], [[0.0, 1.0]], [[2.0, 0.0]]])  # norms 5, 1, 2
    released = made.release(0)
    assert torch.allclose(released[parameters[0]], torch.tensor([1.2, 1.6]), atol=1e-4)
    assert torch.allclose(released[parameters[1]], torch.tensor([0.0, 1.0]))
    assert torch.allclose(released[parameters[2]], torch.tensor([2.0, 0.0]), atol=1e-4)


def test_noise_follows_the_median_and_vanishes_but_for_alpha_with_it() -> None:
    for scale in (0.0, 1.0):
        made, parameters = mechanism(2.0, 1)
        sample = []
        for step in range(400):
            feed(made, parameters, [[[scale, 0.0]]])
            sample.append(made.release(step)[parameters[0]][1])
        expected = 2.0 * (scale + ALPHA)
        assert math.isclose(float(torch.stack(sample).std()), expected, rel_tol=0.15)


def test_it_says_that_it_promises_nothing() -> None:
    assert "no sensitivity" in (mechanism(1.0, 1)[0].no_guarantee or "")
