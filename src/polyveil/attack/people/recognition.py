# SPDX-License-Identifier: Apache-2.0
"""Re-identification by face: whom does a recogniser take the people in a release for?

Two attackers. The naive one holds one original picture of everybody and compares. The trained one
also has originals and outputs of OTHER people of the same release, and learned from them. Both
see the place of a face and its inside. What they find by chance, and what sex and age band would
tell alone, which stand-ins keep on purpose, is no leak of identity and is allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.people.faces import UNCHANGED, Faces, faces_of
from polyveil.attack.people.judging import dealt
from polyveil.attack.people.learner import FOLDS, learn
from polyveil.attack.people.observation import Observations
from polyveil.attack.people.ranks import Ranked, rank
from polyveil.attack.people.recognised import Recognised, judged
from polyveil.attack.result import AttackResult
from polyveil.attack.splits import prove_disjoint
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

NAIVE = Threat(
    "recogniser",
    "Recipient with a face recogniser",
    "the output",
    "one original picture of every person; a recogniser off the shelf",
    risk="linkability",
)
TRAINED = Threat(
    "trained-recogniser",
    "Recipient who trains on outputs of the same tool",
    "the output",
    "pairs of originals and outputs of other people; how the tool works, not its key",
    risk="linkability",
)

_Attacker: TypeAlias = Callable[[Faces], Ranked]


@dataclass(frozen=True, slots=True)
class Recognition:
    """The naive attacker.

    Attributes:
      recogniser: whose vectors, its place in `Observations.recognisers`.
      draws: choices of pictures that rates are averaged over.
    """

    recogniser: int = 0
    draws: int = 100
    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"face recogniser {self.recogniser + 1}, naive"

    def attempt(self, target: Observations) -> Recognised:
        """Raises UsageError where fewer than two people are shown."""
        faces = _enough(faces_of(target, self.recogniser), 2)

        def attacker(shown: Faces) -> Ranked:
            gallery = np.zeros(shown.people, np.intp)
            likeness = shown.released @ shown.original.T
            return rank(likeness, shown.who, gallery, draws=self.draws, across=shown.across,
                        seed=self.seed)  # fmt: skip

        found = _with_controls(attacker, faces, seed=self.seed)
        return Recognised(
            *found, None, faces.across, faces.kinds(), faces.unchanged(), _left(target),
            target.recognisers[self.recogniser], twins=faces.twins,
        )  # fmt: skip

    def analyse(self, evidence: Recognised) -> AttackResult:
        """Rank-1 beside chance."""
        return judged(f"{evidence.recogniser}, naive", NAIVE, evidence, seed=self.seed)


@dataclass(frozen=True, slots=True)
class TrainedRecognition:
    """The attacker who learned from other people of the same release.

    Attributes:
      recogniser, draws: as of `Recognition`.
      folds: parts of the people; each is attacked with what the others taught.
      pairs: faces of others that he has at most; None for all.
    """

    recogniser: int = 0
    draws: int = 100
    folds: int = FOLDS
    pairs: int | None = None
    seed: int = 0

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"face recogniser {self.recogniser + 1}, trained"

    def attempt(self, target: Observations) -> Recognised:
        """Raises UsageError where fewer than 2 * `folds` people are shown."""
        faces = _enough(faces_of(target, self.recogniser), 2 * self.folds).compact()

        def attacker(shown: Faces) -> Ranked:
            return learn(shown, folds=self.folds, pairs=self.pairs, draws=self.draws,
                         seed=self.seed).ranked  # fmt: skip

        first = learn(faces, folds=self.folds, pairs=self.pairs, draws=self.draws, seed=self.seed)
        found = _with_controls(attacker, faces, seed=self.seed, released=first.ranked)
        parts = {
            f"part {one + 1}": faces.digests(np.flatnonzero(first.folds == one))
            for one in range(self.folds)
        }
        return Recognised(
            *found, attacker(faces.showing(_rotated(faces.control, self.seed))),
            faces.across, faces.kinds(), faces.unchanged(), _left(target),
            target.recognisers[self.recogniser], ", ".join(sorted(set(first.ways))),
            (prove_disjoint(parts).guard(),), faces.twins,
        )  # fmt: skip

    def analyse(self, evidence: Recognised) -> AttackResult:
        """Rank-1 within parts of the people, beside chance."""
        few = f" ({self.pairs:,} faces)" if self.pairs is not None else ""
        name = f"{evidence.recogniser}, trained on other people{few}"
        return judged(name, TRAINED, evidence, seed=self.seed, models=4 * self.folds)


def _left(target: Observations) -> tuple[int, int]:
    kept = [sight.kept for sight in target.sights()]
    return sum(one > UNCHANGED for one in kept), len(kept)


def _enough(faces: Faces, least: int) -> Faces:
    if faces.people < least:
        raise UsageError(
            f"faces: {faces.people} people with a face on both sides; expected {least} or more."
        )
    return faces


def _with_controls(
    attacker: _Attacker, faces: Faces, *, seed: int, released: Ranked | None = None
) -> tuple[Ranked, Ranked, Ranked, Ranked]:
    """Released, original, shuffled, told."""
    found = released or attacker(faces)
    same = (faces.labels[:, None] == faces.labels[None]).astype(np.float32)
    told = rank(same, faces.who, found.gallery, across=faces.across, seed=seed)
    others = faces.showing(faces.released[_of_others(faces.who, seed)])
    return found, attacker(faces.showing(faces.control)), attacker(others), told


def _of_others(who: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """For each face one of another person's: everybody gets the faces of his successor by lot."""
    people = int(who.max()) + 1
    successor = dealt(people, seed=seed)
    own = [np.flatnonzero(who == person) for person in range(people)]
    rank_in = np.array([(who[:at] == person).sum() for at, person in enumerate(who)])
    theirs = [own[successor[person]] for person in who]
    return np.array([faces[at % len(faces)] for at, faces in zip(rank_in, theirs, strict=True)])


def _rotated(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """A release that hides nothing but how its coordinates are called."""
    draw = np.random.default_rng(seed)
    signs = draw.choice(np.array([-1, 1], np.float32), rows.shape[1])
    return np.ascontiguousarray((rows * signs)[:, draw.permutation(rows.shape[1])])
