# SPDX-License-Identifier: Apache-2.0
"""polyveil audit on the command line: exit codes, JSON, where the page is, what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from polyveil.apps.cli.main import app
from polyveil.errors import UsageError


def table(path: Path, seed: int) -> str:
    draw = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "pulse", "steps"])
        writer.writerows(draw.normal(size=(120, 3)).round(4).tolist())
    return str(path)


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, str]:
    names = ("members", "control", "others")
    return {name: table(tmp_path / f"{name}.csv", seed) for seed, name in enumerate(names)}


def audit(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_leak_is_exit_code_one_and_the_page_is_named(
    tables: dict[str, str], tmp_path: Path
) -> None:
    out = str(tmp_path / "audit")
    code, said = audit(
        tables["members"], "--released", tables["members"], "--control", tables["control"],
        "--secret", "pulse", "--out", out,
    )  # fmt: skip
    assert code == 1
    assert "Leak demonstrated" in said
    assert said.rstrip().endswith("audit.html.")
    assert (tmp_path / "audit" / "audit.html").is_file()


def test_json_is_the_report_and_nothing_else(tables: dict[str, str], tmp_path: Path) -> None:
    code, said = audit(
        tables["members"], "--released", tables["others"], "--control", tables["control"],
        "--secret", "pulse", "--out", str(tmp_path / "audit"), "--json",
    )  # fmt: skip
    values = json.loads(said)
    assert values["schema"] == "polyveil.audit/1"
    assert values["exit_code"] == code == 0
    assert "arrays" not in said


def test_a_dry_run_plans_and_writes_nothing(tables: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "audit"
    code, said = audit(
        tables["members"], "--released", tables["others"], "--control", tables["control"],
        "--dry-run", "--out", str(out),
    )  # fmt: skip
    assert code == 0
    assert "distance to the closest record: dry run: it would be tried for about" in said
    assert not out.exists()


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no result of train"):
        audit(str(tmp_path))
