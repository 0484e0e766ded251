# SPDX-License-Identifier: Apache-2.0
"""The result file of the benchmark of inversion: runs are added one by one, none is repeated."""

from __future__ import annotations

import fcntl
import json
from typing import Any

from _common import RESULTS, ROOT, table, write
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval

CLAIM = "inversion"


def told(result: AttackResult) -> dict[str, Any]:
    """What the file keeps of one result; no record."""
    every = (result.headline, *result.measures)
    return {
        "verdict": result.verdict,
        "p_value": result.p_value,
        "sentence": result.sentence,
        "seconds": result.effort.seconds,
        "figures": {one.name: figure(one.value) for one in every},
        "baselines": {one.name: dict(one.baseline) for one in every},
        "guards": {one.name: [one.passed, one.sentence] for one in result.guards},
        "notes": list(result.notes),
    }


def figure(value: Interval | float) -> list[float]:
    """Estimate, and where it lies."""
    if isinstance(value, Interval):
        return [value.estimate, value.low, value.high]
    return [value]


def known() -> dict[str, dict[str, Any]]:
    """What the result file holds."""
    file = RESULTS / f"{CLAIM}.json"
    return json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}


def keep(part: str, key: str, value: dict[str, Any]) -> None:
    """Adds one run to the result file; several processes may do so."""
    lock = ROOT / ".cache" / f"{CLAIM}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        figures = known()
        figures.setdefault(part, {})[key] = value
        write(CLAIM, figures, packages=("polyveil", "torch", "numpy"))
    print(f"{part}: {key}: {value['verdict']}, {value['seconds']:.0f} s", flush=True)


def show(part: str) -> str:
    """One table; a row a run and modality."""
    rows = []
    for key, run in known().get(part, {}).items():
        figures, beside = run["figures"], run["baselines"]
        for name in (one for one in figures if one.startswith("R² of rebuilt")):
            if name.endswith("one query a record"):
                continue
            modality = name.removeprefix("R² of rebuilt ")
            found = f"re-identified by rebuilt {modality}, rank 1"
            found = found if found in figures else "re-identified by rebuilt people, rank 1"
            error = f"RE of rebuilt {modality}"
            others = ", ".join(f"{who} {one:.4f}" for who, one in beside[error].items())
            failed = [guard for guard, (passed, _) in run["guards"].items() if not passed]
            rows.append(
                [
                    key, modality, f"{figures[error][0]:.4f}", others, spread(figures[name]),
                    f"{spread(figures[found])} ({beside[found]['chance']:.4f})", run["verdict"],
                    ", ".join(failed) or "all passed", f"{run['seconds']:.0f}",
                ]
            )  # fmt: skip
    header = [
        part, "modality", "RE", "RE of", "R² [95 %]", "rank 1 [95 %] (chance)", "verdict",
        "failed guards", "s",
    ]  # fmt: skip
    return table(header, rows)


def spread(values: list[float]) -> str:
    """Estimate and interval as a cell."""
    return f"{values[0]:.3f} [{values[1]:.3f}, {values[2]:.3f}]"
