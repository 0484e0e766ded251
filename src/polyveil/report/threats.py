# SPDX-License-Identifier: Apache-2.0
"""The attackers that every report of the main job lists, whether they were tried or not.

An attack that nobody ran is a row that says so. Leaving it out would read as a clean result.

Source: attacker and vector names follow NIST AI 100-2e2025 and the three risks of WP29 Opinion
05/2014 (singling out, linkability, inference).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from polyveil.assess.measure import Verdict
from polyveil.interval import Interval
from polyveil.report.facts import ThreatRow

VERDICT_ORDER: tuple[Verdict, ...] = (
    "leak demonstrated",
    "weakness demonstrated",
    "inconclusive",
    "none detected",
    "not tested",
)
"""What a reader sees first. Inconclusive comes before none detected: it excludes nothing."""

_UNTESTED = "This attack was not run on this output."

DESENSITIZE_THREATS: tuple[ThreatRow, ...] = (
    ThreatRow(
        "detector", "Anyone who searches the output again", "the output",
        "the same detectors as polyveil", "not tested", _UNTESTED, "singling out",
    ),
    ThreatRow(
        "recogniser", "Recipient with a face recogniser", "the output",
        "one original picture of every person; a recogniser off the shelf",
        "not tested", _UNTESTED, "linkability",
    ),
    ThreatRow(
        "trained-recogniser", "Recipient who trains on polyveil's own outputs", "the output",
        "pairs of originals and outputs of other people; our code",
        "not tested", _UNTESTED, "linkability",
    ),
    ThreatRow(
        "dictionary", "Recipient who guesses names", "stand-in names and tokens",
        "a complete list of the people; our code, not the key",
        "not tested", _UNTESTED, "linkability",
    ),
    ThreatRow(
        "caption-to-face", "Recipient who links text and picture", "both sides of one record",
        "what the person looks like, or who was there",
        "not tested", _UNTESTED, "linkability",
    ),
    ThreatRow(
        "context", "Acquaintance", "the output",
        "clothes, hair, body, place, occasion, date, other records of the same event",
        "not tested", _UNTESTED, "singling out",
    ),
    ThreatRow(
        "attributes", "Recipient who infers attributes", "the output",
        "that sex, age band, clothes and surroundings are kept unless set otherwise",
        "not tested", _UNTESTED, "inference",
    ),
    ThreatRow(
        "source-match", "Holder of the original files", "the output",
        "the originals; matches backgrounds and sentence shapes",
        "not tested", _UNTESTED, "linkability",
    ),
    ThreatRow(
        "vault", "Thief of the vault or of a backup", "the encrypted identity map",
        "no passphrase", "not tested", _UNTESTED,
    ),
)  # fmt: skip
"""All rows untested. Pass the tested ones through `threat_table`."""


def threat_table(tested: Iterable[ThreatRow]) -> tuple[ThreatRow, ...]:
    """The whole table: a tested row takes place and risk of the untested one of its id."""
    found = {row.id: row for row in tested}
    rows = []
    for untested in DESENSITIZE_THREATS:
        row = found.pop(untested.id, untested)
        rows.append(row if row.risk else replace(row, risk=untested.risk))
    return (*rows, *found.values())


def verdict(hits: Interval, *, chance: float, margin: float = 0.03) -> Verdict:
    """What an attack's hit rate says, from its interval and never from its estimate alone.

    Args:
      hits: share of people that the attacker got right.
      chance: share that guessing gets right.
      margin: how far above chance still counts as nothing.

    Returns:
      "leak demonstrated" if the whole interval lies above chance + margin, "none detected" if all
      of it lies at or below, else "inconclusive".
    """
    if hits.low > chance + margin:
        return "leak demonstrated"
    if hits.high <= chance + margin:
        return "none detected"
    return "inconclusive"
