# SPDX-License-Identifier: Apache-2.0
"""Chimeric users: the face of one person, the voice of another, the typing of a third, as one user.

Data sets that hold face, voice and behaviour of the same people are few; so the field joins people
of several data sets at random. Nobody like that exists: whatever these users show rests on
modalities being independent given the person, and is called chimeric wherever it is printed. One
pairing is one draw among very many; a figure needs several, with their spread.

People are kept apart by data set before anyone is joined: who is background, development or
evaluation in one pairing is so in all. A record joins samples of one role, so that what was
enrolled in one session is never probed with the same one where the data have two.

Source: Poh & Bengio, Pattern Recognition 39 (2006) (what chimeric users show, and what not);
ISO/IEC 19795-1 (disjoint groups of people, other sessions for enrolment and probe).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyveil.errors import UsageError
from polyveil.recognize.trials import Split

Part: TypeAlias = Literal["background", "development", "evaluation"]
Role: TypeAlias = Literal["enrolment", "probe"]
PARTS: tuple[Part, ...] = ("background", "development", "evaluation")
ROLES: tuple[Role, ...] = ("enrolment", "probe")
CHIMERIC = (
    "chimeric users: each joins people of several data sets at random; nobody like that exists, "
    "and dependence between a real person's modalities is not in these figures."
)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Samples of one modality from one data set, and who belongs to which part.

    Attributes:
      modality: what users will call it, such as "face".
      name: of the data set.
      people: (n,) who each sample is of. Secret where people are real.
      roles: (n,) "enrolment" or "probe" of each sample.
      parts: part -> people, disjoint; a part may be empty, and someone may be in none.
    """

    modality: str
    name: str
    people: NDArray[np.str_] = field(repr=False)
    roles: NDArray[np.str_] = field(repr=False)
    parts: Mapping[Part, tuple[str, ...]] = field(repr=False)

    def __post_init__(self) -> None:
        if self.people.shape != self.roles.shape or self.people.ndim != 1:
            raise UsageError(
                f"{self.name}: people {self.people.shape} and roles {self.roles.shape}; expected "
                "one of each a sample."
            )
        other = sorted(set(self.roles.tolist()) - set(ROLES)) + sorted(set(self.parts) - set(PARTS))
        if other:
            raise UsageError(
                f"{self.name}: {', '.join(other)}; expected roles {', '.join(ROLES)} and parts "
                f"{', '.join(PARTS)}."
            )
        placed = [person for group in self.parts.values() for person in group]
        if len(set(placed)) != len(placed):
            raise UsageError(f"{self.name}: somebody is in two parts; expected disjoint people.")
        for person in placed:
            if {role for role in ROLES if len(self.rows(person, role))} != set(ROLES):
                raise UsageError(
                    f"{self.name}: somebody has no sample to enrol or none to probe with. Leave "
                    "such people out of the parts."
                )

    def rows(self, person: str, role: Role) -> NDArray[np.int64]:
        """Where this person's samples of that role are."""
        return np.flatnonzero((self.people == person) & (self.roles == role))


