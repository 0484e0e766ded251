# SPDX-License-Identifier: Apache-2.0
"""The audit as one self-contained HTML page of eight parts: opens offline, prints on A4.

The first part is one sheet for a reader who is no engineer. What is long is shortened there and
stands in full further down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.result import AttackResult, Curve
from polyveil.interval import Interval
from polyveil.report import audit_words as words
from polyveil.report import bars, figures, sentences
from polyveil.report.audit import AuditReport, ThreatFinding
from polyveil.report.audit_sheet import first_sheet
from polyveil.report.claim_bar import claim_bar
from polyveil.report.html import environment, frame, stage_rows
from polyveil.report.plots import Plot, plots_of, size
from polyveil.report.threats import VERDICT_ORDER

EXPOSED = 10
"""Records a result lists on the page; the JSON has all."""
PLOTS = 6
"""Plots a threat has on the page; the JSON has all curves."""
BUDGET = 900_000
"""Characters of lines on one page: leaves as much again for everything else of the 2 MB."""
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
        rows=_threat_rows(findings),
        sheet=first_sheet(report, findings),
        claims=[(one, claim_bar(one)) for one in words.ranked(report.claims)],
        results=_results(findings),
        utility=[("", [_measure(one) for one in report.utility])] if report.utility else [],
        failures=_failures(report),
        healthy=[(one, _passed(one)) for one in report.attacks],
        by_p_value=sorted(report.attacks, key=_p_value),
        **frame(),
    )


def _results(findings: tuple[ThreatFinding, ...]) -> list[dict[str, Any]]:
    """What was found about each threat that was tested, with as many plots as a page can hold."""
    shown: list[dict[str, Any]] = []
    left = BUDGET
    for finding in findings:
        if finding.attacks:
            plots = plots_of(_curves(finding), named=len(finding.attacks) > 1)
            few = tuple(_fitting(plots[:PLOTS], left))
            left -= sum(map(size, few))
            facts = _finding(finding)
            more = {"number": len(shown) + 1, "plots": few, "unplotted": len(plots) - len(few)}
            shown.append(facts | more)
    return shown


def _fitting(plots: tuple[Plot, ...], budget: int) -> Iterator[Plot]:
    """Plots in order, as long as they fit together."""
    for plot in plots:
        budget -= size(plot)
        if budget < 0:
            return
        yield plot


def _threat_rows(findings: tuple[ThreatFinding, ...]) -> list[dict[str, Any]]:
    """A row for each thing that an attacker has and knows: two attacks may differ in that."""
    rows = []
    for one in findings:
        for threat in dict.fromkeys(attack.threat for attack in one.attacks) or [one.threat]:
            attacks = [attack for attack in one.attacks if attack.threat == threat]
            verdicts = [attack.verdict for attack in attacks] or [one.verdict]
            rows.append(
                {
                    "threat": threat,
                    "attacks": attacks,
                    "why_not": "" if attacks else one.sentence,
                    "verdict": min(verdicts, key=VERDICT_ORDER.index),
                }
            )
    return rows


def _finding(finding: ThreatFinding) -> dict[str, Any]:
    several = len(finding.attacks) > 1
    return {
        "threat": finding.threat,
        "attacks": [_result(one) for one in finding.attacks],
        "measured": [
            (one.attack if several else "", [_measure(each) for each in one.measures])
            for one in finding.attacks
            if one.measures
        ],
    }


def _curves(finding: ThreatFinding) -> list[Curve]:
    """All curves of a threat; one that is called as another attack's gets its attack's name."""
    owned = [(attack, curve) for attack in finding.attacks for curve in attack.curves]
    callers: dict[str, set[str]] = {}
    for attack, curve in owned:
        callers.setdefault(curve.name, set()).add(attack.attack)
    return [
        replace(curve, name=attack.attack) if len(callers[curve.name]) > 1 else curve
        for attack, curve in owned
    ]


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
    low, high, beside = (min(max(x, 0.0), 1.0) for x in (low, high, result.baseline))
    wide = max(0.8, 100 * (high - low))
    return {
        "low": round(min(100 * low, 100 - wide), 2),
        "wide": round(wide, 2),
        "baseline": round(min(100 * beside, 99.3), 2),
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
