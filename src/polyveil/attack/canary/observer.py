# SPDX-License-Identifier: Apache-2.0
"""Watching a training step by step: how much of each canary's gradient is in what was released.

Whoever sees every noised gradient, as the guarantee allows, and knows the weights it was made at,
knows what each canary would have added to it. The product of the two is large where it did. That
is done for all canaries in every step, one layer after the other:

    z_ik = <g_ik / |g_ik|, R_k>        one layer k, canary i, released gradient R
    y_i  = sum_k (u_ik / s_k^2) z_ik / sqrt(sum_k u_ik^2 / s_k^2)

with u_ik the length that canary i has in layer k once clipped and s_k the spread of z_k over the
canaries: noise, and what records have in common. What canaries of one label have in common is taken
off before. No noise multiplier is believed, so the watcher works on any private training.

A second score sees R_t - R_(t-1), from which noise that was used twice is gone.

Source: Nasr et al., USENIX Security 2023, https://arxiv.org/abs/2302.07956 (white-box attacker).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from polyveil.attack.classifier import call, evaluating
from polyveil.attack.examples import Examples, Inputs
from polyveil.errors import UsageError

Floats: TypeAlias = NDArray[np.float32]
Losses: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Clipping: TypeAlias = Literal["flat", "per-layer"]

_AT_ONCE = 64 << 20
"""Numbers of single canaries' gradients that are held together (256 MB)."""
_MOST_CANARIES = 64
_TINY = 1e-12


