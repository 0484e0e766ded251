# SPDX-License-Identifier: Apache-2.0
"""A report as one self-contained HTML page: opens offline, prints on A4, loads nothing.

Everything that comes from a job is escaped by Jinja. A content security policy names the hashes of
our own style and script and forbids everything else, so that even text that slipped through could
neither run nor reach the network.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from polyveil.report import bars, sentences
from polyveil.report.facts import Count, StageTime, ThreatRow
from polyveil.report.pictures import shown_pairs
from polyveil.report.result import DesensitizeReport, Report, ScanReport
from polyveil.report.threats import VERDICT_ORDER

if TYPE_CHECKING:
    import jinja2

ROWS = 500
"""Rows of the scan table on the page; the JSON holds all."""


def render(report: Report) -> str:
    """The page, as text to be written in UTF-8; at most 5 MB."""
    kind = "desensitize" if isinstance(report, DesensitizeReport) else "scan"
    facts = _desensitize(report) if isinstance(report, DesensitizeReport) else _scan(report)
    template = environment().get_template(f"{kind}.html.jinja")
    return template.render(report=report, **frame(), **_shared(report), **facts)


def _shared(report: Report) -> dict[str, Any]:
    counts = report.job.counts
    return {
        "job": report.job,
        "counts": counts,
        "kinds": _kind_rows(counts.mentions, counts.faces),
        "stages": stage_rows(report.times),
        "summed": sentences.seconds(sum(one.seconds for one in report.times)),
        "total": sentences.duration(report.job),
        "went_in": sentences.went_in(report.job),
    }


def _desensitize(report: DesensitizeReport) -> dict[str, Any]:
    shown, left_out = shown_pairs(report.pairs)
    tested = [row for row in report.threats if row.verdict != "not tested"]
    return {
        "came_out": sentences.came_out(report.job.counts),
        "was_refused": sentences.was_refused(report.job.counts),
        "residual": sentences.RESIDUAL,
        "tested": sorted(tested, key=_severity),
        "untested": [row for row in report.threats if row.verdict == "not tested"],
        "measures": [(one, bars.range_bar(one)) for one in report.measures],
        "pairs": shown,
        "pairs_left_out": left_out,
    }


def _scan(report: ScanReport) -> dict[str, Any]:
    rows = sorted(report.records, key=lambda record: -record.total)
    return {
        "would_identify": sentences.would_identify(report),
        "was_unreadable": sentences.was_unreadable(report.job.counts),
        "rows": rows[:ROWS],
        "rows_left_out": max(0, len(rows) - ROWS),
    }


def _severity(row: ThreatRow) -> int:
    return VERDICT_ORDER.index(row.verdict)


def _kind_rows(mentions: Mapping[str, Count], faces: Count) -> list[dict[str, Any]]:
    rows = [("faces", faces)] if faces.found else []
    words = [(sentences.kind_words(kind), count) for kind, count in mentions.items()]
    rows += sorted(words, key=lambda row: -row[1].found)
    greatest = max((count.found for _, count in rows), default=0)
    return [
        {
            "words": words,
            "count": count,
            "found": bars.share_of(count.found, greatest),
            "replaced": bars.share_of(count.replaced, greatest),
        }
        for words, count in rows
    ]


def stage_rows(times: tuple[StageTime, ...]) -> list[dict[str, Any]]:
    """Rows of the table of times, each with the length of its bar."""
    greatest = max((one.seconds for one in times), default=0.0)
    return [
        {
            "stage": one.stage,
            "seconds": sentences.seconds(one.seconds),
            "items": one.items,
            "each": _each(one.seconds / one.items) if one.items else "",
            "length": bars.share_of(one.seconds, greatest),
        }
        for one in times
    ]


def _each(spent: float) -> str:
    return sentences.seconds(spent) if spent >= 10 else sentences.number(1000 * spent, "ms")


@cache
def frame() -> dict[str, Any]:
    """Our own style and script, and the policy that admits nothing else."""
    from markupsafe import Markup

    folder = files("polyveil.report") / "templates"
    style = (folder / "report.css").read_text("utf-8")
    script = (folder / "report.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(style)}'; "
        f"script-src 'sha256-{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    # Both files are ours and hold no job data: they alone go in unescaped.
    return {"style": Markup(style), "script": Markup(script), "policy": policy}  # noqa: S704


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@cache
def environment() -> jinja2.Environment:
    """Templates with everything escaped and every missing name an error."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("polyveil.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "figure": sentences.number,
        "plural": sentences.plural,
        "kind_words": sentences.kind_words,
        "spread": sentences.spread,
    }
    return made
