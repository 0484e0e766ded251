# SPDX-License-Identifier: Apache-2.0
"""Inference: who knows all of a person but one value guesses that value from the release.

That a release lets one predict is what it is for: smoking predicts illness also for those who are
in no table. A leak is only what goes better for the people behind the release than for others of
the same population, with the same attacker. Two attackers: the closest released row says its value
(it finds copies), and boosted trees (they find patterns).

Source: Stadler et al., USENIX Security 2022, https://arxiv.org/abs/2011.07018; correct attribution
probability: Taub, Elliot, Pampaka & Smith, PSD 2018; imputation as the baseline: Jayaraman & Evans,
CCS 2022, https://arxiv.org/abs/2209.01292.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil import _validate
from polyveil.assess.measure import Measure
from polyveil.attack.multiplicity import all_trials
from polyveil.attack.result import AttackResult, Effort
from polyveil.attack.tables.contest import Contest, contest, health
from polyveil.attack.tables.guessing import LEARNERS, View
from polyveil.attack.tables.seats import Seats, seat
from polyveil.attack.tables.table import Table
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import bootstrap, clopper_pearson

THREAT = Threat(
    "inference-table",
    "someone who knows much about a person and wants to know one thing more",
    "the released rows",
    "the person's values in the known columns",
    risk="inference",
)
REACH = 0.05
"""Advantage that the attack must have where the rows themselves are released."""


@dataclass(frozen=True, slots=True)
class InferenceEvidence:
    """Who was guessed rightly, by whom, from what.

    Attributes:
      hits: learner -> release (`Seats.releases`) -> bool (2n,): members, then control.
      attribution: mean share of the closest released rows that have the true value, (2n,).
      imputed: bool (n,): members guessed by a learner that saw the control people, no release.
      common: share of members who have the most common value among the control people.
      seats: who sat where.
    """

    hits: Mapping[str, Mapping[str, NDArray[np.bool_]]] = field(repr=False)
    attribution: NDArray[np.float64] = field(repr=False)
    imputed: NDArray[np.bool_] = field(repr=False)
    common: float
    seats: Seats = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inference:
    """The attacker, what he knows and wants, and the people he is judged on.

    Attributes:
      members: the rows that the release was made from. Secret.
      control: rows of the same population that it was not made from.
      secret: the column that he wants.
      known: columns that he knows; empty for all others.
      learners: of "nearest" and "boosted"; each is a trial and is paid for.
      within: how near a number must be guessed, as a share of the column's range.
      most: people on each side at most.
      tolerance: advantage that counts as nothing.
    """

    members: Table = field(repr=False)
    control: Table = field(repr=False)
    secret: str
    known: tuple[str, ...] = ()
    learners: tuple[str, ...] = LEARNERS
    within: float = 0.05
    most: int = 1000
    tolerance: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.positive(within=self.within)
        self.members.only([self.secret, *self.known])
        if not self.learners or not set(self.learners) <= set(LEARNERS):
            raise UsageError(f"inference: learners {self.learners}; expected some of {LEARNERS}.")
        if self.secret in self.known:
            raise UsageError(f"inference: {self.secret!r} is known and wanted; expected one of it.")

    @property
    def name(self) -> str:
        return f"inference of {self.secret}"

    def attempt(self, release: Table) -> InferenceEvidence:
        """Guesses everybody's value.

        Raises:
          UsageError: too few rows, or a column that the release lacks.
          MissingExtra: boosted trees without scikit-learn.
        """
        seats = seat(release, self.members, self.control, most=self.most, seed=self.seed)
        wanted = int(seats.space.columns([self.secret])[0])
        others = [name for name in seats.space.names if name != self.secret]
        known = seats.space.columns(self.known or others)
        if not len(known):
            raise UsageError("inference: no known column is in the release.")
        view = View(seats, known, wanted, self.within, self.seed)
        releases = seats.releases(self.seed)
        hits = {
            learner: {name: view.hits(learner, points) for name, points in releases.items()}
            for learner in self.learners
        }
        outside = np.concatenate([seats.control, seats.spare])
        return InferenceEvidence(
            hits,
            view.attribution(seats.release),
            view.hits(self.learners[-1], outside)[: len(seats)],
            view.common(outside),
            seats,
        )

    def analyse(self, evidence: InferenceEvidence) -> AttackResult:
        """Share of members guessed rightly, beside that of control people."""
        seats = evidence.seats
        rounds = {
            learner: {name: contest(hit, seats.is_member) for name, hit in found.items()}
            for learner, found in evidence.hits.items()
        }
        best = min(rounds, key=lambda learner: rounds[learner]["release"].p_value)
        found = rounds[best]["release"]
        # The guards are about the attack as a whole: what one of its learners sees, it sees.
        shown = {
            name: min((one[name] for one in rounds.values()), key=lambda one: one.p_value)
            for name in ("identity", "planted", "null")
        }
        return AttackResult(
            attack=self.name,
            threat=THREAT,
            headline=Measure(
                f"people whose {self.secret} is guessed",
                found.share,
                better="lower",
                baseline={
                    "without the target": found.control_share,
                    "imputed from other people": float(evidence.imputed.mean()),
                    "most common value": evidence.common,
                },
                attacker=f"{best}, knows the other columns and the release",
                note="without the target: the same attack on people who are not behind the release",
            ),
            sentence=(
                f"From the release, the {self.secret} of {found.hits:,} of {found.tried:,} people "
                f"behind it is guessed, and of {found.control_hits:,} of {found.control_tried:,} "
                "others: what goes as well for both is known about everybody alike."
            ),
            guards=health(
                seats,
                (self.members, self.control),
                {**shown, "release": found, "null": _paid(shown["null"], len(rounds))},
                tolerance=self.tolerance,
                reach=REACH,
                seed=self.seed,
            ),
            p_value=all_trials(found.p_value, len(rounds)),
            tolerance=self.tolerance,
            measures=_measures(rounds, evidence),
            effort=Effort(models=4 * len(rounds), trials=len(rounds)),
            not_tested=("other secret columns", "attackers who know fewer columns"),
            arrays={
                "guessed": evidence.hits[best]["release"][seats.is_member],
                "attribution": evidence.attribution[seats.is_member],
                "member_rows": seats.member_rows,
            },
        )


def _paid(one: Contest, trials: int) -> Contest:
    return Contest(
        one.hits,
        one.tried,
        one.control_hits,
        one.control_tried,
        all_trials(one.p_value, trials),
    )


def _measures(
    rounds: Mapping[str, Mapping[str, Contest]], evidence: InferenceEvidence
) -> tuple[Measure, ...]:
    member = evidence.seats.is_member
    each = [
        Measure(
            f"advantage over people not behind it, {learner}",
            found["release"].advantage,
            better="lower",
        )
        for learner, found in rounds.items()
    ]
    inside, outside = evidence.attribution[member], evidence.attribution[~member]
    return (
        *each,
        Measure(
            "correct attribution probability",
            bootstrap(inside),
            better="lower",
            baseline={"people not behind the release": float(outside.mean())},
            note="share of the closest released rows that have the person's value",
        ),
        Measure(
            "guessed from other people alone, without the release",
            clopper_pearson(int(evidence.imputed.sum()), len(evidence.imputed)),
        ),
    )