class GradientObserver:
    """The attacker's eyes in a training loop.

        observer = GradientObserver(model, canaries.examples)
        for inputs, labels in private.batches():
            private.backward(losses)
            observer.observe()          # .grad is what was released, weights are of before
            optimizer.step()

    Args:
      model: under training; its trainable parameters' `.grad` are read, nothing is changed.
      canaries: all of them, whether the training sees them or not.
      calling: how the model is called with one batch of inputs; logits or anything `losses` takes.
      losses: (output, labels) -> one loss a record.
      clipping: "flat" (one norm over all layers) or "per-layer" (each layer has its own).
    """

    def __init__(
        self,
        model: nn.Module,
        canaries: Examples,
        *,
        calling: Callable[[nn.Module, Inputs], Tensor] | None = None,
        losses: Losses | None = None,
        clipping: Clipping = "flat",
    ) -> None:
        self._called, self._canaries = _Called(model, calling or call), canaries
        self._losses = cross_entropy if losses is None else losses
        self._clipping = clipping
        self._layers = layers(model)
        self._before: dict[str, Tensor] = {}
        self._seen: list[tuple[Floats, Floats]] = []
        self.first_losses = self._all_losses()

    @property
    def steps(self) -> int:
        """Released gradients that were watched."""
        return len(self._seen)

    def watched(self) -> tuple[Floats, Floats]:
        """(scores of the released gradients, scores of their differences), each [steps, m]."""
        if not self._seen:
            raise UsageError("observer: no step was watched; call observe() in every step.")
        return np.stack([one for one, _ in self._seen]), np.stack([two for _, two in self._seen])

    def observe(self) -> None:
        """One step: after the release, before the weights change.

        A loop that calls the optimizer also where nothing was released may call this too: without
        gradients nothing is noted.
        """
        released = self._released()
        if not released:
            return
        for name, value in self._called.model.named_parameters():
            if value.requires_grad and name not in released:
                released[name] = torch.zeros_like(value)
        difference = {name: one - self._before.get(name, 0.0) for name, one in released.items()}
        products, norms = self._products((released, difference))
        self._before = released
        lengths = self._lengths(norms)
        labels = self._canaries.labels.numpy()
        one, two = (standardised(each, lengths, labels) for each in products)
        self._seen.append((one, two))

    def _released(self) -> dict[str, Tensor]:
        names = {name for layer in self._layers for name in layer}
        return {
            name: value.grad.detach().clone()
            for name, value in self._called.model.named_parameters()
            if name in names and value.grad is not None
        }

    def _lengths(self, norms: Floats) -> Floats:
        """u: lengths of each layer's part once everything is clipped, up to a common factor."""
        if self._clipping == "per-layer":
            return np.ones_like(norms)
        whole = np.sqrt((norms**2).sum(1, keepdims=True))
        found: Floats = norms / np.maximum(whole, _TINY)
        return found

    def _products(self, directions: Sequence[Mapping[str, Tensor]]) -> tuple[list[Floats], Floats]:
        """<g_ik / |g_ik|, R_k> for each R, and |g_ik|; each [m, layers]."""
        weights = {
            f"model.{name}": value.detach()
            for name, value in self._called.model.named_parameters()
            if value.requires_grad
        }
        size = sum(value.numel() for value in weights.values())
        at_once = max(1, min(_MOST_CANARIES, _AT_ONCE // max(size, 1)))
        products: list[list[Tensor]] = [[] for _ in directions]
        norms: list[Tensor] = []
        with evaluating(self._called.model), sdpa_kernel(SDPBackend.MATH):
            for piece in self._canaries.pieces(at_once):
                gradients = self._gradients(weights, piece)
                norms.append(self._norms(gradients))
                for found, direction in zip(products, directions, strict=True):
                    found.append(self._along(gradients, direction) / norms[-1].clamp_min(_TINY))
        return [torch.cat(one).numpy() for one in products], torch.cat(norms).numpy()

    def _gradients(self, weights: dict[str, Tensor], piece: Examples) -> dict[str, Tensor]:
        """Each canary's own gradient: name -> [canaries, values]."""

        def loss(weights: dict[str, Tensor], inputs: dict[str, Tensor], label: Tensor) -> Tensor:
            one = {name: values[None] for name, values in inputs.items()}
            output = functional_call(self._called, weights, (one,))
            return self._losses(output, label[None]).sum()

        found = vmap(grad(loss), in_dims=(None, 0, 0), randomness="same")(
            weights, dict(piece.inputs), piece.labels
        )
        return {name.removeprefix("model."): one.flatten(1) for name, one in found.items()}

    def _along(self, gradients: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products by layer, float32 [canaries, layers]."""
        columns = [
            sum((gradients[n] @ direction[n].flatten() for n in layer), torch.zeros(()))
            for layer in self._layers
        ]
        return torch.stack(columns, 1).float().cpu()

    def _norms(self, gradients: Mapping[str, Tensor]) -> Tensor:
        columns = [
            torch.stack([gradients[n].norm(dim=1) for n in layer], 1).norm(dim=1)
            for layer in self._layers
        ]
        return torch.stack(columns, 1).float().cpu()

    def losses_fell(self) -> Floats:
        """By how much each canary's loss is below that of the first weights; [m].

        All that an attacker has who cannot follow the training: the score of a black box.
        """
        return self.first_losses - self._all_losses()

    @torch.no_grad()
    def _all_losses(self) -> Floats:
        """Of every canary under the first weights, which know no coin."""
        with evaluating(self._called.model):
            found = [
                self._losses(self._called(piece.inputs), piece.labels)
                for piece in self._canaries.pieces(_MOST_CANARIES)
            ]
        return torch.cat(found).float().cpu().numpy()


class _Called(nn.Module):
    """The model with its way of being called, so that both can be run under other weights."""

    def __init__(self, model: nn.Module, calling: Callable[[nn.Module, Inputs], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._calling = calling

    def forward(self, inputs: Inputs) -> Tensor:
        return self._calling(self.model, inputs)


def cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    """One loss a record, [records]."""
    return functional.cross_entropy(output, labels, reduction="none")


def layers(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Names of trainable parameters by owning module; a tied one belongs to its first."""
    owners: dict[str, list[str]] = {}
    for name, value in model.named_parameters():
        if value.requires_grad:
            owners.setdefault(name.rpartition(".")[0], []).append(name)
    if not owners:
        raise UsageError("observer: expected a model with trainable parameters, got none.")
    return tuple(tuple(names) for names in owners.values())


def standardised(products: Floats, lengths: Floats, labels: NDArray[np.int64]) -> Floats:
    """One score a canary, noise of spread 1 and common parts taken off; [m].

    Args:
      products: z, [m, layers].
      lengths: u, [m, layers]; all >= 0.
    """
    z = without_common(products, labels)
    noise = np.maximum(spread(z), _TINY)
    weights = lengths / noise**2
    scores = (weights * z).sum(1) / np.maximum(np.sqrt((weights * lengths).sum(1)), _TINY)
    scores = scores / max(float(spread(scores[:, None])[0]), _TINY)
    return np.asarray(scores, np.float32)


def without_common(values: Floats, labels: NDArray[np.int64]) -> Floats:
    """Less the mean, and less what each label has of its own; [m, columns]."""
    centred: Floats = values - values.mean(0)
    for label in np.unique(labels):
        rows = labels == label
        # A label with few canaries keeps most of its mean: it is mostly their own.
        centred[rows] -= centred[rows].mean(0) * (rows.sum() / (rows.sum() + 4))
    return centred


def spread(values: Floats) -> Floats:
    """Robust standard deviation of each column: what a few loud canaries do not move."""
    middle = np.median(values, axis=0)
    found: Floats = 1.4826 * np.median(np.abs(values - middle), axis=0)
    return found
