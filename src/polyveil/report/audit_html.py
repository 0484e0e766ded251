# SPDX-License-Identifier: Apache-2.0
"""The audit as one self-contained HTML page of eight parts: opens offline, prints on A4.

The first part is one sheet for a reader who is no engineer. What is long is shortened there and
stands in full further down.
"""

from __future__ import annotations

from typing import Any

from polyveil.attack.guard import Guard
from polyveil.attack.result import AttackResult
from polyveil.report import audit_words as words
from polyveil.report import bars, figures, sentences
from polyveil.report.audit import AuditReport, ThreatFinding
from polyveil.report.audit_sheet import first_sheet
from polyveil.report.claim_bar import claim_bar
from polyveil.report.html import environment, frame, stage_rows
from polyveil.report.plots import plots_of
from polyveil.verify.interval import Interval
from polyveil.verify.measure import Measure

EXPOSED = 10
BAR = 400.0


def render_audit(report: AuditReport) -> str:
    """The page, as text to be written in UTF-8; at most 2 MB."""
    template = environment().get_template("audit.html.jinja")
    findings = report.threats
    return template.render(
        report=report,
        job=report.job,
        total=sentences.duration(report.job),
        stages=stage_rows(report.times),
        summed=sentences.seconds(sum(one.seconds for one in report.times)),
        words=words,
        write=figures,
        findings=findings,
        sheet=first_sheet(report),
        claims=[(one, claim_bar(one)) for one in words.ranked(report.claims)],
        results=[_finding(i, one) for i, one in enumerate(_tested(findings), start=1)],
        utility=[("", [_measure(one) for one in report.utility])] if report.utility else [],
        failures=_failures(report),
        healthy=[(one, _passed(one)) for one in report.attacks],
        by_p_value=sorted(report.attacks, key=_p_value),
        **frame(),
    )


def _tested(findings: tuple[ThreatFinding, ...]) -> list[ThreatFinding]:
    return [one for one in findings if one.verdict != "not tested"]


def _finding(number: int, finding: ThreatFinding) -> dict[str, Any]:
    """One threat: its attacks side by side with a plot that holds the curves of all of them."""
    several = len(finding.attacks) > 1
    return {
        "number": number,
        "threat": finding.threat,
        "attacks": [_result(one) for one in finding.attacks],
        "plots": plots_of(curve for one in finding.attacks for curve in one.curves),
        "measured": [
            (one.attack if several else "", [_measure(each) for each in one.measures])
            for one in finding.attacks
            if one.measures
        ],
    }


def _result(result: AttackResult) -> dict[str, Any]:
    return {
        "result": result,
        "row": words.row(result),
        "bar": bars.range_bar(result.headline, width=BAR, whole=False, write=figures.tick),
        "strip": _strip(result),
        "exposed": result.exposed[:EXPOSED],
        "unlisted": max(0, len(result.exposed) - EXPOSED),
    }


def _strip(result: AttackResult) -> dict[str, float] | None:
    """The headline on an axis that all shares have in common, from 0 to 100."""
    value = result.headline.value
    if result.headline.unit != "share":
        return None
    low, high = (value.low, value.high) if isinstance(value, Interval) else (value, value)
    return {
        "low": round(100 * low, 2),
        "wide": round(max(0.8, 100 * (high - low)), 2),
        "dot": round(100 * result.headline.estimate, 2),
        "baseline": round(100 * result.baseline, 2),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    value = measure.value
    return {
        "measure": measure,
        "estimate": figures.figure(measure.estimate, measure.unit),
        "interval": figures.ends(measure) or "–",
        "n": f"{value.n:,}" if isinstance(value, Interval) else "–",
        "beside": figures.beside(measure) or "–",
        "worst": measure.name.lower().startswith("worst"),
    }


def _failures(report: AuditReport) -> list[tuple[AttackResult, Guard]]:
    return [(one, guard) for one in report.attacks for guard in one.guards if not guard.passed]


def _passed(result: AttackResult) -> list[Guard]:
    return [guard for guard in result.guards if guard.passed]


def _p_value(result: AttackResult) -> tuple[bool, float]:
    return result.p_value is None, result.p_value or 0.0
