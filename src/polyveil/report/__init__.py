# SPDX-License-Identifier: Apache-2.0
"""One result value, many renderings."""

from polyveil.assess.measure import Measure
from polyveil.interval import Interval
from polyveil.privacy.guarantee import Guarantee
from polyveil.report.audit import AuditReport, Claim, Skipped, System, ThreatFinding, Untested
from polyveil.report.audit_html import render_audit
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

__all__ = [
    "DESENSITIZE_THREATS",
    "NO_GUARANTEE",
    "SCHEMA",
    "AuditReport",
    "Claim",
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
    "Skipped",
    "StageTime",
    "System",
    "ThreatFinding",
    "ThreatRow",
    "Untested",
    "from_json",
    "public_command",
    "render",
    "render_audit",
    "threat_table",
    "verdict",
]
