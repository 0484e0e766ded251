# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one model: what they must share, and nothing else.

Every process draws the same Poisson sample from the shared secret and works on its own stripe of
it. Sums of clipped gradients are added over processes; then each adds the same noise by itself, so
that weights stay equal without being sent. The processes trust each other: they see un-noised sums.
Inactive where torch.distributed is not initialised.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def active() -> bool:
    """Is there more than one process?"""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def stripe() -> tuple[int, int]:
    """(first, step): this process works on positions first, first + step, ... of a sample."""
    return (dist.get_rank(), dist.get_world_size()) if active() else (0, 1)


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of everybody's `values`, in place."""
    if active():
        dist.all_reduce(values)
    return values


def same_everywhere(secret: bytes) -> bytes:
    """The first process's secret, in every process."""
    if not active():
        return secret
    box = torch.frombuffer(bytearray(secret), dtype=torch.uint8).clone()
    dist.broadcast(box, src=0)
    return bytes(box.tolist())


def same_text(text: str) -> str:
    """The first process's text, in every process; of equal length everywhere."""
    return same_everywhere(text.encode()).decode()


def same_weights(parameters: list[Tensor]) -> None:
    """The first process's values, in every process, in place."""
    if active():
        for parameter in parameters:
            dist.broadcast(parameter.detach(), src=0)
