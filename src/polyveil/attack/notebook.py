# SPDX-License-Identifier: Apache-2.0
"""A result as a notebook shows it: small tables, nothing loaded, nothing run.

Colours are translucent, so that they hold on a white page as on a black one; every verdict also has
a sign of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval

_SIGNS = {
    "leak demonstrated": ("▲", "#c0392b"),
    "weakness demonstrated": ("△", "#c26a00"),
    "inconclusive": ("◐", "#b08900"),
    "none detected": ("●", "#2e8b57"),
}
_RIGHT = "text-align:right;white-space:nowrap;padding:2px 12px 2px 0"
_LEFT = "text-align:left;padding:2px 12px 2px 0"


def as_html(result: AttackResult) -> str:
    """Headline, further figures and guards of one attack; no record's own values."""
    rows = [_row(one) for one in (result.headline, *result.measures)]
    arrays = ", ".join(
        f"<code>{escape(name)}</code> {getattr(values, 'shape', '')}"
        for name, values in result.arrays.items()
    )
    return "".join(
        (
            f"<h4>{escape(result.attack)} {chip(result.verdict)}</h4><p>{escape(result.sentence)}",
            f"{_judged(result)}</p>",
            _table(("Figure", "Estimate", "Interval", "n", "Beside"), rows),
            _health(result.guards),
            f"<p>For each record: {arrays}; <code>.array(name)</code>.</p>" if arrays else "",
        )
    )


def overview(results: Sequence[AttackResult], outcome: str) -> str:
    """One row an attack: verdict, figure, and what the attacker gets without the target.

    Args:
      outcome: one sentence over the table.
    """
    rows = [
        (
            chip(one.verdict),
            escape(one.attack),
            _figure(one.headline.estimate, one.headline.unit),
            _spread(one.headline),
            _figure(one.baseline, one.headline.unit),
        )
        for one in results
    ]
    head = ("Verdict", "Attack", "Figure", "Interval", "Without the target")
    return f"<p><b>{escape(outcome)}</b></p>{_table(head, rows, texts=2)}"


def chip(verdict: str) -> str:
    """A verdict with its sign and colour."""
    sign, colour = _SIGNS.get(verdict, ("○", "#7a828c"))
    style = f"background:{colour}33;border-radius:9px;padding:1px 8px;white-space:nowrap"
    return f'<span style="{style};font-size:90%;font-weight:600">{sign} {escape(verdict)}</span>'


def _row(measure: Measure) -> tuple[str, ...]:
    value = measure.value
    return (
        escape(measure.name),
        _figure(measure.estimate, measure.unit),
        _spread(measure),
        f"{value.n:,}" if isinstance(value, Interval) else "–",
        ", ".join(
            f"{escape(name)} {_figure(number, measure.unit)}"
            for name, number in measure.baseline.items()
        ),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """A table of cells that are escaped already; the first `texts` columns hold words."""
    words = {*range(texts), len(head) - 1 if texts == 1 else 0}

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="{_LEFT if at in words else _RIGHT}">{cell}</{tag}>'
            for at, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def _health(guards: Sequence[Guard]) -> str:
    """Failed checks first."""
    ranked = sorted(guards, key=lambda one: one.passed)
    items = "".join(
        f"<li>{'passed' if one.passed else '<b>✕ failed</b>'}: <b>{escape(one.name)}</b>, "
        f"{escape(one.sentence)}</li>"
        for one in ranked
    )
    return f"<ul>{items}</ul>" if items else "<p>No check of this attack was made.</p>"


def _judged(result: AttackResult) -> str:
    if result.p_value is None:
        return ""
    return f" p = {result.p_value:.2g}, judged at {result.level:.2g}."


def _figure(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.3g}\u00a0%"
    return f"{value:.4g}" + (f"\u00a0{escape(unit)}" if unit else "")


def _spread(measure: Measure) -> str:
    value = measure.value
    if not isinstance(value, Interval):
        return "–"
    return f"{_figure(value.low, measure.unit)} to {_figure(value.high, measure.unit)}"
