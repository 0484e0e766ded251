# SPDX-License-Identifier: Apache-2.0
"""What a reproduced table says, in sentences: the same ones on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from polyveil.privacy.guarantee import Guarantee
from polyveil.report.sentences import plural
from polyveil.report.spread import FEWEST, LEVEL, Spread, written

if TYPE_CHECKING:
    from polyveil.report.reproduced import Reproduced, Row

REASONS = 8
"""Reasons of refusals that are told."""
TEST = (
    f"a paired test over seeds, two-sided at {100 * LEVEL:.0f} % divided by the number of rivals, "
    "its variance widened because seeds share training records (Nadeau and Bengio 2003)"
)
LOW = (
    "ConfAcc_Low is accuracy where confidence is at most 50 %: other records for every method, so "
    "that it is never marked. Weighted recall equals accuracy by arithmetic."
)


@dataclass(frozen=True, slots=True)
class Cover:
    """What the promise of some methods is about.

    Attributes:
      methods: all that share it.
      covers, not_covered: outputs.
    """

    methods: tuple[str, ...]
    covers: tuple[str, ...]
    not_covered: tuple[str, ...]


def main(table: Reproduced) -> list[str]:
    """The main figures, beside what the paper printed, and what the promise is about."""
    said = [_without(table), _costs(table), paper(table), unit(table)]
    return [one for one in said if one]


def left(count: int) -> str:
    """Of a table that is not finished."""
    verb = "is" if count == 1 else "are"
    return f"{plural(count, 'cell')} {verb} still to be done; the same command goes on."


def data(table: Reproduced) -> str:
    """How many records there were, of how many classes; no full stop."""
    counts = table.job.counts
    said = f"{table.set}: {plural(counts.records_read, 'record')} read"
    if counts.records_refused:
        said += f", {counts.records_refused:,} of them refused"
    return f"{said}; {plural(table.classes, 'class', 'classes')}"


def refused(table: Reproduced) -> list[str]:
    """Why records were refused: the most frequent reasons, and how many had another."""
    shown = list(table.refused.items())[:REASONS]
    said = [f"{count:,} × {reason}" for reason, count in shown]
    rest = sum(table.refused.values()) - sum(count for _, count in shown)
    return [*said, f"{rest:,} for other reasons."] if rest else said


def records(table: Reproduced) -> list[str]:
    """How many there were, and why some were refused, a line each."""
    return [f"{data(table)}.", *(f"Refused: {one}" for one in refused(table))]


def percent(spread: Spread) -> str:
    """ "60.0 ± 8.8 %", in one piece."""
    return f"{spread.text()}\u00a0%".replace(" ", "\u00a0")


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return _capital(text if text[-1:] in ".!?…" else f"{text}.")


def marks(seeds: int, any_marked: bool) -> str:
    """How the best figure of a budget is marked, or why none is."""
    if seeds < FEWEST:
        return f"Nothing is marked: fewer than {FEWEST} seeds cannot tell a difference from noise."
    if any_marked:
        return (
            f"Marked: the best method of a budget, where it is told apart from every other: {TEST}."
        )
    return (
        f"Nothing is marked: no method of a budget is told apart from every other. Told by {TEST}."
    )


def noise(table: Reproduced, cost: Spread) -> str:
    """Whether a budget's cost is more than the seeds alone would give, and in how many it is one:
    of few seeds that scatter, the test asks a lot."""
    losing = sum(value > 0 for value in cost.by_seed.values())
    counted = f"{losing} of {plural(cost.seeds, 'seed')} {'loses' if losing == 1 else 'lose'}"
    if cost.seeds < FEWEST:
        return f"too few seeds; {counted}"
    return f"{'yes' if cost.beyond_noise(ratio=table.ratio) else 'not shown'}; {counted}"


def paper(table: Reproduced) -> str:
    """What it printed for this set, or that it printed nothing."""
    source, without = table.paper.source, table.paper.figure("accuracy", None)
    if not table.paper.printed:
        return f"The paper ({source}) has no figure for {table.set}."
    lost = [
        f"{written(cost)}\u00a0points at ε\u00a0=\u00a0{epsilon:g}"
        for epsilon in _epsilons(one.epsilon for one in table.paper.printed)
        if (cost := table.paper.cost("accuracy", epsilon)) is not None
    ]
    said = [] if without is None else [f"prints {written(without)}\u00a0% without privacy"]
    if lost:
        said.append(f"loses {listed(lost)}")
    caveat = f" {table.paper.caveat}" if table.paper.caveat else ""
    return f"The paper ({source}) {' and '.join(said) or 'prints other figures'}.{caveat}"


def unit(table: Reproduced) -> str:
    """Whom the promise is about, and its delta."""
    found = [one for row in table.rows if (one := guarantee(row)) is not None]
    if not found:
        return ""
    least, most = min(one.delta for one in found), max(one.delta for one in found)
    size = f"{most:.2g}".replace("e-0", "e-")
    delta = f"δ\u00a0=\u00a0{size}" if least == most else f"δ of at most {size}"
    return f"The promise here is about {found[0].one_unit}, with {delta}."


def guarantee(row: Row) -> Guarantee | None:
    """The row's promise as a value."""
    return None if row.guarantee is None else Guarantee.from_json(row.guarantee)


