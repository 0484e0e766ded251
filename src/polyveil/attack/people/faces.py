# SPDX-License-Identifier: Apache-2.0
"""The faces of a pair of folders as arrays, and who they are: what attackers on faces work on.

Where enough people are shown in several pictures, and the originals say who they are, the attacker
holds another picture than the one he sees replaced: what he finds is identity. Where not, he holds
the very same one, whose pose and light a stand-in keeps: then the figure is an upper bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.reidentify import FEWEST
from polyveil.attack.people.observation import Observations, Sight

EACH = 6
"""Pictures of one person that are used, at most."""
_COORDINATES = 1500
UNCHANGED = 0.9
"""Correlation of fine detail from which the inside of a face counts as left as it was. LFW faces
keep .998 saved anew at quality 80, .72 at most replaced by stand-ins, .42 at most blurred."""


@dataclass(frozen=True, slots=True)
class Faces:
    """m faces of n people.

    Attributes:
      who: (m,) person, 0 to n - 1.
      original, control, released: (m, d) float32, the recogniser's vectors of the originals, of
        weakened originals, and of what is released.
      labels: (m,) the same where sex and age band look the same.
      kept: (m,) correlation of fine detail inside the face, before and after.
      hashes: of the original faces' pixels.
      across: every person has at least two pictures.
      twins: faces left out since the same picture is there under another person.
    """

    who: NDArray[np.intp] = field(repr=False)
    original: NDArray[np.float32] = field(repr=False)
    control: NDArray[np.float32] = field(repr=False)
    released: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.intp] = field(repr=False)
    kept: NDArray[np.float32] = field(repr=False)
    hashes: tuple[bytes, ...] = field(repr=False)
    across: bool
    twins: int = 0

    @property
    def people(self) -> int:
        """How many."""
        return int(self.who.max()) + 1 if len(self.who) else 0

    def of(self, people: Iterable[int]) -> NDArray[np.intp]:
        """Places of these people's faces."""
        return np.flatnonzero(np.isin(self.who, np.fromiter(people, np.intp)))

    def compact(self) -> Faces:
        """The same faces in fewer coordinates, nothing learned: exact inner products where there
        are few faces, else a random projection, which keeps them within about a twentieth."""
        rows = np.concatenate([self.original, self.control, self.released])
        if rows.shape[1] <= _COORDINATES:
            return self
        if len(rows) <= _COORDINATES:
            values, vectors = np.linalg.eigh(rows @ rows.T)
            rows = vectors * np.sqrt(np.maximum(values, 0.0))
        else:
            draw = np.random.default_rng(0)
            spread = draw.standard_normal((rows.shape[1], _COORDINATES), dtype=np.float32)
            rows = rows @ spread / np.float32(np.sqrt(_COORDINATES))
        original, control, released = np.split(rows.astype(np.float32), 3)
        return replace(self, original=original, control=control, released=released)

    def showing(self, released: NDArray[np.float32]) -> Faces:
        """The same faces, had something else been released."""
        return replace(self, released=released)

    def digests(self, people: Iterable[int]) -> list[bytes]:
        """Hashes of the original faces: who is trained on must not be tested on."""
        return [self.hashes[at] for at in self.of(people)]

    def kinds(self) -> NDArray[np.intp]:
        """(n,) what most of a person's faces look like: the same number, the same sex and age."""
        own = [self.labels[self.who == person] for person in range(self.people)]
        return np.array([np.bincount(labels).argmax() for labels in own], np.intp)

    def unchanged(self) -> NDArray[np.bool_]:
        """(n,) whether some face of the person was left as it was."""
        found = np.zeros(self.people, bool)
        found[self.who[self.kept > UNCHANGED]] = True
        return found


def faces_of(observations: Observations, recogniser: int = 0) -> Faces:
    """Faces of people with several pictures where there are at least `FEWEST` such people, else one
    face each of everybody.

    Args:
      recogniser: whose vectors, its place in `observations.recognisers`.
    """
    people: dict[str, list[Sight]] = defaultdict(list)
    owner: dict[bytes, str] = {}
    twins = 0
    for sight in observations.sights():
        if not sight.rows:
            continue
        if owner.setdefault(sight.digest, sight.person) != sight.person:
            # Two people cannot share a face; an attacker would learn one by heart for the other.
            twins += 1
            continue
        people[sight.person].append(sight)
    several = {person: own[:EACH] for person, own in people.items() if len(own) > 1}
    across = len(several) >= FEWEST
    chosen = several if across else {person: own[:1] for person, own in people.items()}
    sights = [sight for own in chosen.values() for sight in own]
    who = [at for at, own in enumerate(chosen.values()) for _ in own]
    if not sights:
        none = np.zeros((0, 1), np.float32)
        empty = np.zeros(0, np.intp)
        return Faces(empty, none, none, none, empty, none[:, 0], (), False, twins)
    rows = np.stack([sight.rows[recogniser] for sight in sights]).astype(np.float32)
    kept = np.array([sight.kept for sight in sights], np.float32)
    kinds = [(sight.face.likely("sex"), sight.face.likely("age")) for sight in sights]
    labels = np.array([sorted(set(kinds), key=str).index(kind) for kind in kinds])
    parts = (rows[:, 0], rows[:, 1], rows[:, 2])
    hashes = tuple(sight.digest for sight in sights)
    return Faces(np.array(who), *parts, labels, kept, hashes, across, twins)
