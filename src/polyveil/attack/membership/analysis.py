# SPDX-License-Identifier: Apache-2.0
"""From scores to a verdict: how many members an attacker names, at how many false alarms.

The rate that decides is fixed by how many non-members there are, before any score is seen: 1 %
where that can be measured, else 5 %, else 10 %. Where no more members are named there than by
guessing, but members and others are told apart on the whole, the area decides: an attacker who is
sure of nobody and right about most still knows something. The p-value pays for every figure that
was looked at: hits at that rate, at 0.1 % where allowed, and the area.

Source: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570 (what to report).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from polyveil.assess.measure import Measure
from polyveil.attack.membership import health
from polyveil.attack.membership.answers import Answers
from polyveil.attack.membership.evidence import Evidence
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.result import AttackResult, Effort, Exposed
from polyveil.attack.roc import FEWEST, Area, Hits, TooFew, area_under, curve, hits_at
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

HEADLINE_RATES = (0.01, 0.05, 0.1)
LOWEST_RATE = 0.001
AREA_TOLERANCE = 0.05
"""Above one half: so much of an area counts as nothing where it decides."""
MOST_EXPOSED = 5
_SMALLEST_CLASS = 20
"""Members and non-members that a class must have to be looked at on its own."""

NOT_TESTED = (
    "label-only attackers, who see no probabilities",
    "several queries about one record (augmented copies)",
    "white-box attackers, who see weights or gradients",
)


def judge(evidence: Evidence, *, attack: str, threat: Threat) -> AttackResult:
    """What an attack's scores show.

    Raises:
      UsageError: fewer than 10 non-members, so that no rate can be measured.
    """
    scores, members = evidence.scores, evidence.answers.is_member
    headline = _headline(evidence)
    lowest = hits_at(scores, members, LOWEST_RATE)
    area = area_under(scores, members)
    looks = [headline.p_value, area.p_value]
    if isinstance(lowest, Hits):
        looks.append(lowest.p_value)
    worst = _worst_class(evidence, area)
    refused = (lowest.reason,) if isinstance(lowest, TooFew) else ()
    answers = evidence.answers
    named = _measure(headline, _without_a_model(evidence, headline))
    told, by_area = _area_measure(area), _only_the_area_shows(headline, area)
    return AttackResult(
        attack=attack,
        threat=threat,
        headline=told if by_area else named,
        sentence=_pair_sentence(area, headline) if by_area else _sentence(headline),
        guards=health.guards(evidence, area),
        p_value=all_trials(min(looks), len(looks)),
        # Twice what a guesser names still counts as nothing: below, a sample of the usual size
        # could never show that nothing was found.
        tolerance=AREA_TOLERANCE if by_area else headline.rate,
        measures=(
            named if by_area else told,
            *([_measure(lowest)] if isinstance(lowest, Hits) else []),
            *([worst] if worst else []),
            *evidence.measures,
        ),
        curves=(curve(scores, members, name=attack),),
        exposed=_exposed(evidence, headline),
        effort=Effort(
            queries=answers.queries,
            models=answers.models,
            trials=len(looks),
            shared_models=answers.models,
            shared_seconds=answers.seconds,
        ),
        not_tested=NOT_TESTED + refused,
        notes=(
            f"Thresholds were set on {headline.others:,} non-members; intervals are about the "
            "members found above them.",
            *_trained(answers),
        ),
        arrays=_arrays(evidence),
    )


def _trained(answers: Answers) -> tuple[str, ...]:
    if not answers.models:
        return ()
    networks = "1 network was" if answers.models == 1 else f"{answers.models:,} networks were"
    return (
        f"{networks} trained in {answers.seconds:,.1f} s, once for all attacks on membership, "
        "positive control included.",
    )


def _only_the_area_shows(headline: Hits, area: Area) -> bool:
    """Whether members are told apart on the whole, and hardly any of them is named for sure."""
    named = headline.hits.estimate > 2 * headline.rate
    return not named and area.area.estimate > 0.5 + AREA_TOLERANCE


def _headline(evidence: Evidence) -> Hits:
    members = evidence.answers.is_member
    others = int((~members).sum())
    for rate in HEADLINE_RATES:
        if others >= FEWEST[rate]:
            found = hits_at(evidence.scores, members, rate)
            if isinstance(found, Hits):
                return found
    raise UsageError(
        f"membership: {others} non-members; expected at least {FEWEST[HEADLINE_RATES[-1]]}, and "
        f"{FEWEST[HEADLINE_RATES[0]]} for a false-alarm rate of 1 %."
    )


def _without_a_model(evidence: Evidence, headline: Hits) -> Mapping[str, float]:
    """The same figure of the attacker who sees only records; shown, and judged by its guard."""
    blind = evidence.answers.blind
    found = None if blind is None else hits_at(blind, evidence.answers.is_member, headline.rate)
    return {"records alone": found.hits.estimate} if isinstance(found, Hits) else {}


def _measure(found: Hits, beside: Mapping[str, float] | None = None) -> Measure:
    return Measure(
        f"members found at {100 * found.rate:g} % false alarms",
        found.hits,
        better="lower",
        baseline={"chance": found.rate, **(beside or {})},
        note=f"{found.false_alarms:,} of {found.others:,} non-members raised an alarm; chance of "
        f"so many hits by guessing {found.p_value:.2g}.",
    )


def _area_measure(area: Area) -> Measure:
    return Measure(
        "AUC",
        area.area,
        unit="",
        better="lower",
        baseline={"chance": 0.5},
        note=f"Chance of so large an area by guessing {area.p_value:.2g}; says little about the "
        "few records that an attacker is sure of.",
    )


def _sentence(found: Hits) -> str:
    alarms, most = round(1000 * found.rate), math.ceil(1000 * found.hits.high)
    return (
        f"Of 1,000 members, an attacker names at most {min(most, 1000):,} "
        f"({1000 * found.hits.estimate:.0f} measured), with {alarms} false alarms among 1,000 "
        f"others; a guesser names {alarms}."
    )


def _pair_sentence(area: Area, named: Hits) -> str:
    rightly, alarms = 100 * area.area.estimate, round(1000 * named.rate)
    return (
        "Shown a member and another record, an attacker says rightly which is which in "
        f"{rightly:.0f} of 100 cases; a guesser in 50. He is sure of few: of 1,000 members he "
        f"names {1000 * named.hits.estimate:.0f}, with {alarms} false alarms among 1,000 others."
    )


def _worst_class(evidence: Evidence, overall: Area) -> Measure | None:
    """The class whose members are told apart best; interval and p pay for all classes tried."""
    labels, members = evidence.answers.view.labels, evidence.answers.is_member
    classes = [
        int(label)
        for label in np.unique(labels)
        if min((members & (labels == label)).sum(), (~members & (labels == label)).sum())
        >= _SMALLEST_CLASS
    ]
    if len(classes) < 2:
        return None
    confidence = 1 - 0.05 / len(classes)
    areas = {}
    for label in classes:
        rows = labels == label
        areas[label] = area_under(evidence.scores[rows], members[rows], confidence=confidence)
    worst = max(areas, key=lambda label: areas[label].area.estimate)
    found = areas[worst]
    return Measure(
        f"AUC, worst class (label {worst})",
        found.area,
        unit="",
        better="lower",
        baseline={"chance": 0.5, "all classes": overall.area.estimate},
        note=f"Worst of {len(classes)} classes, p {all_trials(found.p_value, len(classes)):.2g}; "
        "interval and p pay for all of them.",
    )


def _exposed(evidence: Evidence, headline: Hits) -> tuple[Exposed, ...]:
    answers, scores = evidence.answers, evidence.scores
    named = np.flatnonzero(answers.is_member & (scores > headline.threshold))
    hardest = named[np.argsort(-scores[named], kind="stable")][:MOST_EXPOSED]
    others = scores[~answers.is_member]
    return tuple(
        Exposed(
            answers.pseudonyms[row],
            float(scores[row]),
            f"named as a member; {int((others >= scores[row]).sum()):,} of {len(others):,} "
            "non-members look as much like one",
        )
        for row in hardest
    )


def _arrays(evidence: Evidence) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    found = {"scores": evidence.scores, "is member": evidence.answers.is_member}
    optional = {
        "unseen": evidence.unseen,
        "seen": evidence.seen,
        "twin": evidence.twin,
        "blind": evidence.answers.blind,
    }
    return found | {name: values for name, values in optional.items() if values is not None}
