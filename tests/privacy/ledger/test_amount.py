# SPDX-License-Identifier: Apache-2.0
"""Whole units: spends are rounded up, grants down, sums are exact."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.privacy.ledger.amount import NOTHING, Amount, granted, plain, spent

epsilons = st.floats(min_value=1e-12, max_value=1e6, allow_subnormal=False)
deltas = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_a_thousandth_eight_thousand_times_is_eight() -> None:
    total = NOTHING
    for _ in range(8000):
        total += spent(0.001, 1e-9)
    assert sum([0.001] * 8000) != 8
    assert total.loss.epsilon == 8 and total.loss.delta == Decimal("8e-6")


@given(epsilons, deltas)
def test_a_spend_is_never_less_and_a_grant_never_more_than_what_was_written(
    epsilon: float, delta: float
) -> None:
    written = Fraction(repr(epsilon)), Fraction(repr(delta))
    up, down = spent(epsilon, delta).loss, granted(epsilon, delta).loss
    assert written[0] <= Fraction(up.epsilon) < written[0] + Fraction(1, 10**6)
    assert written[1] <= Fraction(up.delta) < written[1] + Fraction(1, 10**15)
    assert written[0] - Fraction(1, 10**6) < Fraction(down.epsilon) <= written[0]
    assert written[1] - Fraction(1, 10**15) < Fraction(down.delta) <= written[1]


def test_the_smallest_spend_is_one_unit_not_zero() -> None:
    assert spent(1e-300, 1e-300) == Amount(1, 1)
    assert spent(1, 0).delta == 0


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf"), 1e7, True, "a lot"])
def test_an_impossible_epsilon_is_refused_by_name(epsilon: object) -> None:
    with pytest.raises(UsageError, match="epsilon"):
        spent(epsilon, 1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("delta", [-1e-9, 1, 2, float("nan"), None])
def test_an_impossible_delta_is_refused_by_name(delta: object) -> None:
    with pytest.raises(UsageError, match="delta"):
        spent(1, delta)  # type: ignore[arg-type]


def test_numbers_are_printed_the_way_people_write_them() -> None:
    assert [plain(Decimal(text)) for text in ("3.500000", "0E-15", "0.000010", "1E+6")] == [
        "3.5",
        "0",
        "1e-5",
        "1000000",
    ]
