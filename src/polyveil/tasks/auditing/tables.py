# SPDX-License-Identifier: Apache-2.0
"""A table and one that was made from it as a target: which attacks fit, and how long they take.

Most attacks compare people behind the release with people who are not: what both groups suffer is
knowledge about the population, what only the first suffers is a leak. Without a control table that
cannot be told, and these attacks are skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from polyveil import _optional
from polyveil.attack.protocol import Attack, carry_out
from polyveil.attack.tables import (
    Closest,
    Inference,
    Joining,
    Linkage,
    Reading,
    SinglingOut,
    Table,
    closest,
    inference,
    linkage,
    read_table,
    singling_out,
)
from polyveil.attack.tables.guessing import LEARNERS
from polyveil.attack.tables.space import Points, Space
from polyveil.attack.threat import Threat
from polyveil.errors import MissingExtra, UsageError
from polyveil.report.audit import System, Untested
from polyveil.report.facts import Refusals, RefusedExample
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found
from polyveil.tasks.auditing.prepared import Prepared

Evidence = TypeVar("Evidence")

MOST_SECRETS = 6
"""Columns whose values are guessed in turn, when the user names none."""
_ROWS_A_SECOND = 400.0
"""People that one attack judges in a second, about, at the default sizes; for the plan only."""
_KNOWN = 3
"""Columns that an attacker on single rows knows, when he knows few."""

NOT_TESTED = (
    "Attackers who hold further tables about the same people, and those who know more columns of a "
    "person than were tried.",
    "Free text in cells: it was compared as a whole and not read.",
)


def prepare_tables(
    members: Path, released: Path, control: Path | None, *, secret: str | None, seed: int
) -> Prepared:
    """The target.

    Raises:
      UsageError: a file is no table, or they have no column in common.
    """
    readings = {"members": read_table(members), "released": read_table(released)}
    if control is not None:
        readings["control"] = read_table(control)
    tables = {name: one.table for name, one in readings.items()}
    space = Space.of(list(tables.values()))
    if secret is not None and secret not in space.names:
        raise UsageError(f"--secret: no column {secret!r} in all; {', '.join(space.names)} are.")
    steps, untested = _steps(tables, space, secret, seed)
    return Prepared(
        system=_system(tables, space),
        steps=tuple(steps),
        fingerprint=_fingerprint((members, released, control), secret),
        untested=tuple(untested),
        refusals=_refusals(readings),
        warnings=_warnings(readings, control),
        not_tested=NOT_TESTED,
    )


def _steps(
    tables: dict[str, Table], space: Space, secret: str | None, seed: int
) -> tuple[list[Step], list[Untested]]:
    members, released, control = tables["members"], tables["released"], tables.get("control")
    shared, draw = members.only(space.names), np.random.default_rng(seed)
    steps: list[Step] = []
    untested: list[Untested] = []
    if in_order(members, released, seed=seed):
        known = tuple(str(n) for n in draw.permutation(space.names)[:_KNOWN])
        attack = Linkage(shared, known, control=control, seed=seed)
        steps.append(_step(attack, released, linkage.THREAT, 1.0, len(members)))
    if control is None:
        reason = "no control table was given: what the population suffers cannot be told apart"
        threats = (singling_out.THREAT, closest.THREAT, inference.THREAT, linkage.THREAT)
        return steps, [Untested(threat, reason) for threat in threats]
    control = control.only(space.names)
    rows = min(len(members), len(control))
    steps.append(
        _step(Closest(shared, control, seed=seed), released, closest.THREAT, 1.0, 2 * rows)
    )
    single = SinglingOut(shared, control, seed=seed)
    steps.append(_step(single, released, singling_out.THREAT, 2.0, 2 * rows))
    if len(space.names) > 1:
        half = tuple(str(n) for n in draw.permutation(space.names)[: len(space.names) // 2])
        joining = Joining(shared, control, half, seed=seed)
        steps.append(_step(joining, released, linkage.THREAT, 1.0, 2 * rows))
        steps += _inferences(shared, control, released, space, secret, seed)
    return steps, untested


def _inferences(
    members: Table, control: Table, released: Table, space: Space, secret: str | None, seed: int
) -> list[Step]:
    if secret is not None:
        wanted = [secret]
    else:
        wanted = [str(n) for n in np.random.default_rng(seed).permutation(space.names)]
    learners = LEARNERS if _has_sklearn() else LEARNERS[:1]
    rows = min(len(members), len(control))
    return [
        _step(
            Inference(members, control, one, learners=learners, seed=seed),
            released, inference.THREAT, 1.0, 4 * rows,
        )
        for one in wanted[:MOST_SECRETS]
    ]  # fmt: skip


def _step(
    attack: Attack[Table, Evidence], released: Table, threat: Threat, share: float, rows: int
) -> Step:
    return Step(attack.name, (threat,), share, _seconds(rows), _run(attack, released))


def _run(attack: Attack[Table, Evidence], released: Table) -> Callable[[float], Found]:
    return lambda _: Found((carry_out(attack, released),))


def _seconds(rows: int) -> Callable[[], float]:
    return lambda: min(rows, 4000) / _ROWS_A_SECOND


def in_order(members: Table, released: Table, *, seed: int = 0) -> bool:
    """Whether the n-th released row was visibly made from the n-th member: nearer to it than to
    another in more than half of the rows where chance would give half."""
    if len(members) != len(released) or len(members) < 2:
        return False
    space = Space.of([members, released])
    draw = np.random.default_rng(seed)
    rows = draw.permutation(len(members))[:500]
    others = (rows + 1 + draw.integers(len(members) - 1, size=len(rows))) % len(members)
    ours, theirs = space.points(members), space.points(released)

    def apart(first: Points, second: Points) -> NDArray[np.float64]:
        gap = np.where(space.category, first != second, np.abs(first - second))
        return np.asarray(np.nansum(gap, axis=1))

    own, other = apart(theirs[rows], ours[rows]), apart(theirs[rows], ours[others])
    nearer = float((own < other).mean() + 0.5 * (own == other).mean())
    return bool(nearer > 0.5 + 3 * 0.5 / np.sqrt(len(rows)))


def _system(tables: dict[str, Table], space: Space) -> System:
    return System(
        kind="table",
        description=f"A table of {len(tables['released']):,} rows and {len(space.names)} columns, "
        f"made from {len(tables['members']):,} rows about people.",
        data_subjects=f"the people behind {len(tables['members']):,} rows",
        release_form="the whole table",
        facts={
            "rows released": len(tables["released"]),
            "rows behind it": len(tables["members"]),
            "rows of control": len(tables["control"]) if "control" in tables else 0,
            "columns": ", ".join(space.names),
        },
    )


def _refusals(readings: dict[str, Reading]) -> tuple[Refusals, ...]:
    bad = [(name, error) for name, one in readings.items() for error in one.refused]
    if not bad:
        return ()
    examples = tuple(RefusedExample(name, str(error)) for name, error in bad[:20])
    return (Refusals("UnreadableRecord", len(bad), examples),)


def _warnings(readings: dict[str, Reading], control: Path | None) -> tuple[str, ...]:
    left_out = sorted({name for one in readings.values() for name in one.left_out})
    found = [f"Columns that hold neither numbers nor categories: {', '.join(left_out)}."]
    if control is None:
        found.append(
            "No control table was given (--control): most attacks cannot be judged without one."
        )
    return tuple(found if left_out else found[1:])


def _has_sklearn() -> bool:
    try:
        _optional.require("sklearn", extra="train", purpose="Inference by boosted trees")
    except MissingExtra:
        return False
    return True


def _fingerprint(paths: tuple[Path | None, ...], secret: str | None) -> str:
    digest = hashlib.sha256(str(secret).encode())
    for path in paths:
        digest.update(b"none" if path is None else hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
