# SPDX-License-Identifier: Apache-2.0
"""The one-run bound beside jax_privacy's, over a grid of canaries, guesses, right ones and deltas.

    .venv-peers/bin/python benchmarks/one_run_bound.py

Also writes tests/attack/canary/golden_one_run.json, which the tests read where jax_privacy is not
installed.
"""

from __future__ import annotations

import json
import time
from itertools import product

from jax_privacy import auditing

from _common import ROOT, table, write
from polyveil.attack.canary.bound import one_run_bound

GOLDEN = ROOT / "tests" / "attack" / "canary" / "golden_one_run.json"
CANARIES = (20, 100, 500, 1000, 5000)
PARTS = (0.05, 0.1, 0.3, 0.7, 1.0)
SHARES = (0.4, 0.55, 0.7, 0.85, 0.95, 1.0)
DELTAS = (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
SIGNIFICANCE = (0.05, 0.01, 0.001)


def theirs(m: int, r: int, v: int, delta: float, significance: float) -> float:
    return float(auditing._epsilon_one_run(0.0, m, r, v, significance, delta))


def grid() -> list[tuple[int, int, int, float, float]]:
    cases = set()
    for m, part, share, delta, risk in product(CANARIES, PARTS, SHARES, DELTAS, SIGNIFICANCE):
        r = max(1, round(m * part))
        cases.add((m, r, round(r * share), delta, risk))
    return sorted(cases)


def main() -> None:
    rows, cases = [], grid()
    seconds = {"polyveil": 0.0, "jax_privacy": 0.0}
    for m, r, v, delta, risk in cases:
        started = time.perf_counter()
        ours = one_run_bound(m, r, v, delta=delta, confidence=1 - risk).epsilon
        middle = time.perf_counter()
        peer = theirs(m, r, v, delta, risk)
        seconds["polyveil"] += middle - started
        seconds["jax_privacy"] += time.perf_counter() - middle
        rows.append((m, r, v, delta, risk, ours, peer))
    worst = max(abs(row[5] - row[6]) for row in rows)
    figures = {
        "cases": len(rows),
        "largest difference, nats": worst,
        "seconds in all": seconds,
        "ceilings of 1,000 canaries at delta 1e-5": {
            "r 100": one_run_bound(1000, 100, 100, delta=1e-5).epsilon,
            "r 1000": one_run_bound(1000, 1000, 1000, delta=1e-5).epsilon,
        },
    }
    start = time.perf_counter()
    one_run_bound(100_000, 100_000, 81_234, delta=1e-6)
    figures["seconds for one bound of 100,000 canaries"] = time.perf_counter() - start
    golden = [[*row[:5], row[6]] for row in rows[:: max(1, len(rows) // 300)]]
    GOLDEN.write_text(
        json.dumps(
            {
                "columns": ["canaries", "guesses", "correct", "delta", "significance", "epsilon"],
                "source": "jax_privacy 2.0.0, auditing._epsilon_one_run; "
                "made by benchmarks/one_run_bound.py",
                "rows": golden,
            }
        )
        + "\n",
        encoding="utf-8",
    )
    print(table(["Figure", "Value"], [[name, str(value)] for name, value in figures.items()]))
    write("one_run_bound", figures, packages=("jax_privacy", "scipy"))


if __name__ == "__main__":
    main()
