# SPDX-License-Identifier: Apache-2.0
"""Findings between the stages: in the journal, sealed by the project key."""

from __future__ import annotations

from collections.abc import Iterator

from polyveil.export.journal import Journal
from polyveil.privacy.key import ProjectKey
from polyveil.records import codec
from polyveil.tasks.find import Found

_PURPOSE = "findings"


class SealedFindings:
    """What was found in each record, by its place in the data set."""

    def __init__(self, journal: Journal, key: ProjectKey) -> None:
        self._journal, self._key = journal, key

    def put(self, index: int, found: Found) -> None:
        """Keeps what was found until the job is finished."""
        data = codec.to_bytes(found.findings, found.identities)
        self._journal.put_findings(index, self._key.seal(_PURPOSE, data))

    def get(self, index: int) -> Found | None:
        """What was found in a record; None where it was refused or not searched yet."""
        blob = self._journal.findings(index)
        return None if blob is None else self._opened(blob)

    def all(self) -> Iterator[Found]:
        """Everything found, in order."""
        for _, blob in self._journal.all_findings():
            yield self._opened(blob)

    def _opened(self, blob: bytes) -> Found:
        return Found(*codec.from_bytes(self._key.open(_PURPOSE, blob)))
