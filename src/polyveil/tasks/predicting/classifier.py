# SPDX-License-Identifier: Apache-2.0
"""The classifier of a result folder of `polyveil train`, whatever it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.learn.outcome import TrainReport
from polyveil.learn.run_folder import RESULT, is_open
from polyveil.records.record import Record
from polyveil.tasks.predicting.answer import Answer

Reading: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Modality -> what a network reads of one record."""


class Classifier(Protocol):
    """A network, how it reads records, and how it answers."""

    @property
    def report(self) -> TrainReport:
        """What the run says of itself."""
        ...

    @property
    def weighing(self) -> str:
        """How one answer comes of several, one sentence; "" where there is one network."""
        ...

    def read(self, record: Record) -> Reading:
        """What it reads of a record.

        Raises:
          UnreadableRecord: nothing that it takes, or something that is broken.
        """
        ...

    def answers(self, readings: Sequence[Reading]) -> list[Answer]:
        """One a record; a record's answer does not depend on the others."""
        ...


def finished(folder: Path) -> TrainReport:
    """What a finished run says of itself.

    Raises:
      UsageError: no finished run of a classifier there, or its result was damaged.
    """
    path = folder / RESULT
    if not path.is_file() or is_open(folder):
        raise UsageError(f"run: no finished run; expected a folder with {RESULT}.")
    try:
        values = json.loads(path.read_text("utf-8"))
        values.pop("job")
        report = TrainReport.from_json(values)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"run: {RESULT} is damaged; expected it as it was written.") from None
    if report.of_people:
        raise UsageError(
            "run: a recogniser; it names nobody by itself. See polyveil calibrate, enroll and "
            "identify."
        )
    return report
