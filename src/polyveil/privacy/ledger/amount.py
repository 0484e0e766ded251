# SPDX-License-Identifier: Apache-2.0
"""Epsilon and delta as whole numbers, so that ten thousand spends sum to exactly what they are.

Binary floats do not: 8,000 times 0.001 is 8.000000000000165. Epsilon is kept in millionths, delta
in units of 1e-15. What is spent is rounded up, what is granted is rounded down, so that rounding
never hides a loss. A float counts as the shortest decimal that stands for it: 0.1 is 0.1.

Composition over runs is basic composition, the sums of epsilon and of delta: sound for every
mechanism, in any order, chosen adaptively. Tighter accounting over several runs is possible (it
needs the mechanisms, not their epsilons) and is not done here.

Source: Dwork & Roth, The Algorithmic Foundations of Differential Privacy, 2014, Theorem 3.16.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DecimalException
from typing import TypeAlias

from polyveil.errors import UsageError

Number: TypeAlias = float | int | Decimal

_EPSILON_DIGITS, _DELTA_DIGITS = 6, 15
_LARGEST_EPSILON = 1_000_000
_CONTEXT = Context(prec=60)
_SMALL = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Amount:
    """An (epsilon, delta) in whole units: millionths of a nat, and 1e-15."""

    epsilon: int = 0
    delta: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.epsilon + other.epsilon, self.delta + other.delta)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.epsilon - other.epsilon, self.delta - other.delta)

    def within(self, other: Amount) -> bool:
        """Neither part is larger than the other's."""
        return self.epsilon <= other.epsilon and self.delta <= other.delta

    @property
    def loss(self) -> Loss:
        """The same as decimals."""
        return Loss(
            Decimal(self.epsilon).scaleb(-_EPSILON_DIGITS),
            Decimal(self.delta).scaleb(-_DELTA_DIGITS),
        )

    def __str__(self) -> str:
        return str(self.loss)


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Loss:
    """An (epsilon, delta) as exact decimals; epsilon in nats."""

    epsilon: Decimal
    delta: Decimal

    def __str__(self) -> str:
        return f"epsilon {plain(self.epsilon)}, delta {plain(self.delta)}"


def plain(value: Decimal) -> str:
    """A decimal without needless zeros; small ones with an exponent: 3.5, 1e-5."""
    if value == 0:
        return "0"
    value = value.normalize()
    return f"{value:e}" if abs(value) < _SMALL else f"{value:f}"


def spent(epsilon: Number, delta: Number) -> Amount:
    """What a release costs, rounded up.

    Raises:
      UsageError: expected finite 0 < epsilon <= 1,000,000 and 0 <= delta < 1.
    """
    if _decimal("epsilon", epsilon) <= 0:
        raise UsageError(f"ledger: expected epsilon > 0, got {epsilon}. State what was spent.")
    return _amount(epsilon, delta, ROUND_CEILING)


def granted(epsilon: Number, delta: Number) -> Amount:
    """What a budget allows, rounded down; zero closes a data set.

    Raises:
      UsageError: expected finite 0 <= epsilon <= 1,000,000 and 0 <= delta < 1.
    """
    return _amount(epsilon, delta, ROUND_FLOOR)


def _amount(epsilon: Number, delta: Number, rounding: str) -> Amount:
    nats, probability = _decimal("epsilon", epsilon), _decimal("delta", delta)
    if not 0 <= nats <= _LARGEST_EPSILON:
        raise UsageError(f"ledger: expected 0 <= epsilon <= {_LARGEST_EPSILON}, got {epsilon}.")
    if not 0 <= probability < 1:
        raise UsageError(f"ledger: expected 0 <= delta < 1, got {delta}.")
    return Amount(
        _units(nats, _EPSILON_DIGITS, rounding), _units(probability, _DELTA_DIGITS, rounding)
    )


def _decimal(name: str, value: Number) -> Decimal:
    if isinstance(value, bool):
        raise UsageError(f"ledger: expected a number for {name}, got {value}.")
    try:
        number = Decimal(str(value))
    except DecimalException:
        raise UsageError(f"ledger: expected a number for {name}, got {value!r}.") from None
    if not number.is_finite():
        raise UsageError(f"ledger: expected a finite {name}, got {value}.")
    return number


def _units(value: Decimal, digits: int, rounding: str) -> int:
    return int(value.scaleb(digits, _CONTEXT).to_integral_value(rounding))
