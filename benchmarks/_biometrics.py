# SPDX-License-Identifier: Apache-2.0
"""Chimeric users compared with each other, as plain embeddings or as protected templates.

Scores are computed once a pairing, for clean probes and for every disturbed version of them; which
version of which modality a trial sees, or none, is chosen afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from polyveil.interval import Interval, bootstrap, clopper_pearson
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.centre import Centre
from polyveil.recognize.chimeric import Pairing, Part
from polyveil.recognize.fusion import Fusion
from polyveil.recognize.normalise import Cohort, Normalisation
from polyveil.recognize.scheme import Scheme, embeddings_of
from polyveil.recognize.trials import Split, Trials

Floats = NDArray[np.float64]
KEY = ProjectKey(b"a benchmark key with 32 bytes...")
JOINT = "joint"
"""The embedding in which the network itself puts all modalities together."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """What a recogniser made of the samples of a pairing's users.

    Attributes:
      pairing: who is joined with whom.
      samples: modality -> (samples of its source, width), length 1; NaN for people whom the pairing
        leaves out.
      joint: (part, role) -> (records, width) of `pairing.records`, or empty.
      disturbed: version -> modality -> like `samples`, of evaluation probes at least.
      joint_disturbed: version -> (records, width) of evaluation probe records.
    """

    pairing: Pairing
    samples: Mapping[str, Floats]
    joint: Mapping[tuple[str, str], Floats]
    disturbed: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    joint_disturbed: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.samples)


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of every version of every probe against everybody of one part.

    Attributes:
      split: by name; `people` are all of `part`.
      people: of the templates, in order; owners: of the probes.
      versions: what probes were seen as; the first is clean.
      tables: modality -> (versions, probes, people), NaN for versions that it does not have.
    """

    split: Split
    part: Part
    people: tuple[str, ...]
    owners: tuple[str, ...]
    versions: tuple[str, ...]
    tables: Mapping[str, Floats]

    def trials(self, pick: Mapping[str, NDArray[np.int64] | int]) -> Trials:
        """Trials of some modalities.

        Args:
          pick: modality -> version each probe is seen in, (probes,) or one for all; -1: missing.
        """
        count = len(self.owners)
        scores = {}
        for name, versions in pick.items():
            chosen = np.broadcast_to(np.asarray(versions), count)
            table = self.tables[name][np.maximum(chosen, 0), np.arange(count)]
            scores[name] = np.where(chosen[:, None] < 0, np.nan, table).ravel()
        return self.split.trials(
            self.part,
            searches=np.repeat([str(index) for index in range(count)], len(self.people)),
            probes=np.repeat(self.owners, len(self.people)),
            templates=np.tile(self.people, count),
            scores=scores,
        )


