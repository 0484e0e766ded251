# SPDX-License-Identifier: Apache-2.0
"""People of six hidden traits, who show in a small picture and in a short sound."""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.attack.examples import Examples
from polyveil.attack.inversion.network import Perceptron, Schedule

TRAITS = 6
_DRAW = torch.Generator().manual_seed(7)
IMAGE = torch.randn(TRAITS, 64, generator=_DRAW)
SOUND = torch.randn(TRAITS, 10, generator=_DRAW)
QUICK = Perceptron(width=32, schedule=Schedule(epochs=40, patience=4, rate=3e-3, batch=32))


def people(count: int, *, seed: int, classes: int = 1) -> Examples:
    """image (n, 1, 8, 8), sound (n, 10); the label is which of the first traits is strongest."""
    draw = torch.Generator().manual_seed(seed)
    traits = torch.randn(count, TRAITS, generator=draw)
    image = traits @ IMAGE + 0.1 * torch.randn(count, 64, generator=draw)
    sound = traits @ SOUND + 0.1 * torch.randn(count, 10, generator=draw)
    labels = traits[:, :classes].argmax(1)
    return Examples({"image": image.reshape(-1, 1, 8, 8), "sound": sound}, labels)


def pictures(examples: Examples) -> Examples:
    """The image alone."""
    return Examples({"image": examples.inputs["image"]}, examples.labels)


def joined(inputs: dict[str, Tensor]) -> Tensor:
    """All modalities in a row."""
    return torch.cat([values.flatten(1) for values in inputs.values()], 1)
