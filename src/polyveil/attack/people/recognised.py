# SPDX-License-Identifier: Apache-2.0
"""What a face recogniser reached on a release, beside his controls, and what that shows.

What he finds by chance, and what sex and age band would tell alone, which stand-ins keep on
purpose, is no leak of identity: the rate must be above both by a margin, and better than if people
were dealt anew among those of their sex and age band.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.people.judging import (
    MARGIN,
    enough_people,
    exposed,
    null_control,
    p_value,
    strong,
)
from polyveil.attack.people.ranks import RANKS, Ranked
from polyveil.attack.result import AttackResult, Effort
from polyveil.attack.threat import Threat
from polyveil.interval import Interval, clopper_pearson

_LEAST = 0.1
"""How far above chance he must get on a planted leak, however weak his recogniser."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What one attacker reached, and his controls.

    Attributes:
      released: with what is released; original: with originals, weakened, instead.
      shuffled: with released faces dealt out to other people: must be at chance.
      told: with nothing but sex and age band, read off the originals.
      planted: with originals under a fixed unknown rotation; None for the naive attacker.
      across: he held another picture than the one he saw.
      kinds: (n,) the same where people look of one sex and age band.
      unchanged: (n,) whether a face of the person was left as it was.
      left: (of faces, bystanders included, how many).
      recogniser, how: whose vectors; the way of learning, "" for none.
      guards: further ones.
      twins: faces left out, see `Faces`.
    """

    released: Ranked
    original: Ranked
    shuffled: Ranked
    told: Ranked
    planted: Ranked | None
    across: bool
    kinds: NDArray[np.intp] = field(repr=False)
    unchanged: NDArray[np.bool_] = field(repr=False)
    left: tuple[int, int]
    recogniser: str
    how: str = ""
    guards: tuple[Guard, ...] = ()
    twins: int = 0


def judged(
    name: str, threat: Threat, found: Recognised, *, seed: int, models: int = 0
) -> AttackResult:
    chance, told = found.released.chance(), found.told.rate().estimate
    tolerance = MARGIN + max(0.0, told - chance)
    rate = found.released.rate()
    baseline = {
        "chance": chance,
        "sex and age band alone": told,
        "original": found.original.rate().estimate,
    }
    held = (
        "another original picture of everybody"
        if found.across
        else "the very pictures that were replaced"
    )
    headline = Measure(
        "re-identification by face, rank 1", rate, better="lower", baseline=baseline,
        attacker=f"{name}; holds {held}",
        note="Share of people for whom the right one is named first.",
    )  # fmt: skip
    result = AttackResult(
        attack=name,
        threat=threat,
        headline=headline,
        sentence=_sentence(found, rate, baseline, held),
        guards=_guards(found, seed=seed),
        p_value=p_value(found.released, chance + tolerance, strata=found.kinds, seed=seed),
        tolerance=tolerance,
        measures=_measures(found, name),
        effort=Effort(models=models),
        not_tested=("A deep network trained from pixels, or on the hair and head around a face.",),
        notes=_notes(found),
        arrays={"hits": found.released.hits, "named": found.released.named},
    )
    if result.verdict != "leak demonstrated":
        return result
    return replace(result, exposed=exposed(found.released.hits[:, 0], "recognised"))


def _sentence(found: Recognised, rate: Interval, beside: dict[str, float], held: str) -> str:
    sizes = np.bincount(found.released.gallery)
    among = f"{found.released.people:,}" if len(sizes) == 1 else f"{int(sizes.mean()):,}"
    return (
        f"Of {rate.n:,} people, this attacker, who holds {held}, names the right one among {among} "
        f"first for {rate.estimate:.1%} (95 % interval {rate.low:.1%} to {rate.high:.1%}). "
        f"Guessing gives {beside['chance']:.1%}, sex and age band alone "
        f"{beside['sex and age band alone']:.1%}, the originals {beside['original']:.1%}."
    )


def _guards(found: Recognised, *, seed: int) -> tuple[Guard, ...]:
    chance, original = found.original.chance(), found.original.rate().estimate
    guards = [
        strong(original, chance, "originals, saved anew"),
        enough_people(found.released.people),
        null_control(found.shuffled, "faces", seed=seed),
        _identity(found),
    ]  # fmt: skip
    if found.planted is not None:
        planted = found.planted.rate().estimate
        half = chance + max(_LEAST, (original - chance) / 2)
        guards.append(Guard(
            "attacker has learned", "false comfort", planted >= half,
            f"Originals behind a fixed rotation that he was not told are named first for "
            f"{planted:.1%}; expected {half:.1%} or more.",
        ))  # fmt: skip
    return (*guards, *found.guards)


def _identity(found: Recognised) -> Guard:
    """Whether a hit can be identity and not the pose and light of the very same picture."""
    share = _unchanged(found)
    if found.across:
        said = "He holds another picture of everybody than the one he sees."
    else:
        said = (
            "He holds the very pictures, whose pose and light stand-ins keep; of these faces "
            f"{share.estimate:.1%} were left as they were."
        )
    return Guard("identity, not the picture", "false alarm", found.across or share.low > MARGIN,
                 said)  # fmt: skip


def _unchanged(found: Recognised) -> Interval:
    return clopper_pearson(int(found.unchanged.sum()), len(found.unchanged))


def _measures(found: Recognised, name: str) -> tuple[Measure, ...]:
    further = tuple(
        Measure(
            f"re-identification by face, rank {k}", found.released.rate(k), better="lower",
            baseline={"chance": found.released.chance(k), "original":
                      found.original.rate(k).estimate},
            attacker=name,
        )
        for k in RANKS[1:]
        if found.released.chance(k) < 1
    )  # fmt: skip
    left, faces = found.left
    unchanged = Measure(
        "faces left as they were", clopper_pearson(left, faces), better="lower", attacker=name,
        note="Fine detail inside the face is the original's, saved anew at most; bystanders "
        "included.",
    )  # fmt: skip
    return (*further, unchanged)


def _notes(found: Recognised) -> tuple[str, ...]:
    notes: list[str] = []
    if not found.across:
        notes.append(
            "The data set does not show enough people in several pictures, or does not say who "
            "they are (column person): an upper bound, since pose and light tell pictures apart."
        )
    if found.how:
        notes.append(f"Ways of learning that were picked on his own people: {found.how}.")
    if found.twins:
        notes.append(f"{found.twins:,} faces were left out: the same picture is there twice.")
    return tuple(notes)