def promises(table: Reproduced) -> list[tuple[str, str]]:
    """(budget, what it promises) by rising epsilon, the weakest over the methods; without a
    budget, why there is none."""
    said = []
    for epsilon in table.budgets:
        rows = [row for row in table.rows if row.epsilon == epsilon]
        found = [one for row in rows if (one := guarantee(row)) is not None]
        name = "no privacy" if epsilon is None else f"ε\u00a0=\u00a0{epsilon:g}"
        if found:
            weakest = max(found, key=lambda one: (one.epsilon, one.delta))
            said.append((name, replace(weakest, covers=(), not_covered=()).sentence))
        said += [(name, sentence(why)) for why in dict.fromkeys(_reasons(rows))]
    return said


def coverage(table: Reproduced) -> list[Cover]:
    """What the promises are about, methods together that share it."""
    shared: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, None]] = {}
    for row in table.rows:
        one = guarantee(row)
        if one is not None:
            shared.setdefault((one.covers, one.not_covered), {})[row.method] = None
    return [Cover(tuple(methods), *both) for both, methods in shared.items()]


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _without(table: Reproduced) -> str:
    row = table.row(table.lead, None)
    if row is None or "accuracy" not in row.figures:
        return ""
    found = row.figures["accuracy"]
    guess = ""
    if table.commonest is not None:
        guess = f" Naming the commonest class every time is right on {percent(table.commonest)}."
    return (
        f"{_capital(table.lead)} without privacy is right on {percent(found)} of the test records "
        f"of {table.set} ({plural(found.seeds, 'seed')}).{guess}"
    )


def _costs(table: Reproduced) -> str:
    kept, lost = [], []
    for epsilon in _epsilons(table.budgets):
        row = table.row(table.lead, epsilon)
        if row is None or "accuracy" not in row.figures:
            continue
        kept.append(f"{percent(row.figures['accuracy'])} at ε\u00a0=\u00a0{epsilon:g}")
        cost = table.cost(row)
        lost += [] if cost is None else [cost.text().replace(" ", "\u00a0")]
    if not kept:
        return ""
    said = f"With privacy it is right on {listed(kept)}."
    if len(lost) != len(kept):
        return said
    few = "point" if lost == ["1.0"] else "points"
    return f"{said} Against its own twin without, seed by seed, that costs {listed(lost)} {few}."


def _epsilons(found: Iterable[float | None]) -> list[float]:
    return sorted({one for one in found if one is not None})


def _reasons(rows: Iterable[Row]) -> list[str]:
    return [row.reason for row in rows if row.reason]


def _capital(text: str) -> str:
    """Greek letters stay: a capital epsilon would be another symbol."""
    return text[:1].upper() + text[1:] if text[:1].isascii() else text
