# SPDX-License-Identifier: Apache-2.0
"""What a gradient says outright: the labels of its batch, and the inputs of a first linear layer.

For y = Wx + b and one record, dL/dW = (dL/db) xᵀ: the input is a quotient, to the last digit. In a
batch the same holds for every neuron that only one record has activated. The gradient of the last
bias is the mean of (probability - label).

Source: Phong et al., TIFS 2018 (quotient); Fowl et al., ICLR 2022,
https://arxiv.org/abs/2110.13057 (neurons of one record); Zhao et al., 2020,
https://arxiv.org/abs/2001.02610 (labels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from polyveil.attack.examples import Inputs
from polyveil.attack.inversion.leaked import Gradient, GradientSource

_ALIKE = 1e-2
"""Relative distance up to which two quotients are the same record."""


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """A linear layer that sees the input itself.

    Attributes:
      weight, bias: positions among the trainable parameters.
      names: modalities in the order in which the layer sees them, flattened.
    """

    weight: int
    bias: int
    names: tuple[str, ...]


def first_layer(source: GradientSource, inputs: Inputs) -> FirstLayer | None:
    """The first linear layer with a bias whose input is one modality, or all of them in a row;
    found by running `inputs` through. None: there is no such layer."""
    seen: list[tuple[nn.Linear, Tensor]] = []

    def note(layer: nn.Module, arguments: tuple[Any, ...], _: Any) -> None:
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            seen.append((layer, arguments[0].flatten(1)))

    hooks = [one.register_forward_hook(note) for one in source.module.modules()]
    try:
        source.outputs(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    whole = torch.cat([values.flatten(1) for values in inputs.values()], 1)
    shown: dict[tuple[str, ...], Tensor] = {tuple(inputs): whole}
    shown |= {(name,): values.flatten(1) for name, values in inputs.items()}
    at = {id(one): place for place, one in enumerate(source.parameters)}
    for layer, arrived in seen:
        for names, values in shown.items():
            if arrived.shape == values.shape and torch.equal(arrived, values):
                places = at.get(id(layer.weight)), at.get(id(layer.bias))
                if places[0] is not None and places[1] is not None:
                    return FirstLayer(places[0], places[1], names)
    return None


def inputs_of(gradient: Gradient, layer: FirstLayer, records: int) -> Tensor:
    """What the layer saw, as far as quotients tell: (found, d), found <= records.

    For one record least squares over all neurons, which is exact; for several those quotients that
    two neurons or more agree on.
    """
    rows, biases = gradient[layer.weight], gradient[layer.bias]
    if not bool((biases.abs() > 0).any()):
        return rows[:0]
    if records == 1:
        return (biases @ rows / biases.square().sum())[None]
    able = biases.abs() > 1e-6 * biases.abs().max()
    return _repeated(rows[able] / biases[able, None], records)


def labels_of(gradient: Gradient, chances: Tensor, records: int) -> Tensor | None:
    """The labels of a batch, int64 (records,), sorted; None where the last parameter is no bias of
    the classes.

    Args:
      chances: (classes,), mean probabilities that the network gives to the attacker's own records.

    The counts n are sought for which (chances - n / records) points where the gradient of the last
    bias points; its length is not used, since clipping changes it.
    """
    last = gradient[-1]
    if last.shape != chances.shape:
        return None
    counts = torch.zeros_like(chances)
    labels: list[int] = []
    for _ in range(records):
        labels.append(_best(last, chances, counts))
        counts[labels[-1]] += 1
    for _ in range(3):
        for place, label in enumerate(labels):
            counts[label] -= 1
            labels[place] = _best(last, chances, counts)
            counts[labels[place]] += 1
    return torch.tensor(sorted(labels))


def _best(last: Tensor, chances: Tensor, counts: Tensor) -> int:
    tried = counts + torch.eye(len(counts))
    shape = chances - tried / tried.sum(1, keepdim=True)
    return int(nn.functional.cosine_similarity(shape, last[None], dim=1).argmax())


def _repeated(quotients: Tensor, records: int) -> Tensor:
    """Quotients that several neurons agree on, the most frequent first."""
    size = quotients.norm(dim=1).clamp_min(1e-12)
    alike = torch.cdist(quotients, quotients) < _ALIKE * size[None]
    found: list[Tensor] = []
    left = torch.ones(len(quotients), dtype=torch.bool)
    while len(found) < records and bool(left.any()):
        votes = (alike & left).sum(1) * left
        best = int(votes.argmax())
        if int(votes[best]) < 2:
            break
        found.append(quotients[alike[best] & left].median(0).values)
        left &= ~alike[best]
    return torch.stack(found) if found else quotients[:0]
