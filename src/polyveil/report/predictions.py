# SPDX-License-Identifier: Apache-2.0
"""What became of asking a classifier: counts and figures; the answers themselves are in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED
from polyveil.interval import Interval, clopper_pearson
from polyveil.privacy.guarantee import Guarantee
from polyveil.report.codec import encode
from polyveil.report.facts import Job
from polyveil.report.figures import figure
from polyveil.report.sentences import plural

SCHEMA = "polyveil.predictions/1"
NOT_COVERED = (
    "An answer tells of the record that it is about, and no promise covers that record: handle the "
    "answers like the records."
)
FLATTERED = "Whether a record was trained on was not looked up: figures on such records flatter."
CHOSEN_HERE = (
    "How modalities are weighed was chosen on these very records: figures on them flatter."
)
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Predictions:
    """A finished round of questions.

    Attributes:
      job: who asked, when.
      run: id of the training.
      answered: records.
      by_class: class -> how often it was the answer.
      weighing: how one answer came of several modalities or networks; "" where there is one.
      figures: of records that say their class, see `ClassMetrics.to_json`; None where none does.
      beside: each modality by itself -> share that is right of the labelled records that have it;
        their plain mean -> the same of all labelled records. Empty where there is one modality.
      unknown: records that say a class which the network does not know.
      refused: reason -> records.
      guarantee: of the training, about the records that were trained on; None with `reason`.
      reason: why there is none; "" with one.
      not_done: plain sentences.
      dry_run: how many records would be asked about, where nothing was done; None where it was.
    """

    job: Job
    run: str
    answered: int
    by_class: Mapping[str, int]
    weighing: str
    figures: Mapping[str, Any] | None
    beside: Mapping[str, Interval]
    unknown: int
    refused: Mapping[str, int] = field(default_factory=dict)
    guarantee: Guarantee | None = None
    reason: str = ""
    not_done: tuple[str, ...] = (NOT_COVERED, FLATTERED)
    dry_run: int | None = None

    @property
    def exit_code(self) -> int:
        """3 when records were refused."""
        return EXIT_RECORDS_REFUSED if self.refused else EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        guarantee = None if self.guarantee is None else self.guarantee.to_json()
        return {
            "schema": SCHEMA,
            "exit_code": self.exit_code,
            **encode(self),
            "guarantee": guarantee,
        }

    def summary(self) -> str:
        """A few lines for a person."""
        if self.dry_run is not None:
            asked = (
                f"Would ask about {plural(self.dry_run, 'record')}. Nothing was asked or written."
            )
            return "\n".join([asked, *self._refused(), *filter(None, [self.weighing])])
        answered = f"Answered {plural(self.answered, 'record')}"
        lines = [f"{answered}; {self._classes()}." if self.answered else f"{answered}."]
        lines += self._measured()
        lines += self._refused()
        if self.weighing:
            lines.append(self.weighing)
        lines.append(
            f"No guarantee about the records trained on. {self.reason}"
            if self.guarantee is None
            else f"About the records trained on: {self.guarantee.sentence}"
        )
        return "\n".join([*lines, *self.not_done]).replace("\u00a0", " ")

    def _refused(self) -> list[str]:
        return [f"Refused: {count:,} × {reason}" for reason, count in self.refused.items()]

    def _classes(self) -> str:
        most = sorted(self.by_class.items(), key=lambda one: -one[1])
        said = [f"{name}: {count:,}" for name, count in most[:_SHOWN] if count]
        rest = sum(count for _, count in most[_SHOWN:])
        return ", ".join([*said, f"others: {rest:,}"] if rest else said)

    def _measured(self) -> list[str]:
        found = self.figures
        lines = []
        if found is not None:
            asked = found["records"]
            right = clopper_pearson(round(found["accuracy"] * asked), asked)
            low, high = figure(right.low, "share"), figure(right.high, "share")
            lines.append(
                f"Right: {figure(right.estimate, 'share')} [{low}, {high}] of the "
                f"{plural(asked, 'record')} with a known class; "
                f"F1 {100 * found['weighted']['f1']:.1f} % weighted, "
                f"{100 * found['macro']['f1']:.1f} % macro; calibration error "
                f"{100 * found['ece']:.1f} %."
            )
        if self.beside:
            said = [
                f"{name} {figure(one.estimate, 'share')} of {one.n:,}"
                for name, one in self.beside.items()
            ]
            lines.append(f"By itself: {', '.join(said)}.")
        if self.unknown:
            lines.append(
                f"A class that the network does not know: {plural(self.unknown, 'record')}."
            )
        return lines
