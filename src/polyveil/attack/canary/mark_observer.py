# SPDX-License-Identifier: Apache-2.0
"""Watching marks step by step: what each canary's own coordinate of every released gradient says.

Two scores: of the released gradients, and of the differences of successive ones, from which noise
that was used twice is gone. See `polyveil.attack.canary.marks`.
"""

from __future__ import annotations

import math
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyveil.attack.canary.observer import Losses, cross_entropy, spread
from polyveil.errors import UsageError

Floats: TypeAlias = NDArray[np.float32]

_LOUDEST = 1e3
_TINY = 1e-12


class Pulling(Protocol):
    """What has marks that canaries pull at, under training: `Marked`, or one path of a network."""

    @property
    def marks(self) -> tuple[nn.Parameter, ...]:
        """One parameter [canaries, 1] a layer."""
        ...

    def signs(self, losses: Losses) -> Floats:
        """Which way each canary pulls its marks: the sign of its loss's slope; float32 [m]."""
        ...

    def sampled(self) -> NDArray[np.int64]:
        """How often each canary went through in training since this was last asked; [m]."""
        ...


class MarkObserver:
    """Reads the marks of every released gradient.

    Args:
      marked: under training.
      losses: (logits, labels) -> one loss a record; as in the training.
    """

    def __init__(self, marked: Pulling, *, losses: Losses = cross_entropy) -> None:
        self._marked, self._losses = marked, losses
        self._signs: Floats | None = None
        self._before: Floats | None = None
        self._seen: list[tuple[Floats, Floats]] = []
        self._sampled: list[NDArray[np.int64]] = []

    @property
    def steps(self) -> int:
        """Released gradients that were watched."""
        return len(self._seen)

    def watched(self) -> tuple[Floats, Floats]:
        """(scores of the released gradients, scores of their differences), each [steps, m].

        Raises:
          UsageError: nothing was watched.
        """
        if not self._seen:
            raise UsageError("marks: no step was watched; call observe() in every step.")
        return np.stack([one for one, _ in self._seen]), np.stack([two for _, two in self._seen])

    def sampled(self) -> NDArray[np.int64]:
        """How often each canary went through the model in each step; [steps, m]."""
        return np.stack(self._sampled)

    def observe(self) -> None:
        """One step: after the release, before the gradients are cleared; else nothing is noted."""
        gradients = [mark.grad for mark in self._marked.marks]
        if any(one is None for one in gradients):
            return
        if self._signs is None:
            self._signs = self._marked.signs(self._losses)
        columns = [one.detach().float().cpu().numpy()[:, 0] for one in gradients if one is not None]
        released = np.stack(columns, 1) * self._signs[:, None]
        difference = released if self._before is None else released - self._before
        self._before = released
        self._seen.append((_combined(released), _combined(difference)))
        self._sampled.append(self._marked.sampled())


def _combined(values: Floats) -> Floats:
    """One score a canary from all layers, of spread 1 where a canary is not; [m].

    A layer counts by how far its noise spreads: where thresholds are alike, that is what makes all
    layers together as loud as the guarantee allows.
    """
    noise = spread(values)
    # Without noise most marks are 0, and what is not stands out as far as one likes.
    noise = np.maximum(noise, np.abs(values).max(0) / _LOUDEST + _TINY)
    combined = (values / noise**2).sum(1) / math.sqrt(float((1 / noise**2).sum()))
    return np.asarray(combined, np.float32)
