# SPDX-License-Identifier: Apache-2.0
"""Ways to protect a template, told in one voice: polyveil's, and two peers from the literature.

BioHash and Index-of-Max are written from their papers and inverted by the same linear Gaussian
attacker as polyveil's, who knows the secret and a background population. For polyveil's cells that
is the exact posterior of normal embeddings, for the peers an approximation, worst for embeddings
that are not centred: what is inverted of theirs is the least that a thief gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from _biometrics import KEY, Floats
from polyveil.recognize.inversion import Stolen, informed
from polyveil.recognize.scheme import Scheme, Subspace, cells_of, embeddings_of, similarity
from polyveil.recognize.template import protect, template_secret

Codes = NDArray[np.integer]
Secret = str


class Way(Protocol):
    """A protection under a secret."""

    name: str

    def codes(self, secret: Secret, rows: Floats) -> Codes:
        """(n, dimension) -> (n, length)."""
        ...

    def alike(self, codes: Codes, code: Codes) -> Floats:
        """(n, length) and (length,) -> (n,)."""
        ...

    def invert(self, stolen: Sequence[tuple[Secret, Floats]], knows: Floats) -> Floats:
        """The most probable embedding.

        Args:
          stolen: secrets, and the embeddings that the stolen templates were made of: only their
            codes are used.
          knows: embeddings of other people, (n, dimension).
        """
        ...


@dataclass(frozen=True)
class Ours:
    """polyveil's scheme."""

    scheme: Scheme

    @property
    def name(self) -> str:
        return f"polyveil {self.scheme.kept} × {self.scheme.bits} bits"

    def codes(self, secret: Secret, rows: Floats) -> Codes:
        return cells_of(embeddings_of(rows), Subspace.of(_bytes(secret), self.scheme), self.scheme)

    def alike(self, codes: Codes, code: Codes) -> Floats:
        return similarity(codes.astype(np.uint8), code.astype(np.uint8), self.scheme)

    def invert(self, stolen: Sequence[tuple[Secret, Floats]], knows: Floats) -> Floats:
        thefts = [
            Stolen(protect(row, _bytes(secret), self.scheme), _bytes(secret))
            for secret, row in stolen
        ]
        return informed(thefts, knows)


@dataclass(frozen=True)
class IndexOfMax:
    """Index-of-Max hashing with normal projections; two choices are the sign bits of BioHash."""

    hashes: int
    choices: int

    @property
    def name(self) -> str:
        if self.choices == 2:
            return f"BioHash {self.hashes} bits"
        return f"Index-of-Max {self.hashes} of {self.choices}"

    def codes(self, secret: Secret, rows: Floats) -> Codes:
        way = self._way(secret, rows.shape[-1])
        return (rows @ way.T).reshape(-1, self.hashes, self.choices).argmax(axis=-1)

    def alike(self, codes: Codes, code: Codes) -> Floats:
        return (codes == code).mean(axis=-1)

    def invert(self, stolen: Sequence[tuple[Secret, Floats]], knows: Floats) -> Floats:
        """Mean of a normal embedding given the expected order statistics of each hash."""
        ways = np.concatenate([self._way(secret, knows.shape[1]) for secret, _ in stolen])
        code = np.concatenate([self.codes(secret, row[None])[0] for secret, row in stolen])
        top = self._top
        told = np.full((len(code), self.choices), -top / (self.choices - 1))
        told[np.arange(len(code)), code] = top
        scale = np.sqrt(knows.shape[1])
        people = embeddings_of(knows) * scale
        mean, spread = people.mean(axis=0), ledoit_wolf(people)[0]
        # Order statistics are in units of a projection's spread.
        unit = np.sqrt(np.einsum("ij,jk,ik->i", ways, spread, ways, optimize=True).mean())
        noise = unit**2 * max(1 - float((told**2).mean()), 0.05)
        # (S^-1 + W'W / noise)^-1 W' / noise: as small as an embedding, however many projections.
        gain = np.linalg.solve(np.linalg.inv(spread) + ways.T @ ways / noise, ways.T / noise)
        groups = (ways @ mean).reshape(-1, self.choices)
        # A hash says which projection is largest, nothing of their common height.
        expected = (groups - groups.mean(axis=1, keepdims=True)).ravel()
        return np.asarray(embeddings_of(mean + gain @ (told.ravel() * unit - expected))[0])

    @cached_property
    def _top(self) -> float:
        """Mean of the largest of so many standard normal numbers."""
        draws = np.random.default_rng(0).normal(size=(20000, self.choices))
        return float(draws.max(axis=1).mean())

    def _way(self, secret: Secret, dimension: int) -> Floats:
        seed = np.frombuffer(_bytes(secret), dtype=np.uint32)
        draw = np.random.default_rng(seed)
        return draw.normal(size=(self.hashes * self.choices, dimension))


@dataclass(frozen=True)
class Plain:
    """No protection: the embedding itself, whatever the secret."""

    name: str = "plain embedding"

    def codes(self, secret: Secret, rows: Floats) -> Floats:
        return embeddings_of(rows)

    def alike(self, codes: Floats, code: Floats) -> Floats:
        return codes @ code

    def invert(self, stolen: Sequence[tuple[Secret, Floats]], knows: Floats) -> Floats:
        return np.asarray(embeddings_of(np.stack([row for _, row in stolen]).mean(axis=0))[0])


def ways(dimension: int) -> list[Way]:
    """What is compared, for embeddings of so many numbers."""
    own = [(1 / 4, 2), (3 / 8, 2), (1 / 2, 1), (1 / 2, 2), (1 / 2, 3), (3 / 4, 2), (1, 2)]
    return [
        Plain(),
        *(Ours(Scheme(dimension, round(share * dimension), bits)) for share, bits in own),
        IndexOfMax(dimension, 2),
        IndexOfMax(2 * dimension, 2),
        IndexOfMax(dimension // 2, 8),
        IndexOfMax(dimension, 8),
    ]


def _bytes(secret: Secret) -> bytes:
    return template_secret(KEY, subject=secret, modality="benchmark", enrolment="")
