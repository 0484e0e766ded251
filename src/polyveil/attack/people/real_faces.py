# SPDX-License-Identifier: Apache-2.0
"""Is a stand-in somebody real? Faces of the release that are another original person's.

A tool that deals the real faces out to other people hides who is in a record, and shows everybody's
face all the same. The attacker compares each released face with originals of OTHER people; one
that is nearer than strangers are counts. How near strangers come is measured on the originals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.people.faces import Faces, faces_of
from polyveil.attack.people.judging import MARGIN, beyond, enough_people, strong
from polyveil.attack.people.observation import Observations
from polyveil.attack.people.ranks import share_of_people
from polyveil.attack.people.recognition import NAIVE
from polyveil.attack.result import AttackResult
from polyveil.errors import UsageError

FALSE_ACCEPTS = 0.01
"""Share of people whom a stranger may resemble so much by chance."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Who looks like somebody else.

    Attributes:
      released, strangers, dealt: (n,) share of a person's faces that are another's: released,
        originals, and originals dealt out to others, who must be found.
      recogniser: whose vectors.
    """

    released: NDArray[np.float64] = field(repr=False)
    strangers: NDArray[np.float64] = field(repr=False)
    dealt: NDArray[np.float64] = field(repr=False)
    recogniser: str


@dataclass(frozen=True, slots=True)
class RealFaces:
    """The attacker who looks for real people behind the wrong names.

    Attributes:
      recogniser: its place in `Observations.recognisers`.
    """

    recogniser: int = 0
    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"face recogniser {self.recogniser + 1}, other people's faces"

    def attempt(self, target: Observations) -> Borrowed:
        """Raises UsageError where fewer than two people are shown."""
        faces = faces_of(target, self.recogniser)
        if faces.people < 2:
            raise UsageError(f"faces: {faces.people} people on both sides; expected 2 or more.")
        strangers = _nearest_other(faces, faces.control)
        bar = float(np.quantile(strangers, 1 - FALSE_ACCEPTS))
        dealt = faces.control[np.random.default_rng(self.seed).permutation(len(faces.who))]
        named = target.recognisers[self.recogniser]
        released, alike, found = (
            _per_person(faces, _nearest_other(faces, seen) > bar)
            for seen in (faces.released, faces.control, dealt)
        )
        return Borrowed(released, alike, found, named)

    def analyse(self, evidence: Borrowed) -> AttackResult:
        """How many stand-ins are real people, beside how often strangers look alike."""
        rate = share_of_people(evidence.released)
        chance, dealt = float(evidence.strangers.mean()), float(evidence.dealt.mean())
        name = f"{evidence.recogniser}, other people's faces"
        return AttackResult(
            attack=name,
            threat=NAIVE,
            headline=Measure(
                "stand-ins that are another real person", rate, better="lower",
                baseline={"chance": chance, "original": dealt}, attacker=name,
                note="Original: real faces dealt out to others on purpose, all of which are such.",
            ),
            sentence=(
                f"Of {rate.n:,} people, {rate.estimate:.1%} are shown with a face that is nearer "
                "to another person of the originals than strangers are to each other (95 % "
                f"interval {rate.low:.1%} to {rate.high:.1%}; strangers {chance:.1%})."
            ),
            guards=(
                strong(dealt, chance, "real faces dealt out to others"),
                enough_people(rate.n),
                Guard(
                    "null control", "false alarm", chance <= FALSE_ACCEPTS + MARGIN,
                    f"Originals look like another person in {chance:.1%} of cases.",
                ),
            ),
            p_value=beyond(evidence.released, min(1.0, chance + MARGIN), seed=self.seed),
            tolerance=MARGIN,
            arrays={"hits": evidence.released},
        )  # fmt: skip


def _nearest_other(faces: Faces, seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m,): how near each face comes to an original of somebody else."""
    table = _unit(seen) @ _unit(faces.original).T
    table[faces.who[:, None] == faces.who[None]] = -1.0
    return np.asarray(table.max(axis=1), np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)


def _per_person(faces: Faces, flags: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.bincount(faces.who, flags, faces.people) / np.bincount(faces.who)
