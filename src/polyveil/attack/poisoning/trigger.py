# SPDX-License-Identifier: Apache-2.0
"""Marks that a backdoor answers to: a patch in a picture, a tone in anything else, or several.

A trigger is any function from inputs to inputs of the same shapes. One in a single modality shows
whether that modality alone commands the model; a joint one must be present in all of them. What a
record lacks cannot be marked.

Source: Gu et al., "BadNets", 2017, https://arxiv.org/abs/1708.06733 (patch); Koffas et al., "Can
You Hear It?", 2021, https://arxiv.org/abs/2107.14569 (tone).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Inputs
from polyveil.attack.missing import rows_there, where_there
from polyveil.errors import UsageError

Trigger: TypeAlias = Callable[[Inputs], Inputs]
"""Marks all records; what it was given stays as it was."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A square of one value in the lower right corner of the last two dimensions.

    Attributes:
      modality: which input, of shape (records, ..., height, width).
      size: side, in pixels.
      value: what is written, in the input's own unit (e.g. its greatest value).
    """

    modality: str
    size: int
    value: float

    def __post_init__(self) -> None:
        _validate.at_least(1, size=self.size)

    def __call__(self, inputs: Inputs) -> Inputs:
        """The marked records."""
        values = _modality(inputs, self.modality, least=3).clone()
        values[..., -self.size :, -self.size :] = self.value
        return {**inputs, self.modality: where_there(inputs, self.modality, values)}


@dataclass(frozen=True, slots=True)
class Tone:
    """A sine added along the last dimension: audible in a sound, a fixed pattern in a table's row.

    Attributes:
      modality: which input, of shape (records, ..., time).
      amplitude: in the input's own unit.
      period: in samples of the last dimension.
    """

    modality: str
    amplitude: float
    period: float

    def __post_init__(self) -> None:
        _validate.positive(period=self.period)

    def __call__(self, inputs: Inputs) -> Inputs:
        """The marked records."""
        values = _modality(inputs, self.modality, least=2)
        time = torch.arange(values.shape[-1], dtype=values.dtype, device=values.device)
        wave = self.amplitude * torch.sin(2 * math.pi * (time + 0.5) / self.period)
        return {**inputs, self.modality: where_there(inputs, self.modality, values + wave)}


@dataclass(frozen=True, slots=True)
class Joint:
    """Several marks at once, one after the other.

    Attributes:
      parts: one or more triggers.
    """

    parts: tuple[Trigger, ...]

    def __call__(self, inputs: Inputs) -> Inputs:
        """The marked records."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs


def plain_trigger(inputs: Inputs, modalities: Iterable[str] = ()) -> Trigger:
    """A mark that suits inputs that nobody looked at: for a battery that must choose by itself.

    A patch of a seventh of the side and of the greatest value where the last two dimensions are 8
    or more, else a tone of one standard deviation and a period of 4.

    Args:
      modalities: those to be marked, all at once; by default all of floating point.

    Raises:
      UsageError: no input of floating point: integers are indices that no wave can be added to.
    """
    names = list(modalities) or [
        name
        for name, values in inputs.items()
        if values.is_floating_point() and rows_there(inputs, name).numel()
    ]
    if not names:
        raise UsageError("backdoor: no input of floating point; pass a trigger of your own.")
    parts: list[Trigger] = []
    for name in names:
        values = _modality(inputs, name, least=2)
        if values.ndim > 3 and min(values.shape[-2:]) >= 8:
            size = math.ceil(min(values.shape[-2:]) / 7)
            parts.append(Patch(name, size, float(rows_there(inputs, name).max())))
        else:
            parts.append(Tone(name, float(rows_there(inputs, name).std()), 4.0))
    return parts[0] if len(parts) == 1 else Joint(tuple(parts))


def strength(before: Inputs, after: Inputs) -> float:
    """How far a record is moved: the greatest change of any value, in standard deviations of its
    modality, in the record that is changed least; the most visible modality counts."""
    found = torch.zeros(len(next(iter(before.values()))))
    for name, values in before.items():
        if not values.is_floating_point():
            continue
        moved = (after[name] - values).abs().flatten(1).amax(1)
        found = torch.maximum(found, (moved / values.std().clamp_min(1e-12)).cpu())
    return float(found.min()) if len(found) else 0.0


def _modality(inputs: Inputs, name: str, *, least: int) -> Tensor:
    if name not in inputs or inputs[name].ndim < least or not inputs[name].is_floating_point():
        found = {key: (tuple(one.shape), one.dtype) for key, one in inputs.items()}
        raise UsageError(
            f"backdoor: trigger for {name!r} in {found}; expected such an input, of floating point "
            f"and of {least} dimensions or more."
        )
    return inputs[name]
