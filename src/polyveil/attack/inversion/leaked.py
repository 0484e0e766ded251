# SPDX-License-Identifier: Apache-2.0
"""A gradient under attack: what one participant of joint training sends, defended as it is sent.

Clipping alone hides nothing, for it changes a gradient's length and not its direction; noise does.

Source: McMahan et al., ICLR 2018, https://arxiv.org/abs/1710.06963 (clipping and noise).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from polyveil import _validate
from polyveil.attack.classifier import Call, call, evaluating
from polyveil.attack.examples import Examples, Inputs
from polyveil.errors import UsageError

Gradient: TypeAlias = tuple[Tensor, ...]
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Outputs and labels of a batch to their mean loss."""
Release: TypeAlias = Callable[["GradientSource", Examples, torch.Generator], Sequence[Tensor]]
"""What leaves the participant for one batch: one tensor a trainable parameter, in their order."""


class GradientSource:
    """A network whose gradients leak.

    Args:
      module: any; the attacker knows its weights, as every participant of joint training does. Used
        in evaluation mode and left as it was found.
      release: what is sent; None for the plain gradient of the mean loss. It sees the source, so
        that it can take gradients of single records.
      loss: mean over the batch; by default cross-entropy of logits.
      calling: how the module is called; by default one input by position, several by keyword.

    Attributes:
      queries: records whose gradient was taken by a victim so far.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        release: Release | None = None,
        loss: Loss = nn.functional.cross_entropy,
        calling: Call = call,
    ) -> None:
        self.module, self.release = module, release
        self._loss, self._calling = loss, calling
        self.parameters = tuple(one for one in module.parameters() if one.requires_grad)
        if not self.parameters:
            raise UsageError("gradient: the module has no trainable parameter.")
        self.queries = 0

    def plain(self, inputs: Inputs, labels: Tensor, *, graph: bool = False) -> Gradient:
        """The gradient of the mean loss; with `graph` it can be differentiated itself."""
        with evaluating(self.module):
            loss = self._loss(self._calling(self.module, inputs), labels)
        found = torch.autograd.grad(
            loss, self.parameters, create_graph=graph, materialize_grads=True
        )
        return tuple(found)

    def leaked(self, batch: Examples, draw: torch.Generator) -> Gradient:
        """What the victim of this batch sends."""
        self.queries += len(batch)
        if self.release is None:
            return self.plain(batch.inputs, batch.labels)
        sent = tuple(self.release(self, batch, draw))
        if [one.shape for one in sent] != [one.shape for one in self.parameters]:
            raise UsageError(
                f"release: {len(sent)} tensors for {len(self.parameters)} parameters, or of other "
                "shapes; expected one of the same shape for each trainable parameter."
            )
        return tuple(one.detach() for one in sent)

    def undefended(self) -> GradientSource:
        """The same network with plain gradients."""
        return GradientSource(self.module, loss=self._loss, calling=self._calling)

    def outputs(self, inputs: Inputs) -> Tensor:
        """What the attacker computes himself: the network's outputs on his own records."""
        with torch.no_grad(), evaluating(self.module):
            return self._calling(self.module, inputs)


@dataclass(frozen=True, slots=True)
class ClippedNoised:
    """Each record's gradient clipped to L2 length `clip`, their sum plus N(0, (noise * clip)^2),
    divided by the records: one step of differentially private training. noise 0: clipping only."""

    clip: float
    noise: float

    def __post_init__(self) -> None:
        _validate.positive(clip=self.clip)
        _validate.not_negative(noise=self.noise)

    def __call__(
        self, source: GradientSource, batch: Examples, draw: torch.Generator
    ) -> Sequence[Tensor]:
        """See `Release`."""
        total = [torch.zeros_like(one) for one in source.parameters]
        for one in batch.pieces(1):
            own = source.plain(one.inputs, one.labels)
            length = torch.sqrt(sum((part.square().sum() for part in own), torch.zeros(())))
            scale = min(1.0, self.clip / max(float(length), 1e-12))
            for held, part in zip(total, own, strict=True):
                held += scale * part
        return [
            (held + self.noise * self.clip * torch.randn(held.shape, generator=draw)) / len(batch)
            for held in total
        ]
