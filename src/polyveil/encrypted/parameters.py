# SPDX-License-Identifier: Apache-2.0
"""Parameters of the CKKS scheme: how hard to break, how exact, how many templates a ciphertext.

One product of two fresh ciphertexts and sums of such products is all that a cosine needs. So there
is one level, nothing is rescaled, relinearised or rotated, and no evaluation keys exist.

Security. The public key lives modulo the product of all primes, the last (the special prime)
included. For 128 bits of classical security with ternary secrets the homomorphic encryption
standard of 2018 allows 109 bits of it at degree 4,096, the security guidelines of 2024, with newer
estimates of lattice attacks, 106. The newer table is the one enforced. Against quantum computers it
allows 80 bits at degree 4,096 and 161 at 8,192: take degree 8,192 where that matters.

Precision. Dividing by the special prime leaves a rounding error r0 + r1 s in every fresh ciphertext
(r uniform in +-1/2 a coefficient, s the ternary secret), which outweighs the encryption noise by
far. In a slot it has standard deviation degree / (6 scale). A score is sum_i (t_i + a_i)(p_i + b_i)
with unit t and p, so its error has deviation sqrt(1 + k) degree / (6 scale), in any dimension, if k
encryptions were added up in the database. The factor |s| of a slot is fixed by the key and has
exponential square: some slots are noisier. The bound allows for the worst slot of a key and six
deviations, see `error_bound`.

Sources: Cheon, Kim, Kim, Song, ASIACRYPT 2017, https://eprint.iacr.org/2016/421; Albrecht et al.,
Homomorphic Encryption Standard 2018, https://eprint.iacr.org/2019/939; Bossuat et al. 2024,
https://eprint.iacr.org/2024/463.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from polyveil import _validate
from polyveil.errors import UsageError

SECURITY_BITS = 128
"""Classical security of every accepted parameter set, by the guidelines' table."""

TOLERANCE = 1e-3
"""Largest difference to the plain cosine that is accepted."""

_MOST_BITS = {4096: 106, 8192: 214, 16384: 430}
_LARGEST_PRIME = 60
_SMALLEST_PRIME = 30
_DEVIATIONS = 6.0
_KEY_TAIL = 14.0  # e^-14: about one key in a million has a slot beyond what the bound allows for


@dataclass(frozen=True, slots=True)
class Parameters:
    """A parameter set. Public.

    Attributes:
      degree: of the polynomial modulus; 4096, 8192 or 16384. Half of it are the slots.
      prime_bits: bits of each prime of the coefficient modulus; the last is the special prime.
      scale_bits: log2 of the factor by which numbers are multiplied before they are rounded.

    Raises:
      UsageError: less than 128 bits of security, room or precision.
    """

    degree: int
    prime_bits: tuple[int, ...]
    scale_bits: int

    def __post_init__(self) -> None:
        if self.degree not in _MOST_BITS:
            raise UsageError(f"expected degree in {sorted(_MOST_BITS)}, got {self.degree}.")
        sizes = all(_SMALLEST_PRIME <= bits <= _LARGEST_PRIME for bits in self.prime_bits)
        if len(self.prime_bits) < 2 or not sizes:
            raise UsageError(
                f"expected at least two primes of {_SMALLEST_PRIME} to {_LARGEST_PRIME} bits, "
                f"got {self.prime_bits}."
            )
        if sum(self.prime_bits) > _MOST_BITS[self.degree]:
            raise UsageError(
                f"prime_bits sum to {sum(self.prime_bits)}; {SECURITY_BITS} bits of security at "
                f"degree {self.degree} allow {_MOST_BITS[self.degree]}. Use smaller primes."
            )
        if self.scale_bits < 1 or 2 * self.scale_bits + 2 > sum(self.prime_bits[:-1]):
            raise UsageError(
                f"scale_bits = {self.scale_bits}: a product needs 2 * scale_bits + 2 bits, the "
                f"primes before the last have {sum(self.prime_bits[:-1])}. Use a smaller scale."
            )
        if self.error_bound() > TOLERANCE:
            raise UsageError(
                f"scale_bits = {self.scale_bits}: scores would be off by up to "
                f"{self.error_bound():.1g}; expected at most {TOLERANCE}. Use a larger scale."
            )

    @property
    def slots(self) -> int:
        """Templates in one chunk of ciphertexts."""
        return self.degree // 2

    @property
    def scale(self) -> float:
        """2 ** scale_bits."""
        return 2.0**self.scale_bits

    @property
    def most_encryptions(self) -> int:
        """How many encryptions may be added up in one chunk before a score is off by TOLERANCE."""
        single = self.error_bound() / math.sqrt(2)
        return math.floor((TOLERANCE / single) ** 2 - 1)

    def deviation(self, encryptions: int = 1) -> float:
        """Standard deviation of a score's error over keys and noise.

        Args:
          encryptions: number of encryptions added up in the database's chunk, >= 1.
        """
        _validate.at_least(1, encryptions=encryptions)
        return math.sqrt(1 + encryptions) * self.degree / (6 * self.scale)

    def error_bound(self, encryptions: int = 1) -> float:
        """A bound on |decrypted score - cosine| over all slots, for all but one key in a million.

        Six deviations in the noisiest slot, whose |s|^2 is ln(slots) + 14 times the average.
        """
        worst = math.sqrt(math.log(self.slots) + _KEY_TAIL)
        return _DEVIATIONS * worst * self.deviation(encryptions)

    def facts(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {
            "degree": self.degree,
            "prime_bits": list(self.prime_bits),
            "scale_bits": self.scale_bits,
        }

    @classmethod
    def from_facts(cls, facts: Any) -> Parameters:
        """What `facts` gave. Raises UsageError if it is nothing of the kind."""
        try:
            return cls(
                degree=int(facts["degree"]),
                prime_bits=tuple(int(bits) for bits in facts["prime_bits"]),
                scale_bits=int(facts["scale_bits"]),
            )
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"expected the parameters of a key, got {facts!r}.") from None


STANDARD = Parameters(degree=4096, prime_bits=(36, 35, 35), scale_bits=32)
"""Scores within 1e-5; people can be enrolled one by one, tens of thousands of times a chunk."""

COMPACT = Parameters(degree=4096, prime_bits=(60, 46), scale_bits=28)
"""A quarter fewer bytes, half the server's time; scores within 2e-4; about 200 batches a chunk,
then a new one is begun."""
