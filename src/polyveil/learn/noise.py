# SPDX-License-Identifier: Apache-2.0
"""Gaussian noise for released gradients, from a cryptographic stream.

The noise is all that stands between a released weight and the records, so whoever can guess the
generator's state can take it off. The stream is AES-256 in counter mode under a secret of the
operating system. It is addressed by step: a step that is run again after a crash gets the SAME
noise, so that no step is ever released under two noises, whose mean would carry less.

Radii come from 64-bit uniforms: with 32 bits the tail ends at 6.7 sigma, and over a million
coordinates that is a delta of its own. Floating point still leaves traces in the lowest bits
(Mironov 2012); sums of clipped float32 gradients are not exact numbers to begin with.

Source: Box & Muller 1958; Mironov, CCS 2012, https://doi.org/10.1145/2382196.2382264
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterator

import numpy as np
import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from torch import Tensor

SECRET_BYTES = 32
_PAIRS = 1 << 17  # per piece: 1.5 MB of stream, a cache's worth


class SecretNoise:
    """Standard normal noise as a function of (secret, step, name of the stream)."""

    def __init__(self, secret: bytes | None = None) -> None:
        self.secret = secrets.token_bytes(SECRET_BYTES) if secret is None else bytes(secret)
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"expected a secret of {SECRET_BYTES} bytes, got {len(self.secret)}.")
        self._zeros = bytes(12 * _PAIRS)

    def add(self, values: Tensor, deviation: float, *, step: int, stream: str) -> Tensor:
        """values + N(0, deviation^2), in place, for a contiguous float32 tensor.

        The same (step, stream) gives the same noise: never use one twice for different releases.
        """
        if deviation > 0:
            flat = values.view(-1)
            place = 0
            for piece in self._pieces(flat.numel(), step, stream):
                width = min(piece.numel(), flat.numel() - place)
                flat[place : place + width].add_(piece[:width].to(flat.device), alpha=deviation)
                place += width
        return values

    def normals(self, count: int, *, step: int, stream: str) -> list[float]:
        """`count` standard normal numbers."""
        return self.add(torch.zeros(count), 1.0, step=step, stream=stream).tolist()

    def _pieces(self, count: int, step: int, stream: str) -> Iterator[Tensor]:
        address = f"noise|{step}|{stream}".encode()
        key = hashlib.blake2b(address, key=self.secret, digest_size=32).digest()
        cipher = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
        while count > 0:
            pairs = min(_PAIRS, math.ceil(count / 2))
            yield _normals(cipher.update(memoryview(self._zeros)[: 12 * pairs]), pairs)
            count -= 2 * pairs


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
