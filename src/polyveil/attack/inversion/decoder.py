# SPDX-License-Identifier: Apache-2.0
"""What turns an embedding back into a record: fitted on the attacker's own pairs, chosen on his own
held-out pairs.

Ridge regression in closed form is the yardstick: it cannot be undertrained, and a learned decoder
that does not beat it has not learned.

Source: Hoerl & Kennard, Technometrics 12 (1970).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What the attacker holds both sides of.

    Attributes:
      seen: embeddings, float32 (n, d).
      original: float32 (n, ...), row i of both the same record.
    """

    seen: Tensor
    original: Tensor

    @property
    def shape(self) -> Shape:
        """Of one original."""
        return tuple(self.original.shape[1:])

    def at(self, rows: Tensor) -> Pairs:
        """These rows."""
        return Pairs(self.seen[rows], self.original[rows])


@dataclass(frozen=True, slots=True)
class Trained:
    """A decoder after training.

    Attributes:
      name: of the decoder.
      reconstruct: embeddings (n, d) -> (n, ...).
      errors: mean squared error on held-out attacker data, after each epoch; one for a closed form.
      converged: the error had stopped falling when training ended.
    """

    name: str
    reconstruct: Callable[[Tensor], Tensor] = field(repr=False)
    errors: tuple[float, ...]
    converged: bool

    @property
    def error(self) -> float:
        """On held-out attacker data, at its best."""
        return min(self.errors)


def pieces(values: Tensor, size: int = 512) -> Iterator[Tensor]:
    """Rows in order, `size` at once."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


class Decoder(Protocol):
    """A kind of decoder, configured; frozen."""

    @property
    def name(self) -> str:
        """E.g. "ridge"."""
        ...

    def suits(self, shape: Shape) -> bool:
        """Whether originals of this shape can be its output."""
        ...

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """Trained on `known`; whatever it chooses, it chooses on `held`."""
        ...


@dataclass(frozen=True, slots=True)
class Scaling:
    """Embeddings with mean 0 and deviation 1 a coordinate, by the attacker's own."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, seen: Tensor) -> Scaling:
        """From (n, d); a constant coordinate stays at 0."""
        deviation = seen.std(0, correction=0)
        return cls(seen.mean(0), torch.where(deviation > 0, deviation, torch.ones(())))

    def __call__(self, seen: Tensor) -> Tensor:
        """(n, d), scaled."""
        scaled: Tensor = (seen - self.mean) / self.deviation
        return scaled


@dataclass(frozen=True, slots=True)
class Ridge:
    """Linear least squares with the penalty that held-out pairs choose.

    Attributes:
      penalties: tried ones, as multiples of the number of records; a large one is the mean.
    """

    penalties: tuple[float, ...] = (1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)

    @property
    def name(self) -> str:
        """As in results."""
        return "ridge"

    def suits(self, shape: Shape) -> bool:
        """Any shape."""
        return True

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """One singular value decomposition serves all penalties; there is nothing random in it."""
        scaled, mean = Scaling.of(known.seen), known.original.mean(0)
        left, sizes, right = torch.linalg.svd(scaled(known.seen), full_matrices=False)
        onto = left.T @ (known.original - mean).flatten(1)
        rotated, wanted = scaled(held.seen) @ right.T, (held.original - mean).flatten(1)

        def weights(penalty: float) -> Tensor:
            kept: Tensor = sizes / (sizes.square() + penalty * len(known.seen))
            damped: Tensor = kept[:, None] * onto
            return damped

        tried = [float((rotated @ weights(one) - wanted).square().mean()) for one in self.penalties]
        best = min(range(len(tried)), key=tried.__getitem__)
        matrix = right.T @ weights(self.penalties[best])

        def reconstruct(seen: Tensor) -> Tensor:
            found: Tensor = (scaled(seen) @ matrix).reshape(-1, *known.shape) + mean
            return found

        return Trained(self.name, reconstruct, (tried[best],), True)
