# SPDX-License-Identifier: Apache-2.0
"""Each attack: it catches a leak, accuses nobody where nothing can leak, and is flagged if weak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from polyveil.attack.guard import failed
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.attack.tables import Closest, Inference, Joining, Linkage, SinglingOut, Table
from polyveil.attack.tables.closest import nearest_part
from polyveil.attack.tables.joining import THREAT as JOINING
from polyveil.attack.tables.predicates import describe
from polyveil.attack.tables.scoreboard import scoreboard
from polyveil.attack.tables.singling_out import isolations
from polyveil.attack.tables.table import stacked
from polyveil.attack.tables.uniqueness import class_sizes, uniqueness_curve
from polyveil.errors import UsageError

Parts = tuple[Table, Table, Table]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Members, control and others of 442 real patients."""
    pack = datasets.load_diabetes(scaled=False)
    columns = {str(n): pack.data[:, at] for at, n in enumerate(pack.feature_names)}
    columns["sex"] = np.array(["f" if x == 1 else "m" for x in columns["sex"]], dtype=object)
    order = np.random.default_rng(2).permutation(442)
    whole = Table.of(columns)
    return whole.at(order[:160]), whole.at(order[160:340]), whole.at(order[340:])


def all_attacks(members: Table, control: Table) -> list[Any]:
    return [
        SinglingOut(members, control, guesses=400),
        Joining(members, control, members.names[::2]),
        Inference(members, control, "bmi", learners=("nearest",)),
        Closest(members, control),
    ]


def noised(rows: Table, level: float) -> Table:
    draw = np.random.default_rng(3)
    return Table(
        {
            n: v if rows.is_category(n) else v + draw.normal(0, level * v.std(), len(v))
            for n, v in rows.columns.items()
        }
    )


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("level", [0.0, 0.05])
def test_released_rows_are_a_leak(parts: Parts, at: int, level: float) -> None:
    members, control, _ = parts
    result = carry_out(all_attacks(members, control)[at], noised(members, level))
    assert result.verdict == "leak demonstrated", result.guards
    assert result.p_value is not None and result.p_value < 0.002
    assert result.threat.kind == "privacy" and result.effort.seconds > 0


@pytest.mark.parametrize("at", range(4))
def test_rows_of_others_are_no_leak(parts: Parts, at: int) -> None:
    members, control, others = parts
    result = carry_out(all_attacks(members, control)[at], others)
    assert result.verdict != "leak demonstrated"
    assert not failed(result.guards, "false alarm")


@pytest.mark.parametrize("at", [0, 3])
def test_a_fifth_of_copies_is_found(parts: Parts, at: int) -> None:
    members, control, others = parts
    salted = stacked([members.at(slice(0, 25)), others.at(slice(0, 100))])
    assert carry_out(all_attacks(members, control)[at], salted).verdict == "leak demonstrated"


def weak(parts: Parts) -> dict[str, tuple[Any, Table]]:
    members, control, others = parts
    coarse = members.names[1:2]
    return {
        "one guess": (SinglingOut(members, control, guesses=1), others),
        "guesses as wide as the column": (SinglingOut(members, control, widths=(5.0,)), others),
        "two columns of eleven": (
            Joining(members.only(("age", "sex")), control.only(("age", "sex")), ("sex",)),
            others,
        ),
        "one coarse column known": (
            Inference(members, control, "bmi", known=coarse, learners=("nearest",)),
            others,
        ),
        "boosted trees from a coarse column": (
            Inference(members, control, "bmi", known=coarse, learners=("boosted",)),
            others,
        ),
        "copies in one coarse column": (
            Closest(members.only(coarse), control.only(coarse)),
            others,
        ),
        "linkage by sex": (Linkage(members, ("sex",)), noised(members, 3.0)),
    }


