# SPDX-License-Identifier: Apache-2.0
"""What an audit of a claimed epsilon found, as figures and as a row of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

INFINITE = 1e9
"""Stands for an infinite epsilon where JSON has none."""
HEAD = ["run", "claim", "bound, median", "bound, largest", "ceiling", "canaries", "recomputed",
        "refuted by the attack", "by arithmetic", "guards failed"]  # fmt: skip


def told(result: Any, check: Any, *, claimed: float, seconds: float, seed: int) -> dict[str, Any]:
    """One audit with its controls, as `audit_method` and `audit_work` give it."""
    assert check.bound is not None
    return {
        "claimed": claimed,
        "bound": check.bound.epsilon,
        "ceiling": check.bound.ceiling,
        "canaries": check.bound.canaries,
        "right": check.bound.correct,
        "guesses": check.bound.guesses,
        "recomputed": min(check.recomputed or 0.0, INFINITE),
        "refuted by": list(check.refuted_by),
        "guards failed": [one.name for one in result.guards if not one.passed],
        "seconds": round(seconds, 1),
        "seed": seed,
    }


def row(name: str, found: list[dict[str, Any]]) -> list[Any]:
    """Cells of `HEAD` for the audits of one kind of run."""
    by = [one["refuted by"] for one in found]
    recomputed = float(np.median([one["recomputed"] for one in found]))
    return [
        name,
        found[0]["claimed"],
        f"{np.median([one['bound'] for one in found]):.2f}",
        f"{max(one['bound'] for one in found):.2f}",
        f"{found[0]['ceiling']:.2f}",
        found[0]["canaries"],
        "infinite" if recomputed >= INFINITE else f"{recomputed:.4g}",
        f"{sum('attack' in one for one in by)} of {len(by)}",
        f"{sum('accountant' in one for one in by)} of {len(by)}",
        sum(len(one["guards failed"]) for one in found),
    ]
