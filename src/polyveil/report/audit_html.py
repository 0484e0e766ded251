# SPDX-License-Identifier: Apache-2.0
"""The audit as one self-contained HTML page of eight parts: opens offline, prints on A4."""

from __future__ import annotations

from polyveil.report import sentences
from polyveil.report.audit import AuditReport
from polyveil.report.html import environment, frame


def render_audit(report: AuditReport) -> str:
    """The page, as text to be written in UTF-8; at most 2 MB."""
    template = environment().get_template("audit.html.jinja")
    return template.render(
        report=report, job=report.job, total=sentences.duration(report.job), **frame()
    )
