# SPDX-License-Identifier: Apache-2.0
"""Which attacks run in the time that the user allows: each gets a share, what is left goes on.

Steps run in order of what they tell for their time. A step that needs more than is left is skipped,
and the report says how many minutes it would have needed: what was not tried must not look tried.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from polyveil.attack.multiplicity import holm_levels
from polyveil.attack.result import SIGNIFICANCE, AttackResult
from polyveil.attack.threat import Threat
from polyveil.errors import PolyveilError
from polyveil.report.audit import Claim, Skipped, Untested
from polyveil.report.facts import Refusals
from polyveil.tasks.auditing.kept import Found, Kept
from polyveil.tasks.events import Listener, Note, RecordDone, StageStarted

STAGE = "audit"
_AT_MOST = 0.7
"""Share of the remaining time that one step may take when it cannot do with its own share."""


def _nothing() -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One or several attacks that share their preparation.

    Attributes:
      name: as progress and the report say it.
      threats: who is left untested where it does not run.
      share: of the whole time, beside the other steps' shares.
      least: seconds that it takes at least, estimated; called just before it would run.
      run: carries it out in about so many seconds.
      wants: seconds from which on it tells much more, estimated; it gets them before its fair share
        where they leave something for the others.
    """

    name: str
    threats: tuple[Threat, ...]
    share: float
    least: Callable[[], float]
    run: Callable[[float], Found]
    wants: Callable[[], float] = _nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a battery came to.

    Attributes:
      attacks: judged together: each at its level of Holm's procedure.
      claims: beside the evidence of this battery.
      refusals: records that steps could not read.
      skipped, untested: what did not run, and who was therefore not tried.
      seconds: step -> time.
    """

    attacks: tuple[AttackResult, ...]
    claims: tuple[Claim, ...]
    refusals: tuple[Refusals, ...]
    skipped: tuple[Skipped, ...]
    untested: tuple[Untested, ...]
    seconds: dict[str, float]


def carry_out(steps: Sequence[Step], *, minutes: float, kept: Kept, on_event: Listener) -> Outcome:
    """Runs what fits into the time; steps that an earlier process finished are not run again."""
    end = time.monotonic() + 60 * minutes
    done: list[Found] = []
    skipped: list[Skipped] = []
    untested: list[Untested] = []
    seconds: dict[str, float] = {}
    on_event(StageStarted(STAGE, len(steps)))
    for at, step in enumerate(steps):
        begun = time.monotonic()
        found = kept.found(step.name)
        if found is None:
            found, reason = _tried(step, steps[at:], end - begun)
            if reason:
                skipped.append(Skipped(step.name, reason))
                untested += [Untested(threat, reason) for threat in step.threats]
            else:
                kept.keep(step.name, found)
        seconds[step.name] = time.monotonic() - begun
        done.append(found)
        skipped += found.skipped
        untested += found.untested
        for result in found.attacks:
            on_event(Note(f"{result.attack}: {result.verdict}."))
        on_event(RecordDone(STAGE, refused=not found.attacks))
    attacks = judged([result for found in done for result in found.attacks])
    claims = tuple(claim for found in done for claim in found.claims)
    refusals = tuple(one for found in done for one in found.refusals)
    return Outcome(attacks, claims, refusals, tuple(skipped), tuple(untested), seconds)


def planned(steps: Sequence[Step], *, minutes: float) -> Outcome:
    """What would be tried in this time, attacking nothing."""
    left, skipped = 60 * minutes, []
    for at, step in enumerate(steps):
        allowed, reason = _allowance(step, steps[at:], left)
        left -= allowed
        said = reason or f"dry run: it would be tried for about {allowed:,.0f} s"
        skipped.append(Skipped(step.name, said))
    untested = [Untested(threat, "dry run") for step in steps for threat in step.threats]
    return Outcome((), (), (), tuple(skipped), tuple(untested), {})


def judged(results: Sequence[AttackResult]) -> tuple[AttackResult, ...]:
    """All of them at levels under which the chance of any false accusation is at most 5 %."""
    tested = [at for at, result in enumerate(results) if result.p_value is not None]
    levels = holm_levels([_p(results[at]) for at in tested], significance=SIGNIFICANCE)
    found = list(results)
    for at, level in zip(tested, levels, strict=True):
        found[at] = found[at].at_level(level)
    return tuple(found)


def _p(result: AttackResult) -> float:
    return 1.0 if result.p_value is None else result.p_value


def _tried(step: Step, left: Iterable[Step], remaining: float) -> tuple[Found, str]:
    """What the step found, or why it did not run: one attack that cannot be carried out on this
    target must not stop the others."""
    try:
        allowed, reason = _allowance(step, left, remaining)
        return (Found(), reason) if reason else (step.run(allowed), "")
    except (PolyveilError, RuntimeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        return Found(), f"it stopped with {type(error).__name__}: {first}"


def _allowance(step: Step, left: Iterable[Step], remaining: float) -> tuple[float, str]:
    """(seconds that the step may take, "") or (0, why it does not run)."""
    fair = remaining * step.share / sum(one.share for one in left)
    least = step.least()
    most = max(fair, _AT_MOST * remaining)
    if least <= most:
        wanted = step.wants()
        return max(fair, least, wanted if wanted <= most else 0.0), ""
    more = max(1, math.ceil((least / _AT_MOST - max(0.0, remaining)) / 60 - 0.01))
    return 0.0, (
        f"it takes about {least:,.0f} s, and {max(0.0, remaining):,.0f} s were left: "
        f"allow {more} more {'minute' if more == 1 else 'minutes'}"
    )
