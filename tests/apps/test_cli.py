# SPDX-License-Identifier: Apache-2.0
"""The command line: starts fast, says what it does, keeps its exit codes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polyveil.apps.cli.main import app
from polyveil.errors import EXIT_CLEAN, EXIT_RISK_FOUND, EXIT_USAGE

VERBS = ("demo", "scan", "desensitize", "restore", "models")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "polyveil.apps.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_names_every_verb_and_loads_nothing_heavy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 0.3 s of a processor, however busy the machine is.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3
    assert result.returncode == EXIT_CLEAN and all(verb in result.stdout for verb in VERBS)
    code = (
        "import sys, polyveil.apps.cli.main;"
        "print(sorted({'cv2', 'numpy', 'onnxruntime', 'PIL', 'rich'} & set(sys.modules)))"
    )
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == EXIT_CLEAN and "Usage" in result.output


def test_a_missing_folder_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = run("scan", str(tmp_path / "Ann Lee"))
    assert result.returncode == EXIT_USAGE and "Traceback" not in result.stderr
    assert result.stderr.startswith("polyveil: ") and result.stdout == ""


def test_scan_finds_and_changes_nothing(tmp_path: Path) -> None:
    row = {"text": "Write to ann.lee@example.org"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    result = run("scan", str(tmp_path), "--json", "--workers", "1")
    report = json.loads(result.stdout)
    assert result.returncode == EXIT_RISK_FOUND and report["kind"] == "scan"
    assert "ann.lee" not in result.stdout + result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["metadata.jsonl"]


def test_models_are_intact() -> None:
    result = run("models", "--json")
    assert result.returncode == EXIT_CLEAN
    listed = json.loads(result.stdout)["models"]
    assert all(model["intact"] is not False and model["licence"] for model in listed)


@pytest.mark.parametrize("words", [["models"], ["ledger", "verify"]])
def test_whoever_interrupts_hears_how_to_go_on(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for task in ("polyveil.models", "polyveil.Ledger.open"):
        monkeypatch.setattr(task, pressed)
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 130 and "give the same command again" in found.output
