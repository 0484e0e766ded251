# SPDX-License-Identifier: Apache-2.0
"""A reproduced table as text: columns for the terminal, Markdown for a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from polyveil.report import reproduced_words as words
from polyveil.report.spread import Spread

if TYPE_CHECKING:
    from polyveil.report.reproduced import Reproduced

Cells = list[list[str]]

SHOWN = ("accuracy", "F1 macro", "ECE")
"""Figures in the terminal; the page has all."""
LEFT = 2
"""Columns of names; figures stand right-aligned behind them."""


def plain(table: Reproduced) -> str:
    """The most important figures in columns, in per cent."""
    names = [name for name in SHOWN if any(name in row.figures for row in table.rows)]
    lines = [["in per cent", "privacy", *names[:1], "points lost", *names[1:]]]
    before = ""
    for row in table.rows:
        found = [_text(row.figures.get(name)) for name in names]
        cost = table.cost(row)
        method = row.method if row.method != before else ""
        lines.append([method, row.budget, *found[:1], _text(cost), *found[1:]])
        before = row.method
    wide = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, wide) for line in lines)


def markdown(table: Reproduced) -> str:
    """The page: what was measured, what the paper printed, and what must be known to read it."""
    parts = [f"# {table.title}", *words.main(table)]
    if table.left:
        parts.append(words.left(table.left))
    names = list(dict.fromkeys(name for row in table.rows for name in row.figures))
    parts.append(
        _table(
            ["set", "method", "privacy", *names, "points lost"],
            [
                [row.set, row.method, row.budget]
                + [_text(row.figures.get(name)) for name in names]
                + [_text(table.cost(row))]
                for row in table.rows
            ],
        )
    )
    parts += [f"## {name} by fusion\n\n{_by_fusion(table, name)}" for name in ("accuracy", "ECE")]
    if table.paper.printed:
        printed = [
            [one.set, _budget(one.epsilon), one.figure, f"{one.value:g}"]
            for one in table.paper.printed
        ]
        found = _table(["set", "privacy", "figure", "printed"], printed)
        parts.append(f"## What the paper printed\n\n{found}")
    said = [f"{budget}: {sentence}" for budget, sentence in words.promises(table)]
    for one in words.coverage(table):
        names = [f"Covered ({words.listed(one.methods)}): {words.listed(one.covers)}."]
        if one.not_covered:
            names.append(f"Not covered: {words.listed(one.not_covered)}.")
        said.append(" ".join(names))
    for title, texts in (
        ("Records", words.records(table)),
        ("Guarantees", said),
        ("To read with it", table.remarks),
        ("Not done", table.not_done),
    ):
        if texts:
            parts.append(f"## {title}\n\n" + "\n".join(f"- {words.sentence(one)}" for one in texts))
    return "\n\n".join(parts).replace("\u00a0", " ") + "\n"


def _by_fusion(table: Reproduced, name: str) -> str:
    fusions = list(dict.fromkeys(fusion for row in table.rows for fusion in row.fusions))
    return _table(
        ["set", "method", "privacy", *fusions],
        [
            [row.set, row.method, row.budget]
            + [_text(row.fusions.get(fusion, {}).get(name)) for fusion in fusions]
            for row in table.rows
        ],
    )


def _budget(epsilon: float | None) -> str:
    return "none" if epsilon is None else f"ε = {epsilon:g}"


def _text(spread: Spread | None) -> str:
    return "" if spread is None else spread.text()


def _aligned(line: Sequence[str], wide: Sequence[int]) -> str:
    cells = [
        text.ljust(size) if at < LEFT else text.rjust(size)
        for at, (text, size) in enumerate(zip(line, wide, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Markdown; text columns left, the rest right."""
    marks = ["---" if name in ("set", "method", "privacy", "figure") else "---:" for name in head]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, marks, *rows])
