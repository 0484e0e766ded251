# SPDX-License-Identifier: Apache-2.0
"""The first sheet of an audit: what a reader who is no engineer takes away, on one page of A4.

The lines that a printer will need are estimated, and sentences are shortened, then the least grave
threats left out, until they fit. Nothing is lost: the parts that follow hold all of it in full.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyveil.report.audit import AuditReport, ThreatFinding
from polyveil.report.audit_words import capital, ended, ranked, reason, short

GROUPS: tuple[tuple[str, str, str], ...] = (
    (
        "singling out",
        "Singling out",
        "Can one person be told apart, or shown to be in the data?",
    ),
    ("linkability", "Linkability", "Can two records of one person be brought together?"),
    ("inference", "Inference", "Can something private be read out that was not given away?"),
    ("", "Other risks", "What else could be learned about people?"),
    (
        "integrity",
        "Robustness",
        "Can someone make the model say what he wants? This says nothing about people.",
    ),
)
"""The three risks of WP29 Opinion 05/2014 first, then what is none of them."""

ALWAYS = ("singling out", "linkability", "inference")

LINES = 53.0
"""Lines of print below the facts on an A4 sheet in the page's print style."""
ACROSS = 91
"""Letters in a line beside a verdict."""
BOLD = 1.2
"""Width of a bold letter in letters."""
LETTERS = (260, 220, 190, 160)
"""Letters of a sentence, tried in turn; then threats are left out one by one."""
HEADING, GAP, BETWEEN = 1.9, 1.3, 0.5
MOST = 3
"""Claims and untested threats that are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One verdict: who attacked or what was claimed, what came of it, why it is undecided.

    `said` is what paper has room for, `full` what a screen shows; not `printed`: on a screen only.
    """

    verdict: str
    who: str
    said: str
    full: str
    why: str = ""
    printed: bool = True

    @property
    def lines(self) -> float:
        """Of print, rounded up."""
        letters = BOLD * len(self.who) + len(self.said) + len(self.why) + 3
        return math.ceil(letters / ACROSS) + BETWEEN if self.printed else 0.0


@dataclass(frozen=True, slots=True)
class SheetGroup:
    """One kind of risk: its question, its verdicts, what was not tested, what stands elsewhere."""

    title: str
    question: str
    rows: tuple[SheetRow, ...]
    gap: str = ""
    more: str = ""

    @property
    def lines(self) -> float:
        """Of print, heading included."""
        gap = GAP * math.ceil((len(self.gap) + 14) / ACROSS) if self.gap else 0.0
        more = GAP if self.more else 0.0
        return HEADING + sum(row.lines for row in self.rows) + gap + more


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the first sheet shows; `left_out` tested threats are not on paper."""

    groups: tuple[SheetGroup, ...]
    warnings: tuple[str, ...]
    left_out: int

    @property
    def lines(self) -> float:
        """Of print, below the facts."""
        warnings = sum(math.ceil(len(text) / ACROSS) + 1.6 for text in self.warnings)
        return sum(group.lines for group in self.groups) + warnings + GAP * bool(self.left_out)


def first_sheet(report: AuditReport, findings: Sequence[ThreatFinding]) -> Sheet:
    """The fullest sheet that fits on one page.

    Args:
      findings: `report.threats`, the gravest first.
    """
    tested = [one for one in findings if one.verdict != "not tested"]
    tries = [(letters, len(tested)) for letters in LETTERS]
    tries += [(LETTERS[-1], threats) for threats in range(len(tested) - 1, 0, -1)]
    for letters, threats in tries:
        sheet = _sheet(report, findings, letters, tested[:threats])
        if sheet.lines <= LINES:
            break
    return sheet


def _sheet(
    report: AuditReport,
    findings: Sequence[ThreatFinding],
    letters: int,
    shown: Sequence[ThreatFinding],
) -> Sheet:
    printed = {one.threat.id for one in shown}
    groups = []
    for risk, title, question in GROUPS:
        every = [one for one in findings if _group(one) == risk]
        rows = tuple(
            _row(one, letters, one.threat.id in printed)
            for one in every
            if one.verdict != "not tested"
        )
        if every or risk in ALWAYS:
            groups.append(SheetGroup(title, question, rows, _gap(every)))
    if report.claims:
        groups.append(_claims(report, letters))
    tested = sum(1 for one in findings if one.verdict != "not tested")
    return Sheet(tuple(groups), _warnings(report), tested - len(shown))


def _row(one: ThreatFinding, letters: int, printed: bool) -> SheetRow:
    who, full = capital(short(one.threat.attacker, 80)), ended(one.sentence)
    return SheetRow(one.verdict, who, short(full, letters), full, reason(one), printed)


def _claims(report: AuditReport, letters: int) -> SheetGroup:
    claims = ranked(report.claims)
    rows = tuple(
        SheetRow(
            one.verdict, short(one.statement, 110), short(one.sentence, letters - 60), one.sentence
        )
        for one in claims[:MOST]
    )
    left = len(claims) - len(rows)
    more = f"{left} more in part 2." if left else ""
    return SheetGroup("Claims", "Does what was promised hold?", rows, more=more)


def _warnings(report: AuditReport) -> tuple[str, ...]:
    texts = [short(text, 180) for text in report.warnings[:2]]
    left = len(report.warnings) - len(texts)
    if left:
        texts[-1] += f" ({left} more in part 8)"
    return tuple(texts)


def _gap(every: list[ThreatFinding]) -> str:
    if not every:
        return "No attack of this kind was run; nothing is known."
    names = [one.threat.attacker for one in every if one.verdict == "not tested"]
    said = capital("; ".join(short(name, 60) for name in names[:MOST]))
    left = len(names) - MOST
    return f"{said}; {left} more in part 3." if left > 0 else ended(said) if said else ""


def _group(finding: ThreatFinding) -> str:
    return "integrity" if finding.threat.kind == "integrity" else finding.threat.risk
