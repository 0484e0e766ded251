# SPDX-License-Identifier: Apache-2.0
"""The keyed transform behind a protected template: a secret subspace, then coarse cells.

An embedding is projected onto `kept` of its `dimension` directions; which ones, and how they are
turned, is drawn from the secret (uniform over all choices). The direction of what is left is cut
into 2**bits equally likely cells a coordinate. What follows from that:

- **Key secret.** The projected direction of any embedding is uniform on the sphere, so the cells
  have one and the same distribution whoever the person is, and cells under independent secrets are
  independent. A template alone says nothing, and two templates cannot be linked (to whoever cannot
  tell AES in counter mode from chance).
- **Key stolen.** Nothing about the other dimension - kept directions is in the template. Guessing
  without knowledge about people recovers a cosine of at most about sqrt(kept / dimension); real
  embeddings lie in fewer directions than they have numbers, so measure with `inversion`.
- A secret serves one template. Two embeddings under one secret would show their angle.

Every template that recognises can be turned round with its key; the choice is how much to give for
how much accuracy. Measured by benchmarks/template_protection.py, impostors holding the victim's
key: true accepts, then how often the inverted template passes a renewed one. On made-up people of
128 independent numbers, at 0.1 % false accepts:

    this scheme, 48 x 2 bits  80 %  12 %      BioHash, 128 sign bits         80 %  12 %
    this scheme, 64 x 2 bits  94 %  41 %      Index-of-Max, 64 of 8 choices  86 %  40 %
    this scheme, 64 x 3 bits  98 %  53 %      BioHash, 256 sign bits         98 %  66 %

On real embeddings (dlib's, of LFW faces, centred by `Centre`; about 32 directions), at 1 %:

    this scheme, 48 x 2 bits  98 %  67 %      BioHash, 128 sign bits         97 %  67 %
    this scheme, 64 x 2 bits  99 %  95 %      Index-of-Max, 64 of 8 choices  98 %  79 %
    this scheme, 64 x 3 bits 100 % 100 %      BioHash, 256 sign bits        100 %  93 %

There no scheme wins, and none protects once its key is stolen: whatever is inverted finds its
person among 58 in 95 to 100 % of cases. Keep the key apart from the templates.

Sources: Jin et al., Index-of-Max hashing, IEEE TIFS 13 (2018); Teoh, Ngo & Goh, BioHashing, Pattern
Recognition 37 (2004); Kong et al., An analysis of BioHashing, Pattern Recognition 39 (2006);
Ghammam et al., A cryptanalysis of two cancelable biometric schemes, IEEE TIFS 15 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import ArrayLike, NDArray

from polyveil.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = NDArray[np.uint8]

SECRET_BYTES = 32
_LARGEST = 4096
_MOST_BITS = 4
_WORD = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Scheme:
    """Public parameters of a template.

    Attributes:
      dimension: numbers in an embedding.
      kept: directions that a template sees; fewer leak less to who steals the key, and recognise
        worse.
      bits: per direction, 1 to 4.
    """

    dimension: int
    kept: int
    bits: int = 2

    def __post_init__(self) -> None:
        if not 2 <= self.kept <= self.dimension <= _LARGEST:
            raise UsageError(
                f"template scheme: expected 2 <= kept <= dimension <= {_LARGEST}, got kept = "
                f"{self.kept}, dimension = {self.dimension}."
            )
        if not 1 <= self.bits <= _MOST_BITS:
            raise UsageError(
                f"template scheme: expected 1 <= bits <= {_MOST_BITS}, got {self.bits}."
            )

    @classmethod
    def for_dimension(cls, dimension: int) -> Scheme:
        """Half of the directions, two bits each: the middle of the measured trade-off."""
        return cls(dimension, max(2, dimension // 2))

    @property
    def cells(self) -> int:
        """How many cells a coordinate is cut into."""
        return int(2**self.bits)


def embeddings_of(values: ArrayLike, scheme: Scheme | None = None) -> Floats:
    """Embeddings as float64 (n, dimension) of length 1; one vector becomes a row.

    Raises:
      UsageError: another shape, a value that is not finite, a vector of zeros, no vector.
    """
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] < 2:
        raise UsageError(f"embeddings: expected shape (n, dimension), got {np.shape(values)}.")
    if scheme is not None and rows.shape[1] != scheme.dimension:
        raise UsageError(
            f"embeddings: expected {scheme.dimension} numbers each, got {rows.shape[1]}. Use the "
            "encoder that the templates were made with."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise UsageError("embeddings: expected finite vectors that are not all zeros.")
    return np.asarray(rows / lengths)


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """The secret directions of one template, uniform over all choices. Secret.

    Kept as a normal matrix and what makes its rows orthonormal, from the first row on: to project a
    probe, the orthonormal rows themselves are not needed.

    Attributes:
      normal: float64 (kept, dimension), independent standard normal numbers.
      lower: float64 (kept, kept), lower triangular; lower @ rows = normal.
    """

    normal: Floats = field(repr=False)
    lower: Floats = field(repr=False)

    @classmethod
    def of(cls, secret: bytes, scheme: Scheme) -> Subspace:
        """The subspace that follows from a secret.

        Raises:
          UsageError: the secret has not 32 bytes.
        """
        normal = _normal(secret, scheme)
        return cls(normal, np.asarray(np.linalg.cholesky(normal @ normal.T), dtype=np.float64))

    def see(self, embeddings: Floats) -> Floats:
        """Coordinates (n, kept) of embeddings (n, dimension) along the orthonormal rows."""
        return np.asarray(self._solve(self.normal @ embeddings.T).T)

    def rows(self) -> Floats:
        """The directions themselves, orthonormal rows (kept, dimension)."""
        return self._solve(self.normal)

    def _solve(self, right: Floats) -> Floats:
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self.lower, right, lower=True, check_finite=False))


def cells_of(embeddings: Floats, subspace: Subspace, scheme: Scheme) -> Cells:
    """The cells of unit embeddings (n, dimension) in one subspace: uint8 (n, kept)."""
    seen = subspace.see(embeddings)
    lengths = np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), np.finfo(float).tiny)
    edges, _ = levels(scheme)
    found = np.searchsorted(edges, seen / lengths * np.sqrt(scheme.kept))
    return np.asarray(found, dtype=np.uint8)


def levels(scheme: Scheme) -> tuple[Floats, Floats]:
    """Edges (cells - 1) and mean values (cells) of equally likely cells of a standard normal."""
    from scipy.special import ndtri  # half a second, which only those who recognise should pay

    edges = np.asarray(ndtri(np.arange(1, scheme.cells) / scheme.cells))
    density = np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi)
    ends = np.concatenate([[0.0], density, [0.0]])
    return edges, np.asarray((ends[:-1] - ends[1:]) * scheme.cells)


def similarity(probe: Cells, reference: Cells, scheme: Scheme) -> Floats:
    """Cosine between the means of the cells, in [-1, 1]; over the last axis, needs no key."""
    shared = directions(probe, scheme) * directions(reference, scheme)
    return np.asarray(np.clip(shared.sum(axis=-1), -1.0, 1.0))


def directions(cells: Cells, scheme: Scheme) -> Floats:
    """The means of cells (..., kept) at length 1: their products are similarities."""
    means = levels(scheme)[1][cells]
    return np.asarray(means / np.linalg.norm(means, axis=-1, keepdims=True))


def _normal(secret: bytes, scheme: Scheme) -> Floats:
    """Standard normal numbers (kept, dimension) from the key stream of the secret."""
    from scipy.special import ndtri

    if len(secret) != SECRET_BYTES:
        raise UsageError(f"template secret: expected {SECRET_BYTES} bytes, got {len(secret)}.")
    count = scheme.kept * scheme.dimension
    # A nonce of zeros is right here: each secret makes exactly one stream.
    stream = Cipher(algorithms.AES(secret), modes.CTR(bytes(16))).encryptor()
    words = np.frombuffer(stream.update(bytes(count * _WORD.itemsize)), dtype=_WORD)
    uniform = (words.astype(np.float64) + 0.5) / 2.0**32
    return np.asarray(ndtri(uniform)).reshape(scheme.kept, scheme.dimension)
