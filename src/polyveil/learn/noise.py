# SPDX-License-Identifier: Apache-2.0
"""Gaussian noise for released gradients, from a cryptographic stream.

The noise is all that stands between a released weight and the records, so whoever can guess the
generator's state can take it off. The stream is AES-256 in counter mode under a secret of the
operating system. It is addressed by step, by a digest of the very sums that it hides, and by how
large it is. So a step that is run again after a crash, with the same sums, gets the SAME noise, and
is not released under two noises, whose mean would carry less; and if anything differs (other
weights, another augmentation, another budget), the noise is another one, or the difference of the
releases would be free of noise: of S + s n and S + 2 s n, twice the first less the second is S.
Signatures derive their nonces from the message for the same two reasons (RFC 6979).

Radii come from 64-bit uniforms: with 32 bits the tail ends at 6.7 sigma, and over a million
coordinates that is a delta of its own. Floating point still leaves traces in the lowest bits
(Mironov 2012); sums of clipped float32 gradients are not exact numbers to begin with.

Source: Box & Muller 1958; Mironov, CCS 2012, https://doi.org/10.1145/2382196.2382264
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from torch import Tensor

SECRET_BYTES = 32
_PAIRS = 1 << 17  # per piece: 1.5 MB of stream, a cache's worth
_ZEROS = bytes(12 * _PAIRS)


class SecretNoise:
    """Standard normal noise as a function of (secret, occasion, name)."""

    def __init__(self, secret: bytes | None = None) -> None:
        self.secret = secrets.token_bytes(SECRET_BYTES) if secret is None else bytes(secret)
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"expected a secret of {SECRET_BYTES} bytes, got {len(self.secret)}.")

    def stream(self, occasion: int | str, name: str, count: int) -> NormalStream:
        """`count` standard normal numbers, always the same for one occasion and name.

        Never use one stream for two different releases: see `occasion`.
        """
        address = f"noise|{occasion}|{name}".encode()
        key = hashlib.blake2b(address, key=self.secret, digest_size=32).digest()
        return NormalStream(key, count)


def occasion(step: int, hidden: Iterable[Tensor], deviations: Sequence[float]) -> str:
    """Names the release of these values at this step. Secret.

    Args:
      step: number of the step.
      hidden: what is released under noise, float32 and contiguous.
      deviations: how large each part of the noise is.
    """
    digest = hashlib.sha256(" ".join(one.hex() for one in deviations).encode())
    for values in hidden:
        digest.update(values.detach().cpu().numpy().tobytes())
    return f"{step}|{digest.hexdigest()}"


class NormalStream:
    """Standard normal numbers, taken one after the other.

    Args:
      key: 32 bytes, used for this stream alone.
      count: how many numbers will be taken.
    """

    def __init__(self, key: bytes, count: int) -> None:
        self._cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
        self._to_draw = count
        self._drawn = torch.empty(0)

    def add_to(self, values: Tensor, deviation: float) -> Tensor:
        """values + N(0, deviation^2), in place, for a contiguous float32 tensor."""
        flat, place = values.view(-1), 0
        while place < flat.numel():
            if not self._drawn.numel():
                self._draw()
            width = min(self._drawn.numel(), flat.numel() - place)
            numbers = self._drawn[:width].to(flat.device)
            flat[place : place + width].add_(numbers, alpha=deviation)
            self._drawn = self._drawn[width:]
            place += width
        return values

    def _draw(self) -> None:
        pairs = min(_PAIRS, math.ceil(self._to_draw / 2))
        if not pairs:
            raise ValueError("expected to take no more numbers than the stream was opened for.")
        self._to_draw = max(0, self._to_draw - 2 * pairs)
        self._drawn = _normals(self._cipher.update(memoryview(_ZEROS)[: 12 * pairs]), pairs)


def _normals(stream: bytes, pairs: int) -> Tensor:
    """2 x pairs standard normal float32 from 12 random bytes a pair (Box-Muller)."""
    long = torch.from_numpy(np.frombuffer(stream, np.int64, pairs).copy())
    short = torch.from_numpy(np.frombuffer(stream, np.int32, pairs, 8 * pairs).copy())
    # In (0, 1]: rounding reaches 0 once in 2^55 draws, and its logarithm is not finite.
    uniform = long.to(torch.float64).add_(2.0**63).mul_(2.0**-64).clamp_min_(2.0**-64)
    radius = uniform.log_().mul_(-2.0).sqrt_().to(torch.float32)
    angle = short.to(torch.float32).mul_(math.pi * 2.0**-31)
    normal = torch.empty(2 * pairs)
    torch.mul(radius, torch.cos(angle), out=normal[:pairs])
    torch.mul(radius, torch.sin(angle), out=normal[pairs:])
    return normal
