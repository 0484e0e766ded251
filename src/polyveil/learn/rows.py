# SPDX-License-Identifier: Apache-2.0
"""What is trained, and on what: the whole network on pixels, or its head on features made once.

A network whose first part learns nothing, such as scattering, gives every record the same features
in every epoch. They are a function of that record alone, so the head may be trained on them in
place of the pictures, under the same guarantee, in a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from polyveil.learn.labelled import Labelled
from polyveil.learn.views import scaled

AT_ONCE = 256
"""Records that are put through a network together where nothing is learned."""

_MOST_BYTES = 2 << 30
"""Features that would take more memory are made again in every step."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One row a record.

    Attributes:
      network: maps `as_input(rows)` to logits; the model itself or its head.
      values: uint8 pixels [records, channels, height, width], or float16 features. Secret.
    """

    network: nn.Module
    values: Tensor = field(repr=False)

    def as_input(self, rows: Tensor) -> Tensor:
        """float32, as the network takes them."""
        return scaled(rows) if rows.dtype == torch.uint8 else rows.float()


@torch.no_grad()
def rows_for(model: nn.Module, data: Labelled, *, views: int) -> Rows:
    """Rows of these records.

    Args:
      model: has `features` and `head` where its first part learns nothing.
      views: more than one need pixels, since every step sees others.
    """
    pixels = torch.from_numpy(data.images)
    features, head = getattr(model, "features", None), getattr(model, "head", None)
    if views > 1 or not callable(features) or not isinstance(head, nn.Module):
        return Rows(model, pixels)
    if any(value.requires_grad for value in _outside(model, head)):
        return Rows(model, pixels)
    first = features(scaled(pixels[:1]))
    if 2 * first.numel() * len(pixels) > _MOST_BYTES:
        return Rows(model, pixels)
    made = torch.empty(len(pixels), *first.shape[1:], dtype=torch.float16)
    for start in range(0, len(pixels), AT_ONCE):
        made[start : start + AT_ONCE] = features(scaled(pixels[start : start + AT_ONCE]))
    return Rows(head, made)


def _outside(model: nn.Module, head: nn.Module) -> list[nn.Parameter]:
    inside = {id(value) for value in head.parameters()}
    return [value for value in model.parameters() if id(value) not in inside]
