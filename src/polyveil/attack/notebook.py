# SPDX-License-Identifier: Apache-2.0
"""A result as a notebook shows it: one small table, nothing loaded, nothing run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from polyveil.attack.result import AttackResult
from polyveil.verify.interval import Interval
from polyveil.verify.measure import Measure


def as_html(result: AttackResult) -> str:
    """Headline, further figures and guards of one attack; no record's own values."""
    rows = "".join(_row(one) for one in (result.headline, *result.measures))
    health = "".join(
        f"<li>{'passed' if one.passed else '<b>failed</b>'}: {escape(one.name)}. "
        f"{escape(one.sentence)}</li>"
        for one in result.guards
    )
    return (
        f"<h4>{escape(result.attack)}: {escape(result.verdict)}</h4>"
        f"<p>{escape(result.sentence)}</p>"
        "<table><tr><th>Figure</th><th>Value</th><th>Interval</th><th>Beside</th></tr>"
        f"{rows}</table><ul>{health}</ul>"
    )


def _row(measure: Measure) -> str:
    value = measure.value
    spread = f"{value.low:.4g} to {value.high:.4g}" if isinstance(value, Interval) else ""
    beside = ", ".join(f"{name} {number:.4g}" for name, number in measure.baseline.items())
    cells = (measure.name, f"{measure.estimate:.4g} {measure.unit}", spread, beside)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def overview(results: Sequence[AttackResult], outcome: str) -> str:
    """One row an attack: verdict, figure beside what the attacker gets without the target."""
    rows = "".join(
        f"<tr><td>{escape(one.verdict)}</td><td>{escape(one.attack)}</td>"
        f"<td>{one.headline.estimate:.4g}</td><td>{one.baseline:.4g}</td></tr>"
        for one in results
    )
    head = "<tr><th>Verdict</th><th>Attack</th><th>Figure</th><th>Without the target</th></tr>"
    return f"<p>{escape(outcome)}</p><table>{head}{rows}</table>"
