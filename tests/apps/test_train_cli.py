# SPDX-License-Identifier: Apache-2.0
"""polyveil train: what it prints, its exit codes, and that nothing heavy loads before it runs."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import polyveil
from polyveil.apps.cli.main import app, main
from polyveil.errors import EXIT_BUDGET_EXCEEDED, EXIT_CLEAN, EXIT_RECORDS_REFUSED, EXIT_USAGE
from polyveil.learn.plan import Plan

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "learn"))

from small_pictures import save

PLAN = """
[data]
path = "a.npz"
[privacy]
epsilon = 8
[training]
epochs = 2
batch_size = 64
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("POLYVEIL_LEDGER", raising=False)
    save(tmp_path / "a.npz", 300)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path / "plan.toml"


def invoke(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["train", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_accuracy_guarantee_and_charge(plan: Path, tmp_path: Path) -> None:
    code, out, err = invoke(plan, "--out", tmp_path / "run")
    assert code == EXIT_CLEAN and err == ""
    assert "Right at the first guess" in out and "Differential privacy with" in out
    assert "The ledger charges the data set" in out and "model_card.md" in out
    code, out, err = invoke(plan, "--out", tmp_path / "run", "--json")
    assert json.loads(out)["schema"] == "polyveil.train/1" and err == ""  # finished: a no-op


def test_json_tells_progress_line_by_line_on_stderr(plan: Path, tmp_path: Path) -> None:
    code, out, err = invoke(plan, "--out", tmp_path / "run", "--json")
    events = [json.loads(line) for line in err.splitlines()]
    assert code == EXIT_CLEAN and {e["event"] for e in events} == {"said", "stepped", "told"}
    assert json.loads(out)["guarantee"]["epsilon"] <= 8


def test_data_may_be_named_beside_the_plan(plan: Path, tmp_path: Path) -> None:
    plan.write_text(PLAN.replace('path = "a.npz"\n', ""))
    code, out, _ = invoke(plan, "--data", tmp_path / "a.npz", "--dry-run")
    assert code == EXIT_CLEAN and "Would train" in out


def test_the_help_names_every_layout() -> None:
    from polyveil.tasks.data_sets.layouts import LAYOUTS

    _, said, _ = invoke("--help")
    for one in LAYOUTS:
        assert one.name in said


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """The entry point itself, which turns typed errors into one line and an exit code."""
    monkeypatch.setattr(sys, "argv", ["polyveil", "train", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_misspelt_key_is_one_line_and_exit_code_2(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(PLAN.replace("epochs", "epoch"))
    code, out, err = run(monkeypatch, capsys, plan, "--out", plan.parent / "run")
    assert code == EXIT_USAGE and out == "" and err.count("\n") == 1
    assert "unknown key epoch; did you mean epochs" in err
    assert not (plan.parent / "run").exists()


def test_a_budget_that_is_too_small_is_exit_code_4(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with polyveil.Ledger.open() as ledger:
        name = polyveil.content_hash(plan.parent / "a.npz")
        ledger.grant(name, epsilon=1, delta=1e-5, by="test")
    code, _, err = run(monkeypatch, capsys, plan, "--out", plan.parent / "run")
    assert code == EXIT_BUDGET_EXCEEDED and "Nothing was charged" in err


def test_ctrl_c_says_that_the_run_goes_on(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polyveil.tasks.train.train", pressed)
    code, _, err = run(monkeypatch, capsys, plan)
    assert code == 130 and "give the same command again to go on" in err


def test_refused_records_are_exit_code_3(plan: Path, tmp_path: Path) -> None:
    plan.write_text(PLAN.replace("[privacy]", 'classes = ["bar", "dot"]\n[privacy]'))
    code, out, _ = invoke(plan, "--out", tmp_path / "two", "--dry-run")
    assert code == EXIT_RECORDS_REFUSED and "Refused: " in out and not (tmp_path / "two").exists()


def test_the_example_runs_and_its_plan_is_one(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = Path(__file__).resolve().parents[2] / "examples"
    assert Plan.read(examples / "private_training.toml").privacy.epsilon == 3
    words = ["private_training.py", str(plan), str(plan.parent / "run")]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(examples / "private_training.py"), run_name="__main__")
    assert "Differential privacy with" in capsys.readouterr().out


def test_help_shows_a_plan_and_loads_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from polyveil.apps.cli.main import app;"
        "print(CliRunner().invoke(app, ['train', '--help']).output);"
        "assert not {'torch', 'numpy', 'rich'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "epsilon = 3.0" in result.stdout and "[training]" in result.stdout
