# SPDX-License-Identifier: Apache-2.0
"""Figures of the table of recognition with their intervals, and as Markdown.

Units of the bootstrap are people of the scarcest source; differences are taken person by person.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from _chimeric_sets import CACHE, TITLES
from _common import table
from _recognition_measures import SHARES, file_of, suffix
from _recognition_rows import ROWS
from _spread import spread
from polyveil.interval import Interval, bootstrap


def by_person(known: Mapping[str, Any], seeds: set[str]) -> dict[str, float]:
    """Person of the scarcest source -> mean over the pairings he is in."""
    found: dict[str, list[float]] = {}
    for seed, people in known["pairings"].items():
        if seed in seeds:
            for person, value in people.items():
                found.setdefault(person, []).append(value)
    return {person: float(np.mean(values)) for person, values in found.items()}


def difference(row: Mapping[str, Any], full: Mapping[str, Any]) -> Interval:
    """Row less full, person by person, over the pairings that both have."""
    seeds = set(row["pairings"]) & set(full["pairings"])
    a, b = by_person(row, seeds), by_person(full, seeds)
    return bootstrap(np.array([a[person] - b[person] for person in sorted(a)]))


def figures(name: str) -> dict[str, Any]:
    """All that was measured of a set, row by row."""
    full = json.loads(file_of(name, "full").read_text())
    found: dict[str, Any] = {}
    for row in ROWS:
        if not file_of(name, row).exists():
            continue
        known = json.loads(file_of(name, row).read_text())
        means = [float(np.mean(list(one.values()))) for one in known["pairings"].values()]
        people = by_person(known, set(known["pairings"]))
        entry: dict[str, Any] = {
            "pairings": len(means),
            "accuracy": spread(bootstrap(np.array([people[one] for one in sorted(people)]))),
            "mean over pairings": float(np.mean(means)),
            "deviation over pairings": float(np.std(means, ddof=1)) if len(means) > 1 else 0.0,
            "weights": known["weights"],
        }
        if row != "full":
            entry["less full"] = spread(difference(known, full))
        for kind in (*(f"attack{suffix(share)}" for share in SHARES), "rebuilt"):
            kept = CACHE / f"{kind}-{name}-{row.replace(' ', '_')}.json"
            if kept.exists():
                entry[kind] = json.loads(kept.read_text())
        found[row] = entry
    return found


def lines(name: str, found: Mapping[str, Any]) -> str:
    """The table of a set."""
    rows = []
    for row, entry in found.items():
        decoded = entry.get("rebuilt", {})
        attacked = [entry.get(f"attack{suffix(share)}") for share in SHARES]
        re = "; ".join(
            f"{k} {v['RE'][0]:.3f} of {v['RE of the mean']:.3f}" for k, v in decoded.items()
        )
        again = "; ".join(
            f"{k} {v['re-identified'][0]:.2f} ({v['re-identified, originals']:.2f})"
            for k, v in decoded.items()
        )
        rows.append(
            [
                row,
                f"{percent(entry['accuracy'])} ±{100 * entry['deviation over pairings']:.1f}",
                percent(entry["less full"]) if "less full" in entry else "",
                re,
                again,
                *(
                    " / ".join(f"{100 * one[kind]:.0f}" if one else "" for one in attacked)
                    for kind in ("ARS", "ASR")
                ),
                " / ".join(
                    f"{100 * one['ASR among those right before'][0]:.0f}" if one else ""
                    for one in attacked
                ),
                entry["pairings"],
            ]
        )
    head = [
        "",
        "accuracy %, 95 % over people, ± over pairings",
        "less full, points",
        "RE, of RE of the mean",
        "re-identified (originals)",
        "ARS % at epsilon, 1/4, 1/16",
        "ASR %",
        "ASR % of those right before",
        "pairings",
    ]
    return f"## {TITLES[name]}\n\n" + table(head, rows)


def percent(found: list[float]) -> str:
    """Estimate and interval."""
    middle, low, high = (100 * value for value in found)
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def verdicts(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Whether each part helps, in words."""
    said = []
    rows = [row for row in ROWS if row != "full" and not row.endswith("alone")]
    for name, row in itertools.product(found, rows):
        if row in found[name]:
            change, most, least = (-100 * v for v in found[name][row]["less full"])
            word = "no difference shown"
            if least > 0:
                word = "the full system is better"
            if most < 0:
                word = "the full system is worse"
            said.append(
                f"{name}: full less '{row}' {change:+.1f} points [{least:.1f}, {most:.1f}]: {word}"
            )
    return said
