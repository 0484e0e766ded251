# SPDX-License-Identifier: Apache-2.0
"""Development people set thresholds, evaluation people judge them; nobody is both.

Who is which follows from a keyed hash of the name: the same in every calibration with the same key
and seed, also when people join, so that nobody slips from one side to the other between two
calibrations. People whom the encoder was trained on are on neither side: a network knows its own
people too well. They are the background that scores are normalised by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.privacy.key import ProjectKey
from polyveil.recognize.encoder import ENROLMENT_DRAWS, PROBE_DRAWS
from polyveil.recognize.normalise import Cohort, Normalisation
from polyveil.recognize.trials import Split, Trials
from polyveil.tasks.person_token import person_token
from polyveil.tasks.recognising.people import Line, Sample, by_person, roles

MOST_PEOPLE = 400
"""People of each side that take part; comparisons grow with their square."""
MOST_PROBES = 8
COHORT = 200
FEWEST = 10
"""People in a background cohort, at least."""

Embeddings = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Parts:
    """Who is on which side, and what each record is for.

    Attributes:
      split: people under their keyed tokens.
      person: place of a record -> token of its person.
      draws: place of a record that takes part -> embeddings to average.
      enrols: places of the records that enrol.
      alone: places of the only records of development people. They enrol, and probe as strangers:
        against everybody's template but their own.
      by_session: people whose enrolment and probes are of different sessions.
      left_out: people beyond `MOST_PEOPLE` a side.
    """

    split: Split
    person: Mapping[int, str] = field(repr=False)
    draws: Mapping[int, int] = field(repr=False)
    enrols: frozenset[int] = field(repr=False)
    alone: frozenset[int] = field(repr=False)
    by_session: int
    left_out: int


def divide(
    found: Mapping[int, Line], *, key: ProjectKey, seed: int, trained_on: frozenset[str]
) -> Parts:
    """Sides and roles, from what the rows claim.

    Raises:
      UsageError: nobody on one of the two sides.
    """
    people = {person_token(key, name): (name, own) for name, own in by_person(found).items()}
    sides: dict[str, list[str]] = {"background": [], "development": [], "evaluation": []}
    for one in sorted(people):
        drawn = key.mac("recognize/split", str(seed), people[one][0])[0] & 1
        side = "development" if drawn else "evaluation"
        sides["background" if one in trained_on else side].append(one)
    chosen = {side: ones[: _most(side)] for side, ones in sides.items()}
    person: dict[int, str] = {}
    draws: dict[int, int] = {}
    enrols: set[int] = set()
    alone: set[int] = set()
    sessions = 0
    for side, ones in chosen.items():
        for one in ones:
            own = people[one][1]
            person |= dict.fromkeys(own, one)
            if side == "background":
                draws |= dict.fromkeys(_first_of_each(own, found), PROBE_DRAWS)
                continue
            sessions += len({found[index].session for index in own}) > 1
            first, probes = _roles(own, found)
            enrols |= set(first)
            alone |= set(first[:1] if side == "development" and not probes else ())
            draws |= dict.fromkeys(first, ENROLMENT_DRAWS)
            draws |= dict.fromkeys(probes[:MOST_PROBES], PROBE_DRAWS)
    split = Split(*(frozenset(ones) for ones in chosen.values()))
    beyond = sum(map(len, sides.values())) - sum(map(len, chosen.values()))
    return Parts(split, person, draws, frozenset(enrols), frozenset(alone), sessions, beyond)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Embeddings of one side, by token. Secret.

    Attributes:
      enrolled: person -> modality -> (samples, dimension).
      probes: enrolled person -> probes, each modality -> (dimension,).
      strangers: people whose probe is what they were enrolled by: not to be compared with
        themselves.
    """

    enrolled: Mapping[str, Embeddings] = field(repr=False)
    probes: Mapping[str, list[Embeddings]] = field(repr=False)
    strangers: frozenset[str] = field(default=frozenset(), repr=False)


def side_of(samples: list[Sample], parts: Parts, people: frozenset[str]) -> Side:
    """The embeddings of some people, as enrolments and probes."""
    enrolled: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    probes: dict[str, list[Embeddings]] = {}
    for sample in samples:
        one = parts.person[sample.index]
        if one not in people:
            continue
        vectors = {name: row.astype(np.float64) for name, row in sample.embeddings.items()}
        if sample.index in parts.enrols:
            mine = enrolled.setdefault(one, {})
            for name, vector in vectors.items():
                mine.setdefault(name, []).append(vector)
        else:
            probes.setdefault(one, []).append(vectors)
    stacked = {
        one: {name: np.stack(rows) for name, rows in mine.items()} for one, mine in enrolled.items()
    }
    return Side(stacked, {one: own for one, own in probes.items() if one in stacked})


def with_strangers(side: Side, alone: list[Sample], parts: Parts) -> Side:
    """The side, with people of one record as strangers to everybody else."""
    probes = dict(side.probes)
    strangers = set()
    for sample in alone:
        one = parts.person[sample.index]
        if one in side.enrolled and one not in side.probes:
            row = {name: vector.astype(np.float64) for name, vector in sample.embeddings.items()}
            probes[one] = [row]
            strangers.add(one)
    return Side(side.enrolled, probes, frozenset(strangers))


def without_themselves(trials: Trials, people: frozenset[str]) -> Trials:
    """Trials without those in which these people meet their own template."""
    kept = ~(trials.genuine & np.isin(trials.probes, sorted(people)))
    columns = (trials.searches[kept], trials.probes[kept], trials.templates[kept])
    return Trials(trials.part, *columns, {name: row[kept] for name, row in trials.scores.items()})


def cohort_of(samples: list[Sample], parts: Parts, modalities: tuple[str, ...]) -> Cohort | None:
    """The background cohort, one embedding a person and modality; None where it is too small."""
    rows: dict[str, dict[str, NDArray[np.float64]]] = {name: {} for name in modalities}
    for sample in samples:
        one = parts.person[sample.index]
        if one in parts.split.background:
            for name, vector in sample.embeddings.items():
                rows[name].setdefault(one, vector.astype(np.float64))
    if not rows or min(map(len, rows.values())) < FEWEST:
        return None
    people = frozenset().union(*(mine.keys() for mine in rows.values()))
    stacked = {name: np.stack(list(mine.values())) for name, mine in rows.items()}
    return Cohort(people, stacked, Normalisation("s"))


def _most(side: str) -> int:
    return COHORT if side == "background" else MOST_PEOPLE


def _roles(own: list[int], found: Mapping[int, Line]) -> tuple[list[int], list[int]]:
    enrols = roles([found[i].session for i in own], [found[i].modalities for i in own])
    first = [index for index, chosen in zip(own, enrols, strict=True) if chosen]
    return first, [index for index in own if index not in set(first)]


def _first_of_each(own: list[int], found: Mapping[int, Line]) -> list[int]:
    """The first record with each modality."""
    seen: set[str] = set()
    chosen = []
    for index in own:
        if found[index].modalities - seen:
            chosen.append(index)
            seen |= found[index].modalities
    return chosen