@dataclass(frozen=True, slots=True)
class ChimericUser:
    """A user who does not exist.

    Attributes:
      name: says that, and of which part: "chimeric evaluation 007".
      people: modality -> who of the data set lends it. Secret where people are real.
    """

    name: str
    people: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ChimericRecords:
    """What to look up, record by record; made by `Pairing.records`.

    Attributes:
      users: (n,) int64, number of the user within the part.
      rows: modality -> (n,) int64, row in the arrays of that source.
      names: of the users, by number.
    """

    users: NDArray[np.int64]
    rows: Mapping[str, NDArray[np.int64]]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.users)

    def __repr__(self) -> str:
        return f"ChimericRecords({len(self)} records of {len(self.names)} chimeric users)"

    def take(self, arrays: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float32]]:
        """modality -> float32 (n, *shape), from each source's samples in the source's order."""
        return {
            name: np.asarray(arrays[name], dtype=np.float32)[rows]
            for name, rows in self.rows.items()
        }


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Who is joined with whom, by one seed. Made by `draw`.

    Attributes:
      seed: equal sources and seeds give equal pairings.
      sources: modality -> source.
      users: part -> users, as many as the smallest source has people for, or as were asked for.
    """

    seed: int
    sources: Mapping[str, Source]
    users: Mapping[Part, tuple[ChimericUser, ...]]

    @classmethod
    def draw(cls, sources: Iterable[Source], *, seed: int, most: int | None = None) -> Pairing:
        """Joins people at random, within each part; who is left over differs from seed to seed.

        Args:
          most: users of a part, at most; None: as many as the smallest source has people for.

        Raises:
          UsageError: no source, two of one modality, or `most` below 1.
        """
        if most is not None and most < 1:
            raise UsageError(f"most: {most!r}; expected at least 1 user of a part.")
        by_name = {}
        for source in sources:
            if source.modality in by_name:
                raise UsageError(f"sources: two of {source.modality}; expected one of each.")
            by_name[source.modality] = source
        if not by_name:
            raise UsageError("sources: none; expected one or more.")
        users = {part: _joined(by_name, part, seed)[:most] for part in PARTS}
        return cls(seed, by_name, users)

    def __repr__(self) -> str:
        made = " + ".join(f"{one.name} ({name})" for name, one in self.sources.items())
        counts = ", ".join(f"{len(users)} {part}" for part, users in self.users.items())
        return f"Pairing(chimeric users of {made}; {counts}; seed {self.seed})"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever reads a figure must be told."""
        return (CHIMERIC,)

    @property
    def split(self) -> Split:
        """The users' names as a division for thresholds and trials.

        Raises:
          UsageError: nobody for development or for evaluation.
        """
        return Split(*(frozenset(one.name for one in self.users[part]) for part in PARTS))

    def records(self, part: Part, role: Role, *, each: int | None = None) -> ChimericRecords:
        """Records of all users of a part: samples of one role, joined at random by the seed.

        Args:
          each: records of a user; None: as many as the modality with most samples has, so that
            all are used. Modalities with fewer samples repeat them, all about equally often.

        Raises:
          UsageError: `each` below 1.
        """
        if each is not None and each < 1:
            raise UsageError(f"each: {each!r}; expected at least 1 record of a user.")
        order = np.random.default_rng([self.seed, PARTS.index(part), 1 + ROLES.index(role)])
        numbers: list[NDArray[np.int64]] = []
        rows: dict[str, list[NDArray[np.int64]]] = {name: [] for name in self.sources}
        for number, user in enumerate(self.users[part]):
            own = {
                name: source.rows(user.people[name], role) for name, source in self.sources.items()
            }
            count = each or max(map(len, own.values()))
            numbers.append(np.full(count, number, dtype=np.int64))
            for name, found in own.items():
                rows[name].append(_repeated(found, count, order))
        return ChimericRecords(
            _joined_rows(numbers),
            {name: _joined_rows(found) for name, found in rows.items()},
            tuple(one.name for one in self.users[part]),
        )


def divided(
    people: Iterable[str],
    shares: Mapping[Part, float],
    *,
    seed: int,
    always: Mapping[str, Part] | None = None,
) -> dict[Part, tuple[str, ...]]:
    """People divided at random: part -> people, for `Source`.

    Args:
      shares: part -> share of the people, summing to at most 1; the rest are in no part.
      always: person -> part, for people whose place is not left to chance; they count as part of
        its share.

    Raises:
      UsageError: shares that are none, or someone fixed who is not among the people.
    """
    fixed = dict(always or {})
    everyone = sorted(frozenset(people))
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise UsageError(f"shares: {dict(shares)}; expected shares >= 0 that sum to at most 1.")
    if set(fixed) - set(everyone):
        raise UsageError("always: somebody who is not among the people.")
    free = [person for person in everyone if person not in fixed]
    waiting = [free[index] for index in np.random.default_rng(seed).permutation(len(free))]
    found: dict[Part, tuple[str, ...]] = {}
    for part, share in shares.items():
        own = [person for person, place in fixed.items() if place == part]
        count = max(round(share * len(everyone)) - len(own), 0)
        found[part] = tuple(sorted([*own, *waiting[:count]]))
        waiting = waiting[count:]
    return found


def _joined(sources: Mapping[str, Source], part: Part, seed: int) -> tuple[ChimericUser, ...]:
    groups = {name: sorted(source.parts.get(part, ())) for name, source in sources.items()}
    draw = np.random.default_rng([seed, PARTS.index(part)])
    orders = {name: draw.permutation(len(group)) for name, group in groups.items()}
    return tuple(
        ChimericUser(
            f"chimeric {part} {number:03}",
            {name: group[orders[name][number]] for name, group in groups.items()},
        )
        for number in range(min(map(len, groups.values())))
    )


def _repeated(rows: NDArray[np.int64], count: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """So many rows in random order: all of them before one comes again."""
    rounds = -(-count // len(rows))
    return np.concatenate([draw.permutation(rows) for _ in range(rounds)])[:count]


def _joined_rows(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
