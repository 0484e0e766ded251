# SPDX-License-Identifier: Apache-2.0
"""The one result value of a job, from which every rendering is made: terminal, JSON, HTML.

A rendering adds no fact. What the page says, the JSON holds; what the JSON holds, the page says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, TypeAlias

from polyveil.assess.measure import Measure
from polyveil.errors import (
    EXIT_CLEAN,
    EXIT_RECORDS_REFUSED,
    EXIT_RISK_FOUND,
    UsageError,
)
from polyveil.privacy.guarantee import Guarantee
from polyveil.report.codec import decode, encode
from polyveil.report.facts import (
    Job,
    Pair,
    RecordRisk,
    Refusals,
    Release,
    StageTime,
    ThreatRow,
)
from polyveil.report.threats import DESENSITIZE_THREATS

SCHEMA = "polyveil.report/1"
REVIEW_AFTER = timedelta(days=365)
"""Recognisers improve; a measurement is looked at again after a year at the latest."""

NO_GUARANTEE = (
    "Desensitization replaces what its detectors find. What they miss stays, and how much an "
    "attacker learns from the rest is measured, not proven: no differential-privacy guarantee "
    "(no epsilon, no delta) holds for this output."
)


@dataclass(frozen=True, slots=True)
class DesensitizeReport:
    """What `polyveil desensitize` did and what was measured about it.

    Attributes:
      job: which program did what, when.
      release: one way, or with a vault.
      measures: figures with intervals, baselines and attackers.
      threats: `threats.threat_table(...)`, untested rows included.
      refusals: by kind.
      times: by stage.
      not_tested: plain sentences.
      warnings: plain sentences, shown first.
      guarantee: a proven promise, or None.
      no_guarantee: why there is none.
      pairs: originals beside outputs; secret, empty unless the user asked.
    """

    job: Job
    release: Release
    measures: tuple[Measure, ...] = ()
    threats: tuple[ThreatRow, ...] = DESENSITIZE_THREATS
    refusals: tuple[Refusals, ...] = ()
    times: tuple[StageTime, ...] = ()
    not_tested: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    guarantee: Guarantee | None = None
    no_guarantee: str = NO_GUARANTEE
    pairs: tuple[Pair, ...] = field(default=(), repr=False)

    @property
    def exit_code(self) -> int:
        """1 where a leak was demonstrated in what was released, else 3 for refusals, else 0."""
        if any(row.verdict == "leak demonstrated" for row in self.threats):
            return EXIT_RISK_FOUND
        return EXIT_RECORDS_REFUSED if self.job.counts.records_refused else EXIT_CLEAN

    @property
    def review_by(self) -> str:
        """ISO date after which the measurements should be repeated."""
        return review_date(self.job)

    def to_json(self, *, pairs: bool = False) -> dict[str, Any]:
        """JSON values, versioned by "schema". Originals stay out unless `pairs` is True."""
        return _to_json("desensitize", self if pairs else replace(self, pairs=()))

    def summary(self) -> str:
        """A few lines for the terminal."""
        from polyveil.report.sentences import desensitize_summary

        return desensitize_summary(self)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What would identify whom in a data set, as `polyveil scan` found it; nothing was changed.

    Attributes:
      job: which program did what, when; `Count.replaced` is 0 everywhere.
      records: one row a record, most findings first; kinds and counts, never content.
      refusals: records that could not be read.
      times: by stage.
      not_tested: plain sentences.
      warnings: plain sentences, shown first.
    """

    job: Job
    records: tuple[RecordRisk, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    times: tuple[StageTime, ...] = ()
    not_tested: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where anything identifying was found, else 3 for unreadable records, else 0."""
        if any(record.total for record in self.records):
            return EXIT_RISK_FOUND
        return EXIT_RECORDS_REFUSED if self.job.counts.records_refused else EXIT_CLEAN

    @property
    def review_by(self) -> str:
        """ISO date after which the scan should be repeated."""
        return review_date(self.job)

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return _to_json("scan", self)

    def summary(self) -> str:
        """A few lines for the terminal."""
        from polyveil.report.sentences import scan_summary

        return scan_summary(self)


Report: TypeAlias = DesensitizeReport | ScanReport
_KINDS: dict[str, type[DesensitizeReport] | type[ScanReport]] = {
    "desensitize": DesensitizeReport,
    "scan": ScanReport,
}


def from_json(values: Any) -> Report:
    """The report that `to_json` wrote.

    Raises:
      UsageError: another schema, another kind, or a field of another type.
    """
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        found = values.get("schema") if isinstance(values, dict) else type(values).__name__
        raise UsageError(f"report: expected schema {SCHEMA!r}, got {found!r}.")
    kind = values.get("kind")
    if kind not in _KINDS:
        raise UsageError(f"report: expected kind 'desensitize' or 'scan', got {kind!r}.")
    return decode(_KINDS[kind], values)


def _to_json(kind: str, report: Report) -> dict[str, Any]:
    facts = {"exit_code": report.exit_code, "review_by": report.review_by}
    values: dict[str, Any] = {"schema": SCHEMA, "kind": kind, **facts, **encode(report)}
    return values


def review_date(job: Job) -> str:
    """ISO date a year after the job, or nothing where its own date cannot be read."""
    try:
        finished = date.fromisoformat(job.finished[:10])
    except ValueError:
        return ""
    return (finished + REVIEW_AFTER).isoformat()
