# SPDX-License-Identifier: Apache-2.0
"""Counts what goes through a job, record by record, for the report. Holds no content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from polyveil.records.finding import Findings, Kind
from polyveil.records.identity import RecordIdentities
from polyveil.records.record import Record, Refused
from polyveil.report.facts import Count, Counts, Refusals, RefusedExample, StageTime

EXAMPLES = 20
"""Refused records named in a report, per kind."""


class Tally:
    """Adds up a job. Everything that comes in twice is counted twice: call once a record."""

    def __init__(self) -> None:
        self._records: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._ambiguous: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._items: Counter[str] = Counter()
        self._refusals: dict[str, list[RefusedExample]] = {}
        self._refused: Counter[str] = Counter()
        self.persons = 0

    def read(self, record: Record | Refused) -> None:
        """A record came out of the source."""
        self._records["read"] += 1
        if isinstance(record, Record):
            self._records["pictures"] += record.image is not None
            self._records["texts"] += sum(1 for _ in record.texts())

    def found(self, findings: Findings, identities: RecordIdentities) -> None:
        """What the search found in one record."""
        self._found["faces"] += len(findings.faces)
        self._found.update(mention.kind.value for mention in findings.mentions)
        self._ambiguous.update(ambiguity.reason for ambiguity in identities.ambiguities)
        self._records["links"] += sum(
            len(person.mentions) for person in identities.persons if person.faces
        )

    def released(self, facts: Mapping[str, Any]) -> None:
        """A record left; `facts` as `tasks.release` writes them.

        Faces that only the second search found count as found, too.
        """
        self._records["released"] += 1
        self._replaced["faces"] += facts["faces"]
        self._found["faces"] += facts["late_faces"]
        self._replaced.update(facts["mentions"])
        self._attempts[str(facts["attempts"])] += 1

    def refused(self, refusal: Refused) -> None:
        """A record was stopped."""
        self._records["refused"] += 1
        self._refused[refusal.kind] += 1
        examples = self._refusals.setdefault(refusal.kind, [])
        if len(examples) < EXAMPLES:
            examples.append(RefusedExample(refusal.id, refusal.reason))

    def took(self, seconds: Mapping[str, float]) -> None:
        """Time that one record spent in named stages."""
        self._seconds.update(seconds)
        self._items.update(dict.fromkeys(seconds, 1))

    def counts(self) -> Counts:
        """Everything so far."""
        number = self._records
        return Counts(
            records_read=number["read"],
            records_released=number["released"],
            records_refused=number["refused"],
            pictures=number["pictures"],
            texts=number["texts"],
            faces=Count(self._found["faces"], self._replaced["faces"]),
            mentions={
                kind.value: Count(self._found[kind.value], self._replaced[kind.value])
                for kind in Kind
                if self._found[kind.value]
            },
            persons=self.persons,
            links=number["links"],
            ambiguous=dict(self._ambiguous),
            attempts=dict(sorted(self._attempts.items())),
        )

    def refusals(self) -> tuple[Refusals, ...]:
        """By kind, most frequent first."""
        return tuple(
            Refusals(kind, count, tuple(self._refusals[kind]))
            for kind, count in self._refused.most_common()
        )

    def times(self, others: Iterable[StageTime] = ()) -> tuple[StageTime, ...]:
        """Seconds by stage, summed over workers, then `others`."""
        stages = (StageTime(s, round(t, 3), self._items[s]) for s, t in self._seconds.items())
        return (*stages, *others)
