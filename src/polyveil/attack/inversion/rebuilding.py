# SPDX-License-Identifier: Apache-2.0
"""One leaked gradient to the records behind it: read off where possible, searched for elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from polyveil.attack.examples import Inputs
from polyveil.attack.inversion.closed_form import first_layer, inputs_of
from polyveil.attack.inversion.leaked import Gradient, GradientSource
from polyveil.attack.inversion.matching import Match, Range, Search, apart, match

MATCHING, CLOSED = "gradient matching", "closed form"
METHODS = (CLOSED, MATCHING)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one gradient gave away.

    Attributes:
      inputs: modality -> (records, ...), in no order.
      method: what most of it rests on.
      match: the search; None if there was none.
    """

    inputs: Inputs = field(repr=False)
    method: str
    match: Match | None = None


def rebuild(
    source: GradientSource,
    leaked: Gradient,
    labels: Tensor,
    known: Inputs,
    search: Search,
    methods: tuple[str, ...],
    *,
    seed: int,
) -> Batch:
    """The records of one batch.

    Args:
      labels: (records,), as far as the attacker knows them.
      known: the attacker's own records: where a search starts, and between what bounds.
    """
    ranges = ranges_of(known)
    found = (
        match(source, leaked, labels, ranges, search, seed=seed) if MATCHING in methods else None
    )
    start: Inputs = found.inputs if found else _means(ranges, len(labels))
    read = _read_off(source, leaked, known, ranges, len(labels)) if CLOSED in methods else {}
    if not read:
        return Batch(start, MATCHING if found else CLOSED, found)
    merged = {name: _merged(read.get(name), values) for name, values in start.items()}
    if found is not None and len(labels) == 1:
        # One record: whichever gradient points closer to the leaked one.
        cost = float(apart(source.plain(merged, labels), leaked))
        if cost > found.cost:
            return Batch(start, MATCHING, found)
    return Batch(merged, CLOSED, found)


def ranges_of(inputs: Inputs) -> dict[str, Range]:
    """Of every modality."""
    return {name: Range.of(values) for name, values in inputs.items()}


def _means(ranges: Mapping[str, Range], records: int) -> dict[str, Tensor]:
    return {name: one.mean.expand(records, *one.mean.shape).clone() for name, one in ranges.items()}


def _read_off(
    source: GradientSource,
    leaked: Gradient,
    known: Inputs,
    ranges: Mapping[str, Range],
    records: int,
) -> dict[str, Tensor]:
    """Modality -> (found, ...), 0 < found <= records, of those that a first linear layer sees."""
    layer = first_layer(source, {name: values[:2] for name, values in known.items()})
    if layer is None:
        return {}
    values = inputs_of(leaked, layer, records)
    if not len(values):
        return {}
    sizes = [ranges[name].mean.numel() for name in layer.names]
    columns = torch.tensor_split(values, [int(at) for at in np.cumsum(sizes)[:-1]], dim=1)
    return {
        name: part.reshape(-1, *ranges[name].mean.shape).clamp(ranges[name].low, ranges[name].high)
        for name, part in zip(layer.names, columns, strict=True)
    }


def _merged(read: Tensor | None, searched: Tensor) -> Tensor:
    """What was read off, filled up with the searched records least like it."""
    if read is None:
        return searched
    missing = len(searched) - len(read)
    distance = torch.cdist(searched.flatten(1), read.flatten(1)).min(1).values
    return torch.cat([read, searched[distance.argsort(descending=True)[:missing]]])
