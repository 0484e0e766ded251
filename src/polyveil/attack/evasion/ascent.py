# SPDX-License-Identifier: Apache-2.0
"""The way uphill: one joint gradient over all attacked modalities, averaged where the model is
random.

A model that adds noise when asked has a gradient that is mostly noise. Its expectation over several
passes is what an attacker climbs; one pass makes such a model look more robust than it is.

Source: Athalye et al., ICML 2018 (expectation over transformation),
https://arxiv.org/abs/1802.00420
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier, evaluating
from polyveil.attack.evasion.loss import Loss
from polyveil.attack.examples import Inputs


@dataclass(frozen=True, slots=True)
class Slope:
    """Where a set of records stands, and which way is up.

    Attributes:
      gradients: modality -> (n, ...), of the sum over records of the mean loss over passes; the
        caller's own, to be overwritten.
      losses: (n,), mean over passes.
      logits: (n, classes), mean over passes.
    """

    gradients: dict[str, Tensor]
    losses: Tensor
    logits: Tensor

    def flat(self) -> Tensor:
        """bool (n,): the gradient is exactly zero in every value of every attacked modality."""
        zero = [(found == 0).flatten(1).all(1) for found in self.gradients.values()]
        return torch.stack(zero).all(0)


def slope(
    target: Classifier,
    inputs: Inputs,
    labels: Tensor,
    climbed: dict[str, Tensor],
    loss: Loss,
    *,
    rivals: Tensor | None = None,
    averaging: int = 1,
) -> Slope:
    """Gradient, loss and logits at a point.

    Args:
      inputs: all modalities; those in `climbed` are replaced by it.
      climbed: modality -> values to differentiate by.
      averaging: passes, each with its own randomness of the model.
    """
    leaves = {name: values.detach().requires_grad_() for name, values in climbed.items()}
    given = {**inputs, **leaves}
    found = _pass(target, given, labels, leaves, loss, rivals)
    for _ in range(averaging - 1):
        more = _pass(target, given, labels, leaves, loss, rivals)
        for name, gradient in more.gradients.items():
            found.gradients[name].add_(gradient)
        found.losses.add_(more.losses)
        found.logits.add_(more.logits)
    if averaging > 1:
        for values in (*found.gradients.values(), found.losses, found.logits):
            values.div_(averaging)
    return found


def _pass(
    target: Classifier,
    given: Inputs,
    labels: Tensor,
    leaves: dict[str, Tensor],
    loss: Loss,
    rivals: Tensor | None,
) -> Slope:
    with torch.enable_grad():
        logits = target.scored(given)
        losses = loss(logits, labels, labels if rivals is None else rivals)
        if losses.requires_grad:
            gradients = torch.autograd.grad(
                losses.sum(), list(leaves.values()), materialize_grads=True
            )
        else:
            # Nothing leads back to the inputs: a flat landscape, which a guard reports.
            gradients = tuple(torch.zeros_like(values) for values in leaves.values())
    own = {name: _own(values) for name, values in zip(leaves, gradients, strict=True)}
    return Slope(own, losses.detach().clone(), logits.detach().clone())


def _own(gradient: Tensor) -> Tensor:
    # An expanded gradient (of a mean, say) shares its memory and cannot be written to.
    return gradient.contiguous() if 0 not in gradient.stride() else gradient.clone()


@contextmanager
def undisturbed(module: nn.Module, seed: int) -> Iterator[None]:
    """Evaluation mode, no gradients for weights, the model's randomness seeded; all put back."""
    learning = [weight for weight in module.parameters() if weight.requires_grad]
    with torch.random.fork_rng(), evaluating(module):
        torch.manual_seed(seed)
        for weight in learning:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in learning:
                weight.requires_grad_(True)