@pytest.mark.parametrize(
    "name",
    [
        "one guess",
        "guesses as wide as the column",
        "two columns of eleven",
        "one coarse column known",
        "boosted trees from a coarse column",
        "copies in one coarse column",
        "linkage by sex",
    ],
)
def test_a_weak_attacker_is_flagged(parts: Parts, name: str) -> None:
    attack, release = weak(parts)[name]
    result = carry_out(attack, release)
    names = {guard.name for guard in failed(result.guards, "false comfort")}
    assert names & {"positive control", "planted leak"}, result.guards
    assert result.verdict == "inconclusive"


@pytest.mark.parametrize("at", range(4))
def test_members_among_the_control_hide_no_leak_in_silence(parts: Parts, at: int) -> None:
    members, control, others = parts
    leaked = stacked([control.at(slice(0, 100)), members.at(slice(0, 80))])
    result = carry_out(all_attacks(members, leaked)[at], others)
    assert "disjoint splits" in {guard.name for guard in failed(result.guards, "false comfort")}
    assert result.verdict != "none detected"


def test_a_control_of_another_population_accuses_nobody(parts: Parts) -> None:
    members, control, others = parts
    shifted = Table({n: v + 1.5 * v.std() if n == "bmi" else v for n, v in control.columns.items()})
    result = carry_out(Closest(members, shifted), others)
    assert result.verdict != "leak demonstrated"
    assert "same population" in {guard.name for guard in failed(result.guards, "false alarm")}


def found(result: AttackResult, name: str) -> float:
    return next(one.estimate for one in result.measures if one.name.startswith(name))


def test_linkage_finds_rows_by_what_is_known_and_chance_by_a_shuffled_truth(parts: Parts) -> None:
    members, control, _ = parts
    known = ("age", "bp", "s1")
    result = carry_out(Linkage(members, known, control=control), members)
    assert result.verdict == "leak demonstrated" and result.headline.estimate > 0.95
    assert found(result, "rows unique in the known columns, people") > 0.9
    truth = np.random.default_rng(0).permutation(len(members))
    result = carry_out(Linkage(members, known, origin=truth, tolerance=0.03), members)
    assert result.verdict == "none detected", result.guards
    assert result.headline.estimate < 0.03 and result.threat is JOINING


def test_linkage_without_its_row_in_the_release(parts: Parts) -> None:
    members, _, others = parts
    origin = np.append(np.arange(60), np.full(len(others), -1))
    release = stacked([members.at(slice(0, 60)), others])
    result = carry_out(Linkage(members, ("age", "bp", "s1"), origin=origin), release)
    assert result.headline.estimate == pytest.approx(60 / 160, abs=0.02)
    with pytest.raises(UsageError, match="origin"):
        carry_out(Linkage(members, ("age",), origin=origin), members)


def test_a_rare_value_speaks_loudest() -> None:
    released = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [5.0, 1.0]])
    category = np.array([False, True])
    votes = scoreboard(np.array([[5.0, 0.0], [np.nan, 1.0]]), released, category, 0.1)
    assert votes[0].argsort()[-2:].tolist() in ([0, 3], [3, 0])
    # Who has nothing in common with anybody gives no vote; equal rows get equal ones.
    assert votes[1].tolist() == [0.0, votes[1, 1], votes[1, 1], votes[1, 1]]
    one, two = scoreboard(np.array([[0.0, 9.0], [5.0, 9.0]]), released, category, 0.1)
    assert two.max() > one.max()


def test_predicates_fit_one_row_of_the_release_each() -> None:
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(size=(80, 4)), draw.integers(0, 3, 80)])
    rows[::7, 2] = np.nan
    category = np.array([False] * 4 + [True])
    boxes = describe(rows, category, guesses=200, widths=(0.05, 0.2), seed=1)
    assert len(boxes) > 100 and set(boxes.kind) == {"extreme", "conjunction"}
    naive = [
        [all(low[c] <= row[c] <= high[c] for c in np.flatnonzero(used)) for row in rows]
        for low, high, used in zip(boxes.low, boxes.high, boxes.used, strict=True)
    ]
    np.testing.assert_array_equal(boxes.fits(rows), naive)
    assert (boxes.fits(rows).sum(1) == 1).all()


