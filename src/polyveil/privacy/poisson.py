# SPDX-License-Identifier: Apache-2.0
"""Poisson sampling: in every step each record takes part on its own, by a coin of its own.

The accountant's figures hold for exactly this law. Batches of a fixed size, or a shuffle cut into
batches, look alike and are not covered by them. So batches vary in size, may be empty, and a record
may come twice in a row or not for long.

A batch is secret: who knows who was in it knows what sampling was to hide. The draws come from the
operating system's generator: 32 bytes of it key AES-256 in counter mode, one key a step, so that a
run that was killed can be resumed at any step without drawing those before.

Source: Abadi et al., CCS 2016, https://arxiv.org/abs/1607.00133; skips: Devroye 1986, ch. XII.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from polyveil import _validate

Indices: TypeAlias = NDArray[np.int64]

SEED_BYTES: Final = 32
_LEAST_SEED = 16


class PoissonSampler:
    """Batches of record numbers, one a step, each record in each batch with chance `rate`.

    The law is exact to double precision; a step costs time in proportion to its batch.

    Attributes:
      records: number of records N; they are numbered 0 .. N - 1.
      rate: chance q of a record to be in a batch, in (0, 1].
      steps: number of batches that an iteration yields.
      seed: the secret from which all batches follow. Keep it to resume, else forget it.
    """

    __slots__ = ("rate", "records", "seed", "steps")

    def __init__(self, records: int, rate: float, steps: int, seed: bytes | None = None) -> None:
        """
        Args:
          seed: at least 16 secret bytes, to draw the same batches again; None for fresh ones.

        Raises:
          ValueError: naming the argument that is out of range.
        """
        _validate.at_least(1, records=records)
        _validate.at_least(0, steps=steps)
        _validate.positive(rate=rate)
        _validate.probability(rate=rate)
        if seed is not None and len(seed) < _LEAST_SEED:
            raise ValueError(
                f"expected a seed of at least {_LEAST_SEED} secret bytes, got {len(seed)}: a short "
                "one can be guessed, and with it every batch. Use secrets.token_bytes(32)."
            )
        self.records, self.rate, self.steps = records, rate, steps
        self.seed = secrets.token_bytes(SEED_BYTES) if seed is None else bytes(seed)

    @property
    def expected_batch(self) -> float:
        """N q, a public figure; the size of a batch is not one."""
        return self.records * self.rate

    def batch(self, step: int) -> Indices:
        """The record numbers in the batch of a step, ascending; possibly none.

        Always the same for one seed and step. Two releases from one step's batch are not two
        samples: account them as one joint release.
        """
        _validate.at_least(0, step=step)
        if self.rate == 1:
            return np.arange(self.records, dtype=np.int64)
        stream = self._stream(step)
        deviation = math.sqrt(self.expected_batch * (1 - self.rate))
        ahead = int(self.expected_batch + 6 * deviation) + 16
        chosen: list[Indices] = []
        last = -1
        while last < self.records:
            ends = last + np.cumsum(self._skips(stream, ahead) + 1)
            chosen.append(ends)
            last = int(ends[-1])
        every = np.concatenate(chosen)
        return every[: np.searchsorted(every, self.records)]

    def batches(self, start: int = 0) -> Iterator[Indices]:
        """The batches of steps `start` .. steps - 1, in order: resumes a run."""
        return (self.batch(step) for step in range(start, self.steps))

    def __iter__(self) -> Iterator[Indices]:
        return self.batches()

    def __len__(self) -> int:
        return self.steps

    def __repr__(self) -> str:
        return f"PoissonSampler(records={self.records}, rate={self.rate}, steps={self.steps})"

    def _skips(self, stream: _Stream, count: int) -> Indices:
        """How many records are passed over before each chosen one: geometric, by inversion.

        P(skip >= k) = P(U >= 1 - (1 - q)^k) = (1 - q)^k for U uniform on 2^-53 {0 .. 2^53 - 1}.
        """
        skips = np.floor(np.log1p(-stream.uniform(count)) / math.log1p(-self.rate))
        # A skip beyond the last record ends the batch, however long it is.
        return np.minimum(skips, self.records).astype(np.int64)

    def _stream(self, step: int) -> _Stream:
        named = f"polyveil/poisson/{self.records}/{self.rate.hex()}/{step}"
        return _Stream(hmac.new(self.seed, named.encode(), hashlib.sha256).digest())


class _Stream:
    """Uniform numbers from AES-256 in counter mode, under a key that is used once."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()

    def uniform(self, count: int) -> NDArray[np.float64]:
        """The next `count` numbers, multiples of 2^-53 in [0, 1)."""
        words = np.frombuffer(self._cipher.update(bytes(8 * count)), dtype="<u8")
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
