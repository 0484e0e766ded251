# SPDX-License-Identifier: Apache-2.0
"""Stage two, for one record: replace, search the result again, mend, and release or refuse.

Runs in a worker. An attempt makes a candidate: pictures with stand-ins, texts rewritten to agree.
Whatever the second search still finds is added to what is to be replaced, and the next attempt
begins. What is not clean after the last attempt is refused: nothing of it leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from polyveil.errors import RecordError, UnsafeRecord
from polyveil.export.outcome import OutcomeRow
from polyveil.export.writer import Door
from polyveil.privacy.key import ProjectKey
from polyveil.records.picture import decode
from polyveil.records.record import Desensitized, Record, Refused, TextPath
from polyveil.replace.persona import Persona
from polyveil.tasks.candidate import Candidate
from polyveil.tasks.check import attempt
from polyveil.tasks.find import Clock, Found, refused
from polyveil.tasks.plan import Plan
from polyveil.tasks.settings import Settings

Reversals: TypeAlias = dict[TextPath, tuple[str, list[tuple[int, int, str]]]]
"""path -> the new string, and (start, end, original) of every stand-in in it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One record with everything that its release needs.

    Attributes:
      index: its place in the data set.
      found: what the find stage found.
      personas: one a person of found.identities.persons, in their order.
      originals: persona's token -> the real names behind it. Secret.
    """

    index: int
    record: Record
    found: Found
    personas: tuple[Persona, ...]
    originals: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Released:
    """What became of one record.

    Attributes:
      outcome: for the journal.
      reversals: what turns the text back, for a vault; empty unless asked for. Secret.
      seconds: stage -> time.
    """

    index: int
    outcome: OutcomeRow
    reversals: Reversals = field(default_factory=dict, repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """The work of a worker; picklable."""

    settings: Settings
    key: ProjectKey
    door: Door
    keep_reversals: bool = False

    def __call__(self, job: Job) -> Released:
        """Never raises for a bad record."""
        clock = Clock()
        try:
            candidate, plan, attempts = self._clean(job, clock)
            outcome = self._write(job, candidate, plan, attempts)
            clock.lap("write")
        except RecordError as error:
            return crashed(job, error)
        reversals = _reversals(candidate) if self.keep_reversals else {}
        return Released(job.index, outcome, reversals, clock.seconds)

    def _clean(self, job: Job, clock: Clock) -> tuple[Candidate, Plan, int]:
        pixels = None if job.record.image is None else decode(job.record.image).pixels
        clock.lap("decode")
        plan = Plan.of(job.found, job.personas, job.originals)
        left: list[str] = []
        for number in range(1, self.settings.attempts + 1):
            candidate, left, plan = attempt(
                job.record, pixels, plan, self.key, self.settings, clock
            )
            if not left:
                return candidate, plan, number
        raise UnsafeRecord(
            f"after {self.settings.attempts} attempts: {'; '.join(left)}. Nothing was exported."
        )

    def _write(self, job: Job, candidate: Candidate, plan: Plan, attempts: int) -> OutcomeRow:
        safe = Desensitized(job.record.id, candidate.row, candidate.pixels, candidate.notes)
        facts = {
            "faces": len(plan.faces),
            "late_faces": len(plan.faces) - len(job.found.findings.faces),
            "mentions": dict(Counter(edit.kind.value for edit in candidate.edits)),
            "attempts": attempts,
        }
        return replace(self.door.write(job.record, safe), facts=facts)


def _reversals(candidate: Candidate) -> Reversals:
    rewritten = candidate.rewritten
    return {path: (rewritten.texts[path], spans) for path, spans in rewritten.reversals().items()}


def crashed(job: Job, error: RecordError) -> Released:
    """The refusal of a record."""
    refusal: Refused = refused(job.record.id, error)
    return Released(job.index, OutcomeRow.refusal(refusal))
