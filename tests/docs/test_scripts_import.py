# SPDX-License-Identifier: Apache-2.0
"""What benchmarks and training scripts import from polyveil must still be there."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "training").glob("*.py")])


def imported(script: Path) -> list[tuple[str, str]]:
    """(module, name) of everything that a script takes from polyveil."""
    found = []
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("polyveil"):
            found += [(str(node.module), one.name) for one in node.names]
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_name_that_a_script_imports_exists(script: Path) -> None:
    for module, name in imported(script):
        has = hasattr(importlib.import_module(module), name)
        assert has or importlib.util.find_spec(f"{module}.{name}"), f"{module}.{name}"
