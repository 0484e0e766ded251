# SPDX-License-Identifier: Apache-2.0
"""Stage three, on request: attack what leaves, and say what the attackers reached.

Reads originals and outputs once more and compares the face regions; nothing about the attack needs
the key. Holds at most `MOST` faces, drawn evenly over the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import RecordError
from polyveil.records.finding import Face
from polyveil.records.picture import decode
from polyveil.records.record import Record
from polyveil.report.facts import Measure, ThreatRow
from polyveil.report.threats import verdict
from polyveil.verify.reidentify import Reidentification, describe, reidentification, weaken

MOST = 2000
"""Faces. Their descriptions then take about 220 MB at the peak."""

Described = NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Job:
    """One released picture: where it was, what it is now, and whose faces were in it."""

    record: Record
    faces: tuple[Face, ...]
    output: Path


def describe_pair(job: Job) -> list[Described]:
    """For each face: original, weakened original and output, (3, d)."""
    if job.record.image is None:
        return []
    try:
        before, after = decode(job.record.image).pixels, decode(job.output).pixels
    except RecordError:
        return []
    control = weaken(before)
    return [
        np.stack([describe(pixels, face) for pixels in (before, control, after)]).astype(np.float16)
        for face in job.faces
    ]


def attack(described: Sequence[Described]) -> list[Reidentification]:
    """Both attackers over at most `MOST` faces."""
    step = max(1, -(-len(described) // MOST))
    chosen = list(described[::step])
    if not chosen:
        return []
    stacked = np.stack(chosen).astype(np.float32)
    return reidentification(stacked[:, 0], stacked[:, 1], stacked[:, 2])


def as_measures(results: Sequence[Reidentification]) -> tuple[Measure, ...]:
    """The figures for the report."""
    return tuple(
        Measure(
            name="faces: re-identification, rank 1",
            value=result.rate,
            better="lower",
            baseline={"original, recompressed": result.original, "chance": result.chance},
            attacker=result.attacker,
            note="Share of stand-ins for which the attacker names the right person first.",
        )
        for result in results
    )


def searched_again(released: int) -> ThreatRow:
    """The row that verification fills: nothing leaves in which the second search finds anyone."""
    return ThreatRow(
        "detector",
        "Anyone who searches the output again",
        "the output",
        "the same detectors as polyveil",
        "none detected",
        f"All {released} released records were searched again; a record in which the detectors "
        "still found someone was refused. What they miss, this search misses too.",
    )


def as_threats(results: Sequence[Reidentification]) -> tuple[ThreatRow, ...]:
    """The rows of the threat table that these attacks fill."""
    names = ("recogniser", "trained-recogniser")
    who = ("Recipient with a simple face matcher", "Recipient who trains it on polyveil's outputs")
    return tuple(
        ThreatRow(
            name,
            attacker,
            "face regions of the output",
            result.attacker,
            verdict(result.rate, chance=result.chance),
            f"Of {result.rate.n} stand-ins, this attacker names the right person first for "
            f"{result.rate.estimate:.1%} (95 % interval {result.rate.low:.1%} to "
            f"{result.rate.high:.1%}; guessing gives {result.chance:.1%}).",
        )
        for name, attacker, result in zip(names, who, results, strict=False)
    )
