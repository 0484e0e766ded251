# SPDX-License-Identifier: Apache-2.0
"""The verb, end to end: a target goes in, a judged report comes out, and nothing is changed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import polyveil
from polyveil.errors import UsageError
from polyveil.report.audit import AuditReport, from_json

COLUMNS = ("age", "income", "steps", "town")


def people(rows: int, seed: int) -> list[list[object]]:
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 90, rows)
    income = draw.lognormal(10, 0.5, rows).round(2)
    steps = draw.normal(6000, 2000, rows).round(1)
    town = draw.choice(["north", "south", "east"], rows)
    return [
        [int(a), float(i), float(s), str(t)]
        for a, i, s, t in zip(age, income, steps, town, strict=True)
    ]


def write(path: Path, rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    made = {name: people(160, seed) for seed, name in enumerate(("members", "control", "others"))}
    return {name: write(tmp_path / f"{name}.csv", rows) for name, rows in made.items()}


def test_a_released_table_that_copies_its_members_leaks(
    tables: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "audit"
    report = polyveil.audit(
        tables["members"],
        released=tables["members"],
        control=tables["control"],
        secret="town",
        out=out,
    )
    assert report.exit_code == 1
    assert {one.threat.id for one in report.threats} == {
        "linkage-table", "singling-out-table", "copies-table", "inference-table",
    }  # fmt: skip
    assert any(one.verdict == "leak demonstrated" for one in report.threats)
    written = json.loads((out / "audit.json").read_text())
    assert written["schema"] == "polyveil.audit/1"
    assert from_json({k: v for k, v in written.items() if k != "audit"}).to_json() == (
        report.to_json()
    )
    page = (out / "audit.html").read_text()
    assert len(page) < 2_000_000
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert not (out / ".polyveil").exists()


def test_a_table_of_other_people_is_not_accused(tables: dict[str, Path]) -> None:
    report = polyveil.audit(
        tables["members"], released=tables["others"], control=tables["control"], secret="town"
    )
    assert report.exit_code == 0
    assert all(one.verdict != "leak demonstrated" for one in report.attacks)


def test_the_same_call_twice_is_a_no_op_and_another_one_is_refused(
    tables: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "audit"

    def audit(seed: int = 0) -> AuditReport:
        return polyveil.audit(
            tables["members"], released=tables["others"], control=tables["control"],
            secret="town", out=out, seed=seed,
        )  # fmt: skip

    first = audit()
    before = (out / "audit.json").stat().st_mtime_ns
    assert audit().to_json() == first.to_json()
    assert (out / "audit.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="another target"):
        audit(seed=1)


def test_without_control_the_report_says_what_could_not_be_judged(
    tables: dict[str, Path],
) -> None:
    report = polyveil.audit(tables["members"], released=tables["others"])
    assert not report.attacks
    assert {one.threat.id for one in report.untested} >= {"copies-table", "inference-table"}
    assert "--control" in report.warnings[0]


def test_a_dry_run_attacks_and_writes_nothing(tables: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "audit"
    report = polyveil.audit(
        tables["members"], released=tables["others"], control=tables["control"], out=out,
        dry_run=True,
    )  # fmt: skip
    assert not out.exists()
    assert not report.attacks
    assert all("dry run" in one.reason for one in report.skipped)


def test_what_is_no_target_is_refused_with_what_to_do(
    tables: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="nothing there"):
        polyveil.audit(tmp_path / "gone")
    with pytest.raises(UsageError, match="--released"):
        polyveil.audit(tmp_path)
    with pytest.raises(UsageError, match="no column 'height'"):
        polyveil.audit(tables["members"], released=tables["others"], secret="height")
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(UsageError, match="--plan"):
        polyveil.audit(tmp_path)
    script = tmp_path / "mine.py"
    script.write_text("audited = 3\n")
    with pytest.raises(UsageError, match=r"no function audited\(\)"):
        polyveil.audit(script)
    script.write_text("def audited():\n    return 3\n")
    with pytest.raises(UsageError, match="gave a int"):
        polyveil.audit(script)


def test_the_report_may_not_lie_inside_the_target(tables: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="inside what is read"):
        polyveil.audit(tmp_path, released=tmp_path, out=tmp_path / "audit")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="no audit"):
        polyveil.audit(tables["members"], released=tables["others"], out=foreign)
