# SPDX-License-Identifier: Apache-2.0
"""Values refuse what would mislead; the command that a report prints names nobody."""

from __future__ import annotations

import pytest

from polyveil.report import Count, Counts, Measure, ThreatRow, public_command


@pytest.mark.parametrize("claim", ["This is safe.", "The data are anonymous now.", "Anonymized."])
def test_a_verdict_may_not_claim_more_than_was_measured(claim: str) -> None:
    with pytest.raises(ValueError, match="claims more"):
        ThreatRow("x", "a", "b", "c", "none detected", claim)


def test_figures_are_finite() -> None:
    with pytest.raises(ValueError, match="finite value"):
        Measure("distance", float("inf"))
    with pytest.raises(ValueError, match="finite blur"):
        Measure("distance", 1.0, baseline={"blur": float("nan")})


def test_more_cannot_come_out_than_went_in() -> None:
    with pytest.raises(ValueError, match="released"):
        Counts(records_read=1, records_released=1, records_refused=1)


def test_totals() -> None:
    counts = Counts(mentions={"name": Count(3, 2), "date": Count(1, 1)})
    assert counts.mentions_total == Count(4, 3)


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (["polyveil", "scan", "ann-lee"], "polyveil scan DIR"),
        (["C:\\x\\polyveil.exe", "demo"], "polyveil.exe demo"),
        (["polyveil", "/home/ann"], "polyveil DIR"),
        (["polyveil", "desensitize", "--faces", "blur"], "polyveil desensitize --faces blur"),
        (["polyveil", "scan", "--key=hush", "-w", "2"], "polyveil scan --key=DIR -w 2"),
    ],
)  # fmt: skip
def test_the_command_names_nobody(argv: list[str], shown: str) -> None:
    assert public_command(argv, keep=frozenset({"blur"})) == shown