def scored(
    embedded: Embedded,
    part: Part,
    *,
    protected: bool = True,
    normalisation: Normalisation | None = None,
    joint: bool = True,
    schemes: Mapping[str, Scheme] | None = None,
) -> Scored:
    """One part's probes against one part's templates; the impostor holds the victim's secret.

    Args:
      protected: compare templates, not embeddings.
      normalisation: by a cohort, one mean embedding for each background user.
      joint: with the network's own fusion too, where it was computed.
      schemes: modality -> scheme; None for `Scheme.for_dimension`.
    """
    pairing = embedded.pairing
    people = tuple(sorted(one.name for one in pairing.users[part]))
    enrolled = _enrolled(embedded, part, joint)
    versions = _versions(embedded, part, joint)
    probes = _probes(embedded, part, list(versions.values()))
    each = {name: len(rows) // len(versions) for name, rows in probes.items()}
    cohort = None if normalisation is None else _cohort(embedded, normalisation, joint)
    names = tuple(enrolled[people[0]])
    if protected:
        chosen = schemes or {
            name: Scheme.for_dimension(enrolled[people[0]][name].shape[1]) for name in names
        }
        found = pairing.split.protected_trials(
            part, enrolled, probes, key=KEY, schemes=chosen, cohort=cohort
        )
        flat = {name: found.scores[name] for name in names}
    else:
        flat = {name: _plain(name, people, enrolled, probes, cohort) for name in names}
    owners = [name for name in people for _ in range(each[name])]
    tables = {
        name: _by_version(column.reshape(-1, len(people)), people, each, len(versions))
        for name, column in flat.items()
    }
    return Scored(pairing.split, part, people, tuple(owners), tuple(versions), tables)


def merged(
    pairings: Sequence[Pairing], trials: Sequence[Trials], scores: Sequence[Floats]
) -> tuple[Trials, Floats]:
    """Evaluation trials of many pairings as one, people named by the data set with fewest of them.

    Each of its people takes part in many pairings as another chimeric user. Named after the one
    person, all these users are drawn together by a bootstrap over people.
    """
    source = min(pairings[0].sources.values(), key=lambda one: len(one.parts["evaluation"]))
    parts, searches = [], []
    for number, (pairing, one) in enumerate(zip(pairings, trials, strict=True)):
        who = {user.name: user.people[source.modality] for user in pairing.users["evaluation"]}
        parts.append(
            tuple(
                np.array([who[name] for name in column]) for column in (one.probes, one.templates)
            )
        )
        searches.append(np.char.add(f"{number}/", one.searches))
    probes, templates = (np.concatenate(column) for column in zip(*parts, strict=True))
    everyone = frozenset(probes.tolist()) | frozenset(templates.tolist())
    split = Split(frozenset(), frozenset(["nobody of these"]), everyone)
    column = np.concatenate(scores)
    made = split.trials(
        "evaluation",
        searches=np.concatenate(searches),
        probes=probes,
        templates=templates,
        scores={"fused": np.where(np.isinf(column), np.nan, column)},
    )
    return made, column


def fused(development: Trials, evaluation: Trials) -> tuple[Fusion, Floats, Floats]:
    """Weights from development trials; evidence of both, in nats."""
    fusion = Fusion.fit(development)
    return fusion, fusion.fuse(development.scores), fusion.fuse(evaluation.scores)


def accuracy(trials: Trials, scores: Floats) -> float:
    """Share of probes whose own template is first; a probe with nothing in it is wrong."""
    usable = np.where(np.isnan(scores), -np.inf, scores)
    _, search = np.unique(trials.searches, return_inverse=True)
    own, others = (np.full(search.max() + 1, -np.inf) for _ in range(2))
    own[search[trials.genuine]] = usable[trials.genuine]
    np.maximum.at(others, search[~trials.genuine], usable[~trials.genuine])
    return float((own > others).mean())


def share(of_people: Sequence[float] | Floats) -> Interval:
    """Mean of one share a person; exact where nobody differs, which no resample would show."""
    values = np.asarray(of_people, dtype=np.float64)
    if np.ptp(values) == 0.0 and values[0] in (0.0, 1.0):
        return clopper_pearson(int(values.sum()), len(values))
    return bootstrap(values)


def _enrolled(embedded: Embedded, part: Part, joint: bool) -> dict[str, dict[str, Floats]]:
    pairing = embedded.pairing
    found = {
        user.name: {
            name: embedded.samples[name][source.rows(user.people[name], "enrolment")]
            for name, source in pairing.sources.items()
        }
        for user in pairing.users[part]
    }
    if joint and embedded.joint:
        records = pairing.records(part, "enrolment")
        for number, name in enumerate(records.names):
            found[name][JOINT] = embedded.joint[part, "enrolment"][records.users == number]
    return found


def _versions(embedded: Embedded, part: Part, joint: bool) -> dict[str, dict[str, Floats]]:
    """Version -> modality -> one embedding a probe record."""
    records = embedded.pairing.records(part, "probe")

    def of(samples: Mapping[str, Floats]) -> dict[str, Floats]:
        return {name: rows[records.rows[name]] for name, rows in samples.items()}

    found = {"clean": of(embedded.samples)}
    if joint and embedded.joint:
        found["clean"][JOINT] = embedded.joint[part, "probe"]
    if part == "evaluation":
        found |= {label: of(samples) for label, samples in embedded.disturbed.items()}
    if part == "evaluation" and joint:
        found |= {label: {JOINT: rows} for label, rows in embedded.joint_disturbed.items()}
    return found


def _probes(
    embedded: Embedded, part: Part, versions: Sequence[Mapping[str, Floats]]
) -> dict[str, list[dict[str, Floats]]]:
    """Version by version, so that a user's list is (versions * probes)."""
    records = embedded.pairing.records(part, "probe")
    found: dict[str, list[dict[str, Floats]]] = {name: [] for name in records.names}
    for version in versions:
        for place, number in enumerate(records.users):
            found[records.names[number]].append({name: x[place] for name, x in version.items()})
    return found


def _cohort(embedded: Embedded, normalisation: Normalisation, joint: bool) -> Cohort:
    everyone = _enrolled(embedded, "background", joint)
    names = next(iter(everyone.values()))
    return Cohort(
        frozenset(everyone),
        {name: np.stack([_mean(one[name]) for one in everyone.values()]) for name in names},
        normalisation,
    )


def _plain(
    name: str,
    people: Sequence[str],
    enrolled: Mapping[str, Mapping[str, Floats]],
    probes: Mapping[str, Sequence[Mapping[str, Floats]]],
    cohort: Cohort | None,
) -> Floats:
    templates = np.stack([_mean(enrolled[person][name]) for person in people])
    probed = [probe.get(name) for person in people for probe in probes[person]]
    present = np.array([one is not None for one in probed])
    rows = embeddings_of(np.stack([one for one in probed if one is not None]))
    scores = rows @ templates.T
    if cohort is not None:
        others = embeddings_of(cohort.embeddings[name])
        shape = (*scores.shape, len(others))
        scores = cohort.normalisation.apply(
            scores,
            template_cohort=np.broadcast_to(templates @ others.T, shape),
            probe_cohort=np.broadcast_to((rows @ others.T)[:, None], shape),
        )
    found = np.full((len(probed), len(people)), np.nan)
    found[present] = scores
    return found.ravel()


def _mean(samples: Floats) -> Floats:
    return embeddings_of(embeddings_of(samples).mean(axis=0))[0]


def _by_version(
    table: Floats, people: Sequence[str], each: Mapping[str, int], versions: int
) -> Floats:
    """(person * version * probe, people) -> (version, person * probe, people)."""
    parts, start = [], 0
    for person in people:
        stop = start + versions * each[person]
        parts.append(table[start:stop].reshape(versions, each[person], -1))
        start = stop
    return np.concatenate(parts, axis=1)


def alone(embedded: Embedded) -> Embedded:
    """Without disturbed versions."""
    return replace(embedded, disturbed={}, joint_disturbed={})


def centred(embedded: Embedded) -> Embedded:
    """Every embedding around the mean of the background users."""
    enrolled = _enrolled(embedded, "background", joint=True).values()
    names = [*embedded.samples, *([JOINT] if embedded.joint else [])]
    centre = {name: Centre.of(np.stack([_mean(one[name]) for one in enrolled])) for name in names}

    def moved(name: str, rows: Floats) -> Floats:
        """NaN stays."""
        there = ~np.isnan(rows[:, 0])
        found = np.full_like(rows, np.nan)
        found[there] = centre[name].apply(rows[there])
        return found

    return replace(
        embedded,
        samples={name: moved(name, rows) for name, rows in embedded.samples.items()},
        joint={place: moved(JOINT, rows) for place, rows in embedded.joint.items()},
        disturbed={
            label: {name: moved(name, rows) for name, rows in version.items()}
            for label, version in embedded.disturbed.items()
        },
        joint_disturbed={
            label: moved(JOINT, rows) for label, rows in embedded.joint_disturbed.items()
        },
    )
