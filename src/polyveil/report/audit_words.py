# SPDX-License-Identifier: Apache-2.0
"""The audit in plain words: the same sentences on the page, in the terminal and in a notebook.

They say what was tried, by whom, and what he got; none says that nothing leaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyveil.report.sentences import plural

if TYPE_CHECKING:
    from polyveil.report.audit import AuditReport


def summary(report: AuditReport) -> str:
    """A few lines for the terminal: threats by gravity, claims, what was not tried."""
    lines = [f"{plural(len(report.attacks), 'attack')} on: {report.system.description}"]
    for one in report.threats:
        if one.verdict != "not tested":
            lines.append(f"{one.verdict.capitalize()}: {one.threat.attacker}. {one.sentence}")
    lines += [f"Claim {one.verdict}: {one.sentence or one.statement}" for one in report.claims]
    lines += [f"Warning: {text}" for text in report.warnings]
    untested = sum(1 for one in report.threats if one.verdict == "not tested")
    if untested or report.skipped:
        lines.append(
            f"Not tested: {plural(untested, 'threat')}; "
            f"not run: {plural(len(report.skipped), 'attack')}; see report."
        )
    return "\n".join(lines).replace("\u00a0", " ")


def notebook(report: AuditReport) -> str:
    """The overview as one small table for a notebook."""
    from polyveil.attack.notebook import overview

    return overview(report.attacks)
