# SPDX-License-Identifier: Apache-2.0
"""What an operand of a torch function is to private training."""

from __future__ import annotations

from torch import Tensor, nn


def is_trainable(tensor: Tensor | None) -> bool:
    """A parameter whose gradient is clipped and noised."""
    return isinstance(tensor, nn.Parameter) and tensor.requires_grad


def is_computed(weight: Tensor | None) -> bool:
    """In the place of a weight: something computed from parameters, which no rule here covers."""
    return weight is not None and weight.requires_grad and not isinstance(weight, nn.Parameter)
