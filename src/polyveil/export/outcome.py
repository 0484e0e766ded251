# SPDX-License-Identifier: Apache-2.0
"""What became of one record: a safe row and where its picture lies, or a refusal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from polyveil.records.record import Refused


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One settled record. Holds nothing that may not be released.

    Attributes:
      id: the record's id.
      row: the safe row, without `file_name`; empty where the record was refused.
      file: path of its picture relative to the output folder, with "/"; None without one.
      notes: plain sentences on what was done and what was left.
      refused: why it does not leave the house; None for a released record.
      facts: counts for the report, e.g. {"faces": 2, "attempts": 1}.
    """

    id: str
    row: dict[str, Any]
    file: str | None = None
    notes: tuple[str, ...] = ()
    refused: Refused | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def refusal(refused: Refused) -> OutcomeRow:
        """The outcome of a refused record."""
        return OutcomeRow(refused.id, {}, refused=refused)

    def to_json(self) -> str:
        """JSON text that `from_json` reads back. Raises ValueError for NaN or Infinity."""
        refused = [self.refused.kind, self.refused.reason] if self.refused else None
        body = [self.id, self.row, self.file, list(self.notes), refused, self.facts]
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> OutcomeRow:
        """The outcome that `to_json` wrote."""
        record_id, row, file, notes, refused, facts = json.loads(text)
        why = Refused(record_id, *refused) if refused else None
        return OutcomeRow(record_id, row, file, tuple(notes), why, facts)
