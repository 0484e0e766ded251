# SPDX-License-Identifier: Apache-2.0
"""What every benchmark shares: where the data lies, and how a result is written down."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POLYVEIL_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results"


def versions(*packages: str) -> dict[str, str]:
    """Package -> installed version, for the packages that matter to a figure."""
    return {name: importlib.metadata.version(name) for name in packages}


def write(claim: str, figures: dict[str, Any], *, packages: tuple[str, ...] = ()) -> Path:
    """Writes benchmarks/results/<claim>.json with date, machine, versions, command, figures."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{claim}.json"
    entry = {
        "claim": claim,
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "versions": versions(*packages),
        "figures": figures,
    }
    target.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; floats with three digits."""

    def cell(value: Any) -> str:
        return f"{value:.3f}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)
