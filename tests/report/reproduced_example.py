# SPDX-License-Identifier: Apache-2.0
"""A small reproduced table, made up, with everything that a table can hold."""

from __future__ import annotations

from collections.abc import Sequence

from polyveil.models.reliability import Bin
from polyveil.privacy.guarantee import Guarantee
from polyveil.report import Counts, Job, StageTime
from polyveil.report.reproduced import Paper, Printed, Reproduced, Row, SplitSizes
from polyveil.report.spread import Spread

METHODS = ("alternating", "joint")
BUDGETS = (None, 1.0, 8.0)
ACCURACY = {None: 0.9, 1.0: 0.5, 8.0: 0.8}
FUSIONS = ("hybrid", "mean", "hybrid, not calibrated", "network")


def spread(mean: float, seeds: int, width: float = 0.01) -> Spread:
    """Around a mean, by a little more every seed."""
    middle = (seeds - 1) / 2
    found = Spread.of({seed: mean + width * (seed - middle) for seed in range(seeds)})
    assert found is not None
    return found


def row(method: str, epsilon: float | None, seeds: int) -> Row:
    """The first method is 20 points ahead of all others."""
    right = ACCURACY[epsilon] - (0.0 if method == METHODS[0] else 0.2)
    promise = None
    if epsilon is not None:
        unit = "record with all its modalities"
        promise = Guarantee(
            epsilon, 1e-5, unit, covers=("weights",), not_covered=("losses",)
        ).to_json()
    bins = (Bin(0.4, 0.6, 0.5, 0.45, 9, 20), Bin(0.6, 0.8, 0.7, 0.75, 15, 20))
    return Row(
        set="EMO-DB",
        method=method,
        epsilon=epsilon,
        figures={
            "accuracy": spread(right, seeds),
            "recall": spread(right, seeds),
            "F1 macro": spread(right - 0.1, seeds),
            "ECE": spread(1.0 - right, seeds),
        },
        fusions={
            name: {"accuracy": spread(right, seeds), "ECE": spread(0.1, seeds)} for name in FUSIONS
        },
        alone={"voice": spread(0.4, seeds), "prosody": spread(0.5, seeds)},
        guarantee=promise,
        reason="" if promise else "mode none: nothing bounds what the weights tell",
        reliability=dict.fromkeys((FUSIONS[0], *FUSIONS[2:]), bins),
    )


def example(
    *,
    methods: Sequence[str] = METHODS,
    budgets: Sequence[float | None] = BUDGETS,
    seeds: int = 5,
    printed: bool = True,
    left: int = 0,
) -> Reproduced:
    """A table of a set that the paper has figures for, or none."""
    figures = ((None, "accuracy", 72.0), (1.0, "accuracy", 62.5), (1.0, "ECE", 18.34))
    return Reproduced(
        job=Job(
            verb="reproduce",
            version="0.1.0",
            started="2026-11-21T09:00:00+00:00",
            finished="2026-11-21T09:01:30+00:00",
            command="polyveil reproduce pamrl --data DIR --out DIR --seeds 5",
            input_kind="EMO-DB",
            counts=Counts(records_read=340, records_refused=2),
            settings={"epochs, without privacy": 30},
            versions={"torch": "2.13.0"},
        ),
        title="Private alternating multimodal learning: EMO-DB",
        set="EMO-DB",
        classes=7,
        method="alternating",
        fusion="hybrid",
        rows=tuple(row(method, epsilon, seeds) for method in methods for epsilon in budgets),
        splits=tuple(SplitSizes(seed, 150 + seed, 50, 30) for seed in range(seeds)),
        commonest=spread(0.25, seeds),
        paper=Paper(
            "Sun et al. 2025",
            "It states neither unit nor delta.",
            tuple(Printed("EMO-DB", *one) for one in figures) if printed else (),
        ),
        remarks=("each seed has a split of its own",),
        not_done=("the paper's encoders",),
        left=left,
        times=(StageTime("train: alternating", 30.0, 15),),
    )
