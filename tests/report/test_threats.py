# SPDX-License-Identifier: Apache-2.0
"""An attack that nobody ran is listed as not run; verdicts read the interval, not the estimate."""

from __future__ import annotations

from polyveil.interval import clopper_pearson
from polyveil.report import (
    DESENSITIZE_THREATS,
    DesensitizeReport,
    ThreatRow,
    threat_table,
    verdict,
)


def test_untested_attacks_are_never_left_out() -> None:
    rows = threat_table([])
    assert rows == DESENSITIZE_THREATS
    assert {row.verdict for row in rows} == {"not tested"}
    assert len({row.id for row in rows}) == len(rows)


def test_a_tested_row_takes_its_place_and_a_new_one_comes_last() -> None:
    tested = ThreatRow("vault", "Thief", "the map", "nothing", "none detected", "No guess of 10.")
    new = ThreatRow("voice", "Listener", "the output", "a call", "inconclusive", "2 of 9.")
    rows = threat_table([new, tested])
    assert len(rows) == len(DESENSITIZE_THREATS) + 1
    assert rows[[row.id for row in DESENSITIZE_THREATS].index("vault")] == tested
    assert rows[-1] is new


def test_all_three_risks_are_there_and_a_tested_row_inherits_its_own() -> None:
    risks = {row.risk for row in DESENSITIZE_THREATS}
    assert {"singling out", "linkability", "inference"} <= risks
    tested = ThreatRow(
        "recogniser", "Recipient", "the output", "a photo", "inconclusive", "1 of 9."
    )
    assert threat_table([tested])[1].risk == "linkability"


def test_verdicts() -> None:
    assert verdict(clopper_pearson(97, 100), chance=0.01) == "leak demonstrated"
    assert verdict(clopper_pearson(1, 100), chance=0.01) == "inconclusive"
    assert verdict(clopper_pearson(1, 1000), chance=0.01) == "none detected"


def test_a_report_without_attacks_lists_them_all_as_not_run(report: DesensitizeReport) -> None:
    bare = DesensitizeReport(report.job, report.release)
    assert bare.threats == DESENSITIZE_THREATS
