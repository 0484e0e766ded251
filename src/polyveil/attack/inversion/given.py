# SPDX-License-Identifier: Apache-2.0
"""The decoder that the target itself brings along, made better on the attacker's pairs.

Whoever is handed an autoencoder has its decoder too, trained on the very people whom it is to
protect. An attacker with few pairs of his own starts from there: `Corrected` adds what ridge
regression knows of its mistakes, in closed form; `Given` trains it further, which costs more.

Source: Yosinski et al., NeurIPS 2014, https://arxiv.org/abs/1411.1792 (training further what was
trained elsewhere)
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from polyveil.attack.inversion.decoder import Pairs, Ridge, Scaling, Shape, Trained, pieces
from polyveil.attack.inversion.network import Schedule, learned

GENTLY = Schedule(rate=3e-4)
"""Slower than from scratch: what it knows already is not to be undone."""


@dataclass(frozen=True, slots=True)
class Given:
    """A decoder at hand.

    Attributes:
      module: codes (n, *code) to originals (n, *shape); copied, never changed.
      code: shape of one code, whose numbers in order are the embedding that is inverted.
      shape: of one original.
    """

    module: nn.Module = field(repr=False)
    code: Shape
    shape: Shape
    schedule: Schedule = GENTLY

    @property
    def name(self) -> str:
        """As in results."""
        return "the target's own, trained further"

    def suits(self, shape: Shape) -> bool:
        """Only its own."""
        return shape == self.shape

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """See `Decoder`. An embedding of another size (a control's) gets a linear layer before."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return learned(self.name, _Continued(self, known), known, held, self.schedule)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A decoder at hand, and ridge regression from the code to what it misses.

    Attributes:
      given: the decoder; its schedule is not used.
    """

    given: Given

    @property
    def name(self) -> str:
        """As in results."""
        return "the target's own, corrected"

    def suits(self, shape: Shape) -> bool:
        """Only the given one's."""
        return self.given.suits(shape)

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """See `Decoder`. Ridge alone for an embedding of another size (a control's)."""
        if known.seen.shape[1] != math.prod(self.given.code):
            return replace(Ridge().fit(known, held, seed=seed), name=self.name)

        @torch.no_grad()
        def own(seen: Tensor) -> Tensor:
            module, code = self.given.module, self.given.code
            return torch.cat([module(part.reshape(-1, *code)) for part in pieces(seen)])

        missed = [Pairs(one.seen, one.original - own(one.seen)) for one in (known, held)]
        more = Ridge().fit(*missed, seed=seed)

        def reconstruct(seen: Tensor) -> Tensor:
            return own(seen) + more.reconstruct(seen)

        return Trained(self.name, reconstruct, more.errors, more.converged)


class _Continued(nn.Module):
    """The decoder in the scales in which all decoders are trained."""

    def __init__(self, given: Given, known: Pairs) -> None:
        super().__init__()
        self.body, self._code = copy.deepcopy(given.module), given.code
        for weight in self.body.parameters():
            weight.requires_grad_(True)
        numbers, seen = math.prod(given.code), known.seen.shape[1]
        self.before = nn.Identity() if seen == numbers else nn.Linear(seen, numbers)
        self._scaling, self._mean = Scaling.of(known.seen), known.original.mean(0)
        self._spread = float((known.original - self._mean).square().mean().sqrt()) or 1.0

    def forward(self, scaled: Tensor) -> Tensor:
        seen = scaled * self._scaling.deviation + self._scaling.mean
        rebuilt: Tensor = self.body(self.before(seen).reshape(-1, *self._code))
        return (rebuilt - self._mean) / self._spread
