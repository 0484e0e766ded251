# SPDX-License-Identifier: Apache-2.0
"""One result value, many renderings."""

from polyveil.privacy.guarantee import Guarantee
from polyveil.report.facts import (
    Count,
    Counts,
    Job,
    Pair,
    RecordRisk,
    Refusals,
    RefusedExample,
    Release,
    StageTime,
    ThreatRow,
    public_command,
)
from polyveil.report.html import render
from polyveil.report.result import (
    NO_GUARANTEE,
    SCHEMA,
    DesensitizeReport,
    Report,
    ScanReport,
    from_json,
)
from polyveil.report.threats import DESENSITIZE_THREATS, threat_table, verdict
from polyveil.verify.interval import Interval
from polyveil.verify.measure import Measure

__all__ = [
    "DESENSITIZE_THREATS",
    "NO_GUARANTEE",
    "SCHEMA",
    "Count",
    "Counts",
    "DesensitizeReport",
    "Guarantee",
    "Interval",
    "Job",
    "Measure",
    "Pair",
    "RecordRisk",
    "Refusals",
    "RefusedExample",
    "Release",
    "Report",
    "ScanReport",
    "StageTime",
    "ThreatRow",
    "from_json",
    "public_command",
    "render",
    "threat_table",
    "verdict",
]
