# SPDX-License-Identifier: Apache-2.0
"""What a stolen copy is good for: samples made against it, in white box, fool the target unseen.

One signed step per modality, jointly; random signs of the same size say how much of the damage is
the size alone.

Source: Papernot et al., ASIA CCS 2017, https://arxiv.org/abs/1602.02697 (substitute models);
Goodfellow et al., ICLR 2015 (the step).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs


def stepped(copy: Classifier, examples: Examples, step: float) -> Inputs:
    """Inputs moved by `step` standard deviations of their modality, up the copy's loss, inside the
    range that the modality has; inputs that are no floating point stay."""
    leaves = {
        name: values.detach().clone().requires_grad_(values.is_floating_point())
        for name, values in examples.inputs.items()
    }
    moving = [name for name, values in leaves.items() if values.requires_grad]
    loss = functional.cross_entropy(copy.scored(leaves), examples.labels, reduction="sum")
    slopes = torch.autograd.grad(loss, [leaves[name] for name in moving])
    return _moved(examples.inputs, dict(zip(moving, slopes, strict=True)), step)


def scattered(examples: Examples, step: float, seed: int) -> Inputs:
    """The same inputs moved by the same size, with random signs."""
    draw = torch.Generator().manual_seed(seed)
    slopes = {
        name: torch.randn(values.shape, generator=draw).to(values.device)
        for name, values in examples.inputs.items()
        if values.is_floating_point()
    }
    return _moved(examples.inputs, slopes, step)


def _moved(inputs: Inputs, slopes: Inputs, step: float) -> dict[str, Tensor]:
    moved = dict(inputs)
    for name, slope in slopes.items():
        values = inputs[name]
        size = step * values.std()
        moved[name] = (values + size * slope.sign()).clamp(values.min(), values.max()).detach()
    return moved
