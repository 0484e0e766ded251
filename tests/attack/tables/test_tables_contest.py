# SPDX-License-Identifier: Apache-2.0
"""The exact tests of members against control, and the guards that all attacks on tables share."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from polyveil.attack.tables import contest as module
from polyveil.attack.tables.contest import (
    Contest,
    contest,
    dealt,
    difference,
    disjoint,
    enough_trials,
    fisher,
    same_population,
)
from polyveil.attack.tables.seats import seat
from polyveil.attack.tables.table import Table
from polyveil.errors import UsageError


def rows(n: int, seed: int, shift: float = 0.0) -> Table:
    draw = np.random.default_rng(seed)
    first = draw.normal(shift, 1, n)
    return Table.of(
        {"a": first, "b": first + draw.normal(size=n), "c": draw.integers(0, 3, n).astype(str)}
    )


@pytest.mark.parametrize(("k", "m"), [(0, 0), (3, 1), (9, 2), (10, 10), (1, 8)])
def test_fisher_agrees_with_scipy(k: int, m: int) -> None:
    expected = fisher_exact([[k, 10 - k], [m, 12 - m]], alternative="greater").pvalue
    assert fisher(k, 10, m, 12) == pytest.approx(expected, rel=1e-9)


def test_dealing_anew_agrees_with_all_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RARE", 10**9)
    weight = np.array([3.0, 1.0, 0.0, 2.0, 0.0, 0.5])
    member = np.array([True, True, False, False, True, False])
    deals = [weight[list(deal)].sum() for deal in permutations(range(6), 3)]
    exact = np.mean(np.array(deals) >= weight[member].sum() - 1e-9)
    assert dealt(weight, member, draws=20_000) == pytest.approx(exact, abs=0.015)


def test_stopping_early_keeps_the_level() -> None:
    draw = np.random.default_rng(1)
    member = np.arange(60) < 30
    found = [dealt(draw.exponential(size=60), member, draws=299, seed=n) for n in range(400)]
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.085


def test_newcombe_golden_number() -> None:
    """Newcombe 1998, table II, method 10, 56/70 and 48/80."""
    found = difference(56 / 70, 70, 48 / 80, 80)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_a_contest_knows_its_independent_units() -> None:
    many, few = Contest(500, 1000, 100, 1000, 0.0), Contest(500, 1000, 100, 1000, 0.0, units=50)
    assert many.share.high - many.share.low < 0.07 < few.share.high - few.share.low
    assert few.share.n == 50 and few.advantage.estimate == pytest.approx(0.4)
    hit = np.array([True, True, False, False])
    assert contest(hit, np.array([True, True, False, False])).hits == 2


def test_too_few_trials_are_flagged() -> None:
    assert not enough_trials(Contest(2, 20, 2, 20, 1.0), 0.05).passed
    assert enough_trials(Contest(20, 2000, 20, 2000, 1.0), 0.05).passed
    assert enough_trials(Contest(15, 20, 2, 20, 0.001), 0.05).passed


def test_members_among_the_control_are_flagged_and_coincidence_is_not() -> None:
    one, other = rows(100, 1), rows(100, 2)
    assert disjoint(one, other).passed
    leaked = Table({n: np.append(other.columns[n], one.columns[n][:10]) for n in one.names})
    assert not disjoint(one, leaked).passed
    coarse = [Table.of({"sex": t.columns["c"]}) for t in (one, other)]
    assert disjoint(*coarse).passed


def test_another_population_is_flagged() -> None:
    release = rows(200, 3)
    assert same_population(seat(release, rows(300, 4), rows(400, 5), most=300, seed=0)).passed
    shifted = seat(release, rows(300, 4), rows(400, 5, shift=0.5), most=300, seed=0)
    assert not same_population(shifted).passed
    # Same columns, other company: only the joint test can see it.
    draw = np.random.default_rng(6)
    torn = rows(400, 5)
    torn = Table({n: draw.permutation(v) for n, v in torn.columns.items()})
    x = np.random.default_rng(8).normal(size=400)
    tied = Table.of({"a": x, "b": x + 0.01})
    torn = Table.of({"a": x, "b": draw.permutation(x) + 0.01})
    assert not same_population(seat(tied, tied, torn, most=300, seed=0)).passed


def test_seats_are_balanced_and_releases_hold_what_they_say() -> None:
    release, members = rows(50, 1), rows(80, 2)
    seats = seat(release, members, rows(100, 3), most=1000, seed=0)
    assert len(seats) == len(seats.control) == 75 and len(seats.spare) == 25
    made = seats.releases(0)
    planted = (made["planted"] != made["release"]).any(1)
    assert planted.sum() == 10
    real = {row.tobytes() for row in seats.members}
    assert all(row.tobytes() in real for row in made["planted"][planted])
    np.testing.assert_array_equal(seats.members, seats.space.points(members)[seats.member_rows])
    with pytest.raises(UsageError, match="Hold rows"):
        seat(release, members, rows(10, 3), most=100, seed=0)
