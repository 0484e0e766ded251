# SPDX-License-Identifier: Apache-2.0
"""Tables of the fusion benchmark, and what of them is kept.

Figures come as JSON: seeds of a set -> kind of validation records -> raw or calibrated -> rule ->
condition -> measures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from _common import table, write
from _multimodal_sets import TITLES

CONDITIONS = ("clean", "noisy", "missing")
LEVELS = ("raw", "calibrated")
HELD = ("clean", "spoiled")
"""Validation records."""
MEAN = "mean (late fusion)"


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over seeds, in per cent."""
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values, ddof=1):.1f}"


def printed(name: str, seeds: list[dict[str, Any]]) -> None:
    """Accuracy of every rule; how sure it is; every measure where nothing is spoiled."""
    print(f"\n### {TITLES[name]}: mean ± spread of {len(seeds)} seeds\n")
    for key in seeds[0]["alone"]:
        print(f"- {key} alone, clean: {spread([s['alone'][key]['accuracy'] for s in seeds])} %")
    for how in HELD:
        print(f"\nAccuracy, %; rules and temperatures fitted on {how} validation records\n")
        print(grid([one[how] for one in seeds], lambda m: spread([one["accuracy"] for one in m])))
    clean = [one["clean"] for one in seeds]
    print("\nECE (15 bins), % / log loss, nats; means; fitted on clean validation records\n")
    print(grid(clean, sure))
    print("\nEvery measure, %, of clean test records, calibrated; means\n")
    print(measures([one["calibrated"] for one in clean]), flush=True)


def grid(seeds: list[dict[str, Any]], cell: Callable[[list[dict[str, Any]]], str]) -> str:
    """A row a rule, a column a condition and level."""
    columns = [(level, condition) for condition in CONDITIONS for level in LEVELS]
    head = ["fusion", *(f"{condition}, {level}" for level, condition in columns)]
    rows = [
        [rule, *(cell([s[level][rule][condition] for s in seeds]) for level, condition in columns)]
        for rule in seeds[0]["raw"]
    ]
    return table(head, rows)


def sure(seeds: list[dict[str, Any]]) -> str:
    """Calibration error and log loss in one cell."""
    ece, loss = (np.mean([one[key] for one in seeds]) for key in ("ece", "nll"))
    return f"{100 * ece:.1f} / {loss:.3f}"


def measures(seeds: list[dict[str, Any]]) -> str:
    """A row a rule, a column a measure; ConfAcc_Low over the unsure records of all seeds."""
    head = ["fusion", "precision", "F1", "macro recall", "macro F1", "ECE", "ECE, equal mass"]
    rows = []
    for rule in seeds[0]:
        some = [one[rule]["clean"] for one in seeds]
        figures = [
            *(
                [one["weighted"]["precision"] for one in some],
                [one["weighted"]["f1"] for one in some],
            ),
            *([one["macro"]["recall"] for one in some], [one["macro"]["f1"] for one in some]),
            *([one["ece"] for one in some], [one["ece_adaptive"] for one in some]),
        ]
        right, unsure = (sum(one[key] for one in some) for key in ("low_right", "low_records"))
        low = f"{100 * right / unsure:.1f} ({unsure})" if unsure else "none"
        brier = f"{np.mean([one['brier'] for one in some]):.3f}"
        rows.append([rule, *(f"{100 * np.mean(one):.1f}" for one in figures), low, brier])
    return table([*head, "ConfAcc_Low (records)", "Brier"], rows)


def against_mean(seeds: list[dict[str, Any]], rule: str, condition: str) -> dict[str, str]:
    """A rule less the plain mean, paired within seeds; levels of one kind of validation records."""
    pairs = [(one[rule][condition], one[MEAN][condition]) for one in seeds]
    found = {}
    for key, sign in (("accuracy", 1), ("nll", -1)):
        more = np.array([ours[key] - mean[key] for ours, mean in pairs])
        wins = int((sign * more > 0).sum())
        found[f"{key} against the mean"] = f"{more.mean():+.4f}, better in {wins} of {len(more)}"
    return found


def summary(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Rule -> condition -> measure -> mean ± spread, and what it is against the plain mean."""
    found: dict[str, Any] = {}
    for rule in seeds[0]:
        found[rule] = {"fitted": "; ".join(one[rule]["fitted"] for one in seeds)}
        for condition in CONDITIONS:
            flat = [_flat(one[rule][condition]) for one in seeds]
            cells = {key: _cell([one[key] for one in flat]) for key in flat[0]}
            right, unsure = (
                sum(one[rule][condition][key] for one in seeds)
                for key in ("low_right", "low_records")
            )
            cells["confidence at most 0.5"] = f"{right} of {unsure} right, all seeds"
            found[rule][condition] = cells | against_mean(seeds, rule, condition)
    return found


def _flat(metrics: dict[str, Any]) -> dict[str, float]:
    """Measures by name; weighted recall is accuracy."""
    flat = {key: metrics[key] for key in ("accuracy", "ece", "ece_adaptive", "nll", "brier")}
    for average in ("weighted", "macro"):
        flat |= {f"{key}, {average}": value for key, value in metrics[average].items()}
    del flat["recall, weighted"]
    return flat


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def written(figures: dict[str, Any]) -> None:
    """benchmarks/results/fusion.json: means and spreads; single seeds stay under .cache."""
    told = {
        name: {
            "seeds": len(seeds),
            "alone": {
                key: _cell([s["alone"][key]["accuracy"] for s in seeds])
                for key in seeds[0]["alone"]
            },
            "seconds": [round(one["seconds"]) for one in seeds],
        }
        | {
            f"fitted on {how} validation": {
                "temperatures": "; ".join(
                    ", ".join(f"{value:.2f}" for value in one[how]["temperatures"]) for one in seeds
                )
            }
            | {level: summary([one[how][level] for one in seeds]) for level in LEVELS}
            for how in HELD
        }
        for name, seeds in figures.items()
    }
    write("fusion", told, packages=("torch", "numpy", "scikit-learn"))
