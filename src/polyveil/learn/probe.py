# SPDX-License-Identifier: Apache-2.0
"""Does every loss depend on its own record alone? Asked of the graph itself, not of module names.

Clipping bounds what a record can do only if its gradient is its own. Batch statistics, routing by
rank within the batch, contrastive losses and time-major layouts break that silently. So before
anything is released, two losses are differentiated one at a time: every other record's share in
every parameter's gradient must be exactly zero, because nothing connects them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.errors import NotPrivate
from polyveil.learn.contribution import Contribution
from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import Grouping


def records_apart(losses: Tensor, watched: ForwardPass, grouping: Grouping) -> bool:
    """Check that records do not mix. Nothing is clipped or released.

    Args:
      losses: one a row, [records * rows], with their graph, which is kept.
      watched: the forward pass that they came from.
      grouping: names the layers.

    Returns:
      True if it was seen; False if the batch shows nothing (one record, or all gradients zero).

    Raises:
      NotPrivate: a loss depends on another record; names the layer.
    """
    if watched.records < 2:
        return False
    rows = losses.shape[0] // watched.records
    first, last = (
        _own_share_alone(losses[i * rows : (i + 1) * rows].sum(), i, watched, grouping)
        for i in (0, watched.records - 1)
    )
    return first or last


def _own_share_alone(loss: Tensor, record: int, watched: ForwardPass, grouping: Grouping) -> bool:
    """Differentiate one record's loss; True if it has a gradient, an error if others have one."""
    if not loss.requires_grad or not torch.isfinite(loss):
        return False
    seen = False

    # Looked at as they come: held until the end they would take the memory of a second pass.
    def look(group: int, contribution: Contribution) -> None:
        nonlocal seen
        squared_norms = contribution.squared_norms()
        seen |= bool(squared_norms[record] > 0)
        squared_norms[record] = 0
        if bool((squared_norms > 0).any()):
            raise _mixed(grouping.groups[group].name, record, squared_norms)

    watched.probe = look
    try:
        torch.autograd.grad(loss, [watched.anchor], retain_graph=True, allow_unused=True)
    finally:
        watched.probe = None
    return seen


def _mixed(layer: str, record: int, squared_norms: Tensor) -> NotPrivate:
    other = int(squared_norms.argmax())
    return NotPrivate(
        f"{layer}: the loss of record {record} depends on record {other} of the batch, so no "
        "clipping bounds what one record can do. Usual causes: batch normalisation (use "
        "GroupNorm), a contrastive or batch-relative loss (use one that needs its own record "
        "alone), or tensors with time first (use batch_first=True)."
    )
