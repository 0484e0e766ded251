# SPDX-License-Identifier: Apache-2.0
"""The identity graph across all records: persons that share a key are one person.

Only keys and votes are held, a few hundred bytes a person, never pictures or texts. Near-duplicates
by their perceptual hashes count as the same picture.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from polyveil.records.face_clusters import FaceClusters
from polyveil.records.finding import Findings, Kind
from polyveil.records.identity import RecordIdentities
from polyveil.records.perceptual_hash import is_near

_STRENGTH = ("person", "name", "email", "phone", "id", "handle", "picture", "record", "face")


@dataclass(slots=True)
class Person:
    """One human across all records.

    Attributes:
      id: the strongest of the keys; what the persona is derived from. Secret.
      keys: all of them. Secret.
      surfaces: canonical name -> (surface as it came, how often). Secret.
      votes: facet -> value -> weight, from faces and words.
      records: in how many records.
    """

    id: str
    keys: set[str] = field(default_factory=set, repr=False)
    surfaces: dict[str, Counter[str]] = field(default_factory=dict, repr=False)
    votes: dict[str, Counter[str]] = field(default_factory=dict)
    records: int = 0

    def facet(self, name: str) -> str | None:
        """The value most voted for; None where nobody voted."""
        votes = self.votes.get(name)
        return min(votes, key=lambda value: (-votes[value], value)) if votes else None


@dataclass(frozen=True, slots=True)
class _Local:
    """One person of one record: a key, facets, (canonical, surface) of names, sexes they tell."""

    key: str
    facets: dict[str, str]
    names: tuple[tuple[str, str], ...]
    said: frozenset[str]


class IdentityGraph:
    """Union-find over keys; persons come out in an order that does not depend on input order.

    Args:
      clusters: joins unnamed faces by a recogniser's vectors; None where none is plugged in.
    """

    def __init__(self, clusters: FaceClusters | None = None) -> None:
        self._clusters = clusters
        self._parent: dict[str, str] = {}
        self._locals: list[_Local] = []
        self._bands: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._hashes: set[int] = set()

    def add(self, findings: Findings, identities: RecordIdentities) -> None:
        """Takes in one record's persons."""
        if findings.picture_hash is not None:
            self._near(findings.picture_hash, len(findings.faces))
        vectors = [face.embedding for face in findings.faces] if self._clusters else []
        alike = self._clusters.keys(vectors) if self._clusters else []
        for person in identities.persons:
            first, *others = person.keys
            for key in (*others, *(key for f in person.faces if alike and (key := alike[f]))):
                self._join(first, key)
            self._find(first)
            own = [findings.mentions[index] for index in person.mentions]
            named = [mention for mention in own if mention.kind is Kind.NAME]
            self._locals.append(
                _Local(
                    first,
                    dict(person.facets),
                    tuple((mention.canonical, mention.surface) for mention in named),
                    frozenset(m.facets["sex"] for m in named if "sex" in m.facets),
                )
            )

    def person_id(self, keys: Iterable[str]) -> str:
        """The id of the person that these keys belong to, before `persons` a root key."""
        return self._find(next(iter(keys)))

    def persons(self) -> Iterator[tuple[str, Person]]:
        """(root key as person_id gives it, person), ordered by person id."""
        self._join_bare_names()
        found: dict[str, Person] = {}
        for key in self._parent:
            root = self._find(key)
            found.setdefault(root, Person(id=root)).keys.add(key)
        for local in self._locals:
            person = found[self._find(local.key)]
            person.records += 1
            for facet, value in local.facets.items():
                person.votes.setdefault(facet, Counter())[value] += 1
            for canonical, surface in local.names:
                person.surfaces.setdefault(canonical, Counter())[surface] += 1
        for person in found.values():
            person.id = min(person.keys, key=_strength)
        yield from sorted(found.items(), key=lambda item: item[1].id)

    def _join_bare_names(self) -> None:
        """ "Collins" is Eileen Collins where nobody else of the data set is called so."""
        bearers: dict[str, set[str]] = defaultdict(set)
        full: set[str] = set()
        for local in self._locals:
            for canonical, _ in local.names:
                words = canonical.split()
                if len(words) > 1:
                    full.add(self._find(local.key))
                    bearers[words[0]].add(self._find(local.key))
                    bearers[words[-1]].add(self._find(local.key))
        for local in self._locals:
            bare = {canonical for canonical, _ in local.names}
            if len(bare) != 1 or self._find(local.key) in full:
                continue
            candidates = {self._find(root) for root in bearers.get(bare.pop(), ())}
            if len(candidates) == 1 and self._same_sex(local, candidates):
                self._join(local.key, candidates.pop())

    def _same_sex(self, local: _Local, candidates: set[str]) -> bool:
        """Whether words ("Mr", "Eileen") do not contradict; a face's sex is too weak a witness."""
        others = (o.said for o in self._locals if self._find(o.key) in candidates)
        return len(local.said.union(*others)) <= 1

    def _near(self, picture: int, faces: int) -> None:
        # A picture of one colour hashes to 0 and is like no other.
        if not picture or picture in self._hashes:
            return
        self._hashes.add(picture)
        # Four bands of 16 bits: near hashes differ in three bits at most, so they share a band.
        bands = [(band, picture >> 16 * band & 0xFFFF) for band in range(4)]
        for other in {seen for band in bands for seen in self._bands[band]}:
            if is_near(other, picture):
                for face in range(faces):
                    self._join(picture_key(other, face), picture_key(picture, face))
        for band in bands:
            self._bands[band].append(picture)

    def _find(self, key: str) -> str:
        root = self._parent.setdefault(key, key)
        while root != self._parent[root]:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def _join(self, one: str, other: str) -> None:
        first, second = sorted((self._find(one), self._find(other)))
        self._parent[second] = first


def picture_key(picture_hash: int, face: int) -> str:
    """The key of an unnamed face: the picture it is in and its place there."""
    return f"picture:{picture_hash:016x}:{face}"


def _strength(key: str) -> tuple[int, str]:
    kind = key.split(":", 1)[0]
    return (_STRENGTH.index(kind) if kind in _STRENGTH else len(_STRENGTH), key)
