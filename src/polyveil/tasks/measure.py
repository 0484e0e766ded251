# SPDX-License-Identifier: Apache-2.0
"""Stage three, on request: attack what leaves, and say what the attackers reached.

Where the data set shows people in several pictures, the attacker holds one original of everybody
and sees an output made from another: what he finds is identity. Where it does not, he holds the
very same picture; then pose, light and sharpness, which a stand-in keeps, tell pictures apart as
well, and the figure is an upper bound that no threat row is filled with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure, Verdict
from polyveil.assess.reidentify import FEWEST, Reidentification, describe, reidentification, weaken
from polyveil.errors import RecordError
from polyveil.records.finding import Face
from polyveil.records.picture import decode
from polyveil.records.record import Record
from polyveil.report.facts import ThreatRow
from polyveil.report.threats import verdict

MOST = 2000
"""Faces. Their descriptions then take about 220 MB at the peak."""

STRONG = 0.2
"""How far above chance the attacker must get on originals for his failure to say anything."""


@dataclass(frozen=True, slots=True)
class Job:
    """One released picture: where it was, what it is now, whose faces were in it.

    Attributes:
      persons: for each face a token of the person, equal for equal persons.
    """

    record: Record
    faces: tuple[Face, ...]
    persons: tuple[str, ...]
    output: Path


@dataclass(frozen=True, slots=True)
class Described:
    """One face: (3, d) float16 of the original, of the weakened original, of the output."""

    person: str
    rows: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Attacked:
    """What the attackers reached.

    Attributes:
      results: empty where there were too few faces.
      other_pictures: whether they held other pictures of the people than those they saw replaced.
    """

    results: tuple[Reidentification, ...]
    other_pictures: bool


def describe_pair(job: Job) -> list[Described]:
    """Every face of one record; none where a picture cannot be read."""
    if job.record.image is None:
        return []
    try:
        before, after = decode(job.record.image).pixels, decode(job.output).pixels
    except RecordError:
        return []
    control = weaken(before)
    return [
        Described(
            person,
            np.stack([describe(pixels, face) for pixels in (before, control, after)]).astype(
                np.float16
            ),
        )
        for face, person in zip(job.faces, job.persons, strict=True)
    ]


def attack(described: Sequence[Described]) -> Attacked:
    """Both attackers; over people with several pictures where there are enough of them."""
    first: dict[str, Described] = {}
    second: dict[str, Described] = {}
    for one in described:
        if first.setdefault(one.person, one) is not one:
            second.setdefault(one.person, one)
    across = len(second) >= FEWEST
    people = _thinned(sorted(second if across else first))
    held = [first[person].rows for person in people]
    seen = [(second if across else first)[person].rows for person in people]
    if len(people) < FEWEST:
        return Attacked((), across)
    gallery, probes = (np.stack(rows).astype(np.float32) for rows in (held, seen))
    results = reidentification(gallery[:, 0], probes[:, 1], probes[:, 2])
    return Attacked(tuple(results), across)


def _thinned(people: Sequence[str]) -> list[str]:
    return list(people[:: max(1, -(-len(people) // MOST))])


def as_measures(attacked: Attacked) -> tuple[Measure, ...]:
    """The figures for the report."""
    held = (
        "another original picture of everybody"
        if attacked.other_pictures
        else "the very picture that was replaced"
    )
    bound = (
        ""
        if attacked.other_pictures
        else " Pose, light and sharpness are kept and tell pictures apart too: an upper bound."
    )
    return tuple(
        Measure(
            name="faces: re-identification, rank 1",
            value=result.rate,
            better="lower",
            baseline={"original": result.original, "chance": result.chance},
            attacker=f"{result.attacker}; holds {held}",
            note=f"Share of stand-ins for which the attacker names the right person first.{bound}",
        )
        for result in attacked.results
    )


def searched_again(released: int) -> ThreatRow:
    """The row that verification fills: nothing leaves in which the second search finds anyone."""
    return ThreatRow(
        "detector",
        "Anyone who searches the output again",
        "the output",
        "the same detectors as polyveil",
        "none detected",
        f"In all {released} released records, whatever was changed was searched again; the rest is "
        "as the first search left it. A record in which someone was still found was refused. What "
        "the detectors miss, this search misses too.",
    )


def as_threats(attacked: Attacked) -> Iterable[ThreatRow]:
    """The rows of the threat table that attacks with other pictures fill."""
    names = ("recogniser", "trained-recogniser")
    who = ("Recipient with a simple face matcher", "Recipient who trains it on polyveil's outputs")
    for name, attacker, result in zip(names, who, attacked.results, strict=False):
        if attacked.other_pictures:
            yield ThreatRow(
                name,
                attacker,
                "inside of the faces of the output",
                f"{result.attacker}; another original picture of everybody",
                _verdict(result),
                f"Of {result.rate.n} stand-ins, this attacker names the right person first for "
                f"{result.rate.estimate:.1%} (95 % interval {result.rate.low:.1%} to "
                f"{result.rate.high:.1%}; guessing gives {result.chance:.1%}, the originals "
                f"{result.original:.1%}).",
            )


def _verdict(result: Reidentification) -> Verdict:
    """An attacker who fails on originals as well has shown nothing by failing here."""
    found = verdict(result.rate, chance=result.chance)
    weak = result.original < result.chance + STRONG
    return "inconclusive" if weak and found == "none detected" else found
