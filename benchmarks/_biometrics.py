# SPDX-License-Identifier: Apache-2.0
"""Chimeric users compared with each other, as plain embeddings or as protected templates.

Scores are computed once a pairing, for clean probes and for every disturbed version of them; which
version of which modality a trial sees, or none, is chosen afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    """What a recogniser made of all samples of a pairing's sources.

    Attributes:
      pairing: who is joined with whom.
      samples: modality -> (samples of its source, width), length 1.
      joint: (part, role) -> (records, width) of `pairing.records`, or empty.
      disturbed: name of a disturbance -> modality -> like `samples`.
    """

    pairing: Pairing
    samples: Mapping[str, Floats]
    joint: Mapping[tuple[str, str], Floats]
    disturbed: Mapping[str, Mapping[str, Floats]]

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.samples)


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of every version of every probe against everybody of one part.

    Attributes:
      split: by name; `people` are all of `part`.
      people: of the templates, in order; owners: of the probes.
      tables: modality -> (versions, probes, people); version 0 is clean.
    """

    split: Split
    part: Part
    people: tuple[str, ...]
    owners: tuple[str, ...]
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
    versions = [embedded.samples, *embedded.disturbed.values()]
    probes = _probes(embedded, part, versions, joint)
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
    return Scored(pairing.split, part, people, tuple(owners), tables)


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


def _probes(
    embedded: Embedded, part: Part, versions: Sequence[Mapping[str, Floats]], joint: bool
) -> dict[str, list[dict[str, Floats]]]:
    """Version by version, so that a user's list is (versions * probes)."""
    records = embedded.pairing.records(part, "probe")
    found: dict[str, list[dict[str, Floats]]] = {name: [] for name in records.names}
    for version in versions:
        for place, number in enumerate(records.users):
            probe = {name: version[name][rows[place]] for name, rows in records.rows.items()}
            if joint and embedded.joint:
                probe[JOINT] = embedded.joint[part, "probe"][place]
            found[records.names[number]].append(probe)
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
    rows = embeddings_of(np.stack([probe[name] for person in people for probe in probes[person]]))
    scores = rows @ templates.T
    if cohort is None:
        return scores.ravel()
    others = embeddings_of(cohort.embeddings[name])
    shape = (*scores.shape, len(others))
    return cohort.normalisation.apply(
        scores,
        template_cohort=np.broadcast_to(templates @ others.T, shape),
        probe_cohort=np.broadcast_to((rows @ others.T)[:, None], shape),
    ).ravel()


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
    return replace(embedded, disturbed={})


def centred(embedded: Embedded) -> Embedded:
    """Every embedding around the mean of the background people of its source."""
    centres = {
        name: Centre.of(
            np.stack(
                [
                    _mean(embedded.samples[name][source.people == person])
                    for person in source.parts["background"]
                ]
            )
        )
        for name, source in embedded.pairing.sources.items()
    }
    joint = embedded.joint
    if joint:
        middle = Centre.of(joint["background", "enrolment"])
        joint = {place: middle.apply(rows) for place, rows in joint.items()}
    return replace(
        embedded,
        samples={name: centres[name].apply(rows) for name, rows in embedded.samples.items()},
        joint=joint,
        disturbed={
            label: {name: centres[name].apply(rows) for name, rows in version.items()}
            for label, version in embedded.disturbed.items()
        },
    )
