# SPDX-License-Identifier: Apache-2.0
"""The result value: its JSON comes back equal, its exit code and its lines say what happened."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, EXIT_RISK_FOUND, UsageError
from polyveil.report import (
    SCHEMA,
    Counts,
    DesensitizeReport,
    Guarantee,
    Pair,
    ScanReport,
    ThreatRow,
    from_json,
)


def through_text(values: dict[str, Any]) -> Any:
    return json.loads(json.dumps(values, allow_nan=False))


def test_json_comes_back_equal(report: DesensitizeReport, scan: ScanReport, pair: Pair) -> None:
    whole = replace(report, pairs=(pair,), guarantee=Guarantee(1.0, 1e-6, "one person"))
    assert from_json(through_text(whole.to_json(pairs=True))) == whole
    assert from_json(through_text(scan.to_json())) == scan


def test_originals_stay_out_of_the_json_unless_asked(report: DesensitizeReport, pair: Pair) -> None:
    text = json.dumps(replace(report, pairs=(pair,)).to_json())
    assert "Ann Lee" not in text
    assert json.loads(text)["pairs"] == []


def test_the_schema_is_named_and_others_are_refused(report: DesensitizeReport) -> None:
    values = report.to_json()
    assert values["schema"] == SCHEMA == "polyveil.report/1"
    for wrong in ({**values, "schema": "polyveil.report/2"}, [], {**values, "kind": "poem"}):
        with pytest.raises(UsageError, match="expected"):
            from_json(wrong)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("job", "counts", "persons"), "six"),
        (("job", "counts", "persons"), True),
        (("job", "counts", "mentions"), []),
        (("release", "form"), "two-way"),
        (("measures", 0, "value"), None),
        (("threats",), {}),
        (("pairs",), [{"record_id": "1", "before": "%%%"}]),
    ],
)
def test_a_field_of_another_type_is_named(
    report: DesensitizeReport, path: tuple[Any, ...], wrong: Any
) -> None:
    values = through_text(report.to_json())
    at = values
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = wrong
    with pytest.raises(UsageError, match=str(path[-1])):
        from_json(values)


def test_keys_of_a_later_version_are_ignored(report: DesensitizeReport) -> None:
    assert from_json({**through_text(report.to_json()), "mood": "calm"}) == report


def test_exit_codes(report: DesensitizeReport, scan: ScanReport) -> None:
    assert report.exit_code == EXIT_RECORDS_REFUSED
    leak = ThreatRow("x", "a", "b", "c", "leak demonstrated", "5 of 100.")
    assert replace(report, threats=(leak,)).exit_code == EXIT_RISK_FOUND
    calm = replace(report.job, counts=Counts(records_read=1, records_released=1))
    assert replace(report, job=calm).exit_code == EXIT_CLEAN
    assert scan.exit_code == EXIT_RISK_FOUND
    assert replace(scan, job=calm, records=()).exit_code == EXIT_CLEAN
    assert replace(scan, records=()).exit_code == EXIT_RECORDS_REFUSED


def test_the_terminal_says_what_happened(report: DesensitizeReport, scan: ScanReport) -> None:
    said = report.summary()
    for part in (
        "10 records went in",
        "8 records came out",
        "2 records were refused",
        "re-identification by a face recogniser: 1.0 %, 0.0 % to 5.4 %",
        "Warning: Backend 'blur' is weak.",
        "8 attacks of 9",
    ):
        assert part in said
    assert "1 of 10 records would identify someone" in scan.summary()
    assert "Nothing was changed." in scan.summary()


def test_review_is_due_within_a_year(report: DesensitizeReport) -> None:
    assert report.review_by == "2027-11-21"
    assert replace(report, job=replace(report.job, finished="")).review_by == ""
