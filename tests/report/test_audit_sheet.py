# SPDX-License-Identifier: Apache-2.0
"""The first sheet: fits one page of A4 whatever it is given, and leaves out the least grave."""

from __future__ import annotations

from dataclasses import replace

from audit_example import example, members
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.threat import Threat
from polyveil.report import AuditReport, Claim, Untested, render_audit
from polyveil.report.audit_sheet import LINES, first_sheet

RISKS = ("singling out", "linkability", "inference", "")


def crowded(threats: int, letters: int, untested: int, claims: int, warnings: int) -> AuditReport:
    """An audit of many threats with long sentences."""
    base = members("x", 20, 0.3, 0.1)
    found = tuple(
        replace(
            base,
            attack=f"attack {i}",
            threat=Threat(f"t{i}", "who " * 20, "a", "k", risk=RISKS[i % 4]),  # type: ignore[arg-type]
            sentence="word " * (letters // 5),
            p_value=1e-9 if i % 3 == 0 else 0.9,
        )
        for i in range(threats)
    )
    return replace(
        example(),
        attacks=found,
        untested=tuple(
            Untested(Threat(f"u{i}", "someone " * 9, "a", "k"), "r") for i in range(untested)
        ),
        claims=(Claim("claim " * 30, "s", sentence="said " * 60),) * claims,
        warnings=("warning " * 30,) * warnings,
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 40), st.integers(0, 500), st.integers(0, 9), st.integers(0, 9), st.integers(0, 4)
)
def test_it_fits_one_page(
    threats: int, letters: int, untested: int, claims: int, warnings: int
) -> None:
    report = crowded(threats, letters, untested, claims, warnings)
    sheet = first_sheet(report, report.threats)
    assert sheet.lines <= LINES
    rows = [row for group in sheet.groups for row in group.rows if group.title != "Claims"]
    assert len(rows) == threats
    assert sheet.left_out == sum(not row.printed for row in rows)


def test_what_is_left_out_on_paper_is_the_least_grave_and_stays_on_the_screen() -> None:
    report = crowded(30, 300, 0, 0, 0)
    sheet = first_sheet(report, report.threats)
    rows = [row for group in sheet.groups for row in group.rows]
    assert sheet.left_out > 0
    assert all(row.printed for row in rows if row.verdict == "leak demonstrated") or not any(
        row.printed for row in rows if row.verdict != "leak demonstrated"
    )
    assert f"{sheet.left_out} further threats, no graver than these, in part 3." in render_audit(
        report
    )


def test_a_sentence_that_is_cut_on_paper_stands_in_full_on_the_screen() -> None:
    report = crowded(9, 500, 3, 3, 2)
    sheet = first_sheet(report, report.threats)
    cut = [row for group in sheet.groups for row in group.rows if row.said != row.full]
    assert cut and all(row.said.endswith(" …") and row.said[:-2] in row.full for row in cut)


def test_the_usual_audit_loses_nothing() -> None:
    report = example()
    sheet = first_sheet(report, report.threats)
    assert sheet.left_out == 0
    assert all(row.said == row.full for group in sheet.groups for row in group.rows)


def test_a_shortened_name_ends_once() -> None:
    report = replace(crowded(1, 100, 2, 0, 0), skipped=())
    gaps = [group.gap for group in first_sheet(report, report.threats).groups]
    assert any(gap.endswith(" …") for gap in gaps)
    assert not any("…." in gap for gap in gaps)
