# SPDX-License-Identifier: Apache-2.0
"""polyveil ledger: a table with a bar, JSON, exit codes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polyveil.apps.cli.main import app, main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set, and a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("POLYVEIL_LEDGER", raising=False)
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "one.png").write_bytes(b"1")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["ledger", *words])


def granted(folder: Path) -> Result:
    data = str(folder / "faces")
    return run("grant", data, "--epsilon", "8", "--delta", "1e-4", "--by", "Data office")


def test_grant_and_show_fit_a_terminal_of_80_columns(folder: Path) -> None:
    assert granted(folder).exit_code == 0
    result = run("show", "--data", str(folder / "faces"))
    assert result.exit_code == 0 and "██████████ ε 8" in result.output
    assert "Data office" in result.output and "grant" in result.output
    tables = result.output.splitlines()[1:]
    assert max(map(len, tables)) <= 80
    assert run("show").output.count("\n") < result.output.count("\n")


def test_no_figure_is_cut_off_in_a_window_of_any_width(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--epsilon", "1234.567891", "--delta", "1.234e-11", "--by", "Data office")
    assert run("grant", str(folder / "faces"), *words).exit_code == 0
    for width in ("40", "80", "200"):
        monkeypatch.setenv("COLUMNS", width)
        table = run("show").output
        assert "budget ε" in table and "1.234e-11" in table
        assert table.count("1234.567891") == 2, "the budget, and what is left of it"


def test_json_and_the_head_alone(folder: Path) -> None:
    granted(folder)
    view = json.loads(run("show", "--json").stdout)
    assert view["schema"] == "polyveil.ledger/1"
    assert view["data_sets"][0]["budget"] == {"epsilon": "8", "delta": "1e-4"}
    head = run("show", "--head").stdout.strip()
    assert head == view["head"] and len(head) == 80
    check = run("verify", "--head", head, "--json")
    assert check.exit_code == 0 and json.loads(check.stdout)["intact"] is True


def test_verify_leaves_with_1_when_tampering_is_found(folder: Path) -> None:
    granted(folder)
    path = folder / "state" / "polyveil" / "ledger.db"
    with sqlite3.connect(path) as base:
        base.execute("UPDATE polyveil_ledger_entry SET epsilon = 99000000")
    result = run("verify")
    assert result.exit_code == 1 and "entry 1: edited" in result.output


def test_a_note_cannot_colour_or_drive_the_terminal(folder: Path) -> None:
    data = str(folder / "faces")
    words = ("--epsilon", "8", "--delta", "0", "--by", "[red]me[/red]")
    assert run("grant", data, *words).exit_code == 0
    assert "[red]me" in run("show", "--data", data).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show",), "there is no ledger here"),
        (("verify", "--ledger", "mysql://host/x"), "expected the path of a SQLite file"),
        (("grant", "--epsilon", "much", "--delta", "0", "--by", "me"), "expected numbers"),
        (("grant", "--epsilon", "1", "--delta", "0", "--by", "me"), "expected a data set"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    folder: Path,
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["polyveil", "ledger", *words])
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert left.value.code == 2 and said in told and "Traceback" not in told


def test_help_explains_and_loads_no_database() -> None:
    for words in ((), ("show",), ("verify",), ("grant",)):
        assert "Usage" in run(*words, "--help").output
    listed = run("--help").output.partition("Commands:")[2]
    assert listed and "..." not in listed, "a sentence of the list is cut off"
    code = "import sys, polyveil.apps.cli.main; print({'sqlalchemy', 'rich'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "set()"