def test_isolation_is_exactly_one_and_its_test_keeps_its_level() -> None:
    member = np.arange(6) < 3
    fits = np.array([[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1]], dtype=bool)
    one = isolations(fits, member)
    assert (one.hits, one.control_hits, one.tried) == (1, 1, 3)
    draw = np.random.default_rng(4)
    member = np.arange(100) < 50
    p = [
        isolations(draw.random((60, 100)) < 0.01, member, seed=n, draws=199).p_value
        for n in range(300)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.085


def test_classes_and_uniqueness() -> None:
    points = np.array([[1.0, np.nan], [1.0, np.nan], [2.0, 0.0], [1.0, 0.0]])
    assert class_sizes(points).tolist() == [2, 2, 1, 1]
    curve = uniqueness_curve(np.random.default_rng(0).integers(0, 3, (50, 6)).astype(float), "x")
    assert list(curve.y) == sorted(curve.y) and curve.x == (1, 2, 3, 4, 5, 6)


def test_the_nearest_part_takes_ties_along() -> None:
    gap = np.array([0.0] * 20 + [0.5] * 80)
    assert nearest_part(gap, 0.1).sum() == 20
    assert nearest_part(gap, 1.0).all()


def test_settings_are_checked(parts: Parts) -> None:
    members, control, _ = parts
    with pytest.raises(UsageError, match="no column 'x'"):
        Inference(members, control, "x")
    with pytest.raises(UsageError, match="known and wanted"):
        Inference(members, control, "bmi", known=("bmi",))
    with pytest.raises(UsageError, match="learners"):
        Inference(members, control, "bmi", learners=("oracle",))
    with pytest.raises(UsageError, match="both lists"):
        Joining(members, control, members.names)
    with pytest.raises(ValueError, match="widths"):
        SinglingOut(members, control, widths=(0.0,))
    with pytest.raises(UsageError, match="no known"):
        Linkage(members, ())


def test_categories_alone_and_a_secret_category(parts: Parts) -> None:
    members, control, _ = parts
    draw = np.random.default_rng(5)

    def coded(rows: Table) -> Table:
        cut = {n: [f"c{int(x // 5)}" for x in rows.columns[n]] for n in ("age", "bp", "s1", "s6")}
        return Table.of({**cut, "sex": rows.columns["sex"]})

    attack = Inference(coded(members), coded(control), "sex", learners=("boosted", "nearest"))
    result = carry_out(attack, coded(members))
    assert result.verdict == "leak demonstrated" and result.effort.trials == 2
    assert found(result, "correct attribution") > 0.9
    shuffled = Table({n: draw.permutation(v) for n, v in coded(members).columns.items()})
    assert carry_out(attack, shuffled).verdict != "leak demonstrated"


@pytest.mark.filterwarnings("error")
def test_odd_columns_break_nothing() -> None:
    """Nothing but gaps, one value, a name each, gaps among categories: all of it occurs."""
    draw = np.random.default_rng(6)

    def odd(n: int) -> Table:
        letters = draw.choice([None, "k0", "k1", "k2"], n)
        return Table.of(
            {
                "empty": [None] * n,
                "one": ["a"] * n,
                "name": [f"u{x}" for x in draw.integers(0, 10**9, n)],
                "gaps": list(letters),
                "number": [None if x < -1 else x for x in draw.normal(size=n)],
            }
        )

    members, control, others = odd(60), odd(90), odd(40)
    wanted = [Inference(members, control, name) for name in ("name", "empty", "gaps", "number")]
    found = [SinglingOut(members, control, guesses=50), Closest(members, control)]
    found.append(Joining(members, control, ("one", "gaps"), gallery=10))
    for attack in [*found, *wanted]:
        result = carry_out(attack, others)
        assert result.verdict != "leak demonstrated" and "safe" not in result._repr_html_()
    assert carry_out(Linkage(members, ("gaps", "one")), members).headline.estimate < 0.5
