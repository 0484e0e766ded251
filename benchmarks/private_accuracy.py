# SPDX-License-Identifier: Apache-2.0
"""Claim: at epsilon 1, 2, 4 and 8 (delta 1e-5) our private training is at least as accurate as
Opacus with the same records, network, steps, optimizer and budget, in the same run; and private
quantile thresholds need no tuned clipping bound.

MNIST images of av_mnist (18,000 / 3,000) and the CIFAR-10 subset (15,000 / 2,000). Recipes were
chosen with Opacus's side on a validation part of the training records (`--tune`; every try is in
the result file) and taken over unchanged by ours. Test records are looked at once a run, after its
last step. Choosing a recipe on private records is itself a release; neither side accounts for it.

Runs that are in the result file are not repeated.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import statistics
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from _common import RESULTS, table, write
from _digits_cifar import CACHE, Pictures, digits, scattered
from _peers import quiet
from _private_sides import Recipe, Split, opacus_side, our_side

CLAIM = "private_accuracy"
PACKAGES = ("polyveil", "torch", "opacus", "dp-accounting")
EPSILONS = (1.0, 2.0, 4.0, 8.0)
SEEDS = (0, 1, 2)
VALIDATION = 2000


class LinearOnViews(nn.Module):
    """(records, views, ...) -> (records * views, 10) by one linear layer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.head = nn.Linear(size, 10)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(features.flatten(2)).flatten(0, 1)


class TanhCNN(nn.Module):
    """Two convolutions and two linear layers, 26,000 parameters; (records, 1, 1, 28, 28).

    Source: Papernot et al., AAAI 2021, https://arxiv.org/abs/2007.14191
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 8, stride=2, padding=3), nn.Tanh(), nn.MaxPool2d(2, 1),
            nn.Conv2d(16, 32, 4, stride=2), nn.Tanh(), nn.MaxPool2d(2, 1),
            nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 10),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images.flatten(0, 1))


@lru_cache(1)
def pictures(task: str) -> Pictures:
    """The task's records; train with a dimension for views."""
    if task == "digits, CNN":
        raw = digits()
        return Pictures(raw.train[:, None], raw.train_labels, raw.test, raw.test_labels)
    return scattered(task.split(",")[0])


TASKS: dict[str, tuple[Callable[[], nn.Module], Recipe, dict[str, tuple]]] = {
    "digits, CNN": (
        TanhCNN,
        Recipe(batch=1000, epochs=15, rate=0.5, clip=0.1),
        {"rate": (0.5, 1.0), "clip": (0.1, 1.0)},
    ),
    "digits, scattering": (
        partial(LinearOnViews, 81 * 49),
        Recipe(batch=1000, epochs=25, rate=0.1, clip=1.0, ghost=True),
        {"rate": (0.05, 0.1, 0.3), "clip": (1.0, 10.0)},
    ),
    "objects, scattering": (
        partial(LinearOnViews, 243 * 64),
        Recipe(batch=1000, epochs=20, rate=0.03, clip=10.0, ghost=True),
        {"rate": (0.03, 0.1), "clip": (1.0, 10.0)},
    ),
}
SIDES: dict[str, Callable[..., dict[str, Any]]] = {
    "Opacus, flat, fixed": opacus_side,
    "polyveil, flat, fixed": partial(our_side, clipping="flat", quantile=None),
    "polyveil, flat, median": partial(our_side, clipping="flat", quantile=0.5),
    "polyveil, per-layer, fixed": partial(our_side, clipping="per-layer", quantile=None),
    "polyveil, per-layer, median": partial(our_side, clipping="per-layer", quantile=0.5),
    "polyveil, per-layer, 0.8": partial(our_side, clipping="per-layer", quantile=0.8),
}


def main() -> None:
    """Runs what is asked for and missing, then prints what is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--epsilons", nargs="+", type=float, default=EPSILONS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--tune", action="store_true", help="try recipes on validation records")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    for task in asked.tasks:
        if asked.tune:
            tune(task, asked.epsilons)
            continue
        for epsilon, seed, side in product(asked.epsilons, asked.seeds, asked.sides):
            key = f"{task} | {side} | {epsilon:g} | {seed}"
            if key not in known()["runs"]:
                make, recipe, _ = TASKS[task]
                keep("runs", key, SIDES[side](make, whole(task), recipe, epsilon, seed))
    print(show(known()))


def whole(task: str) -> Split:
    """All training records, measured on the test records."""
    got = pictures(task)
    return Split(got.train, got.train_labels, got.test, got.test_labels)


def validation(task: str) -> Split:
    """Training records less 2,000 that are measured on; the test records stay out of it."""
    got = pictures(task)
    order = torch.randperm(len(got.train_labels), generator=torch.Generator().manual_seed(7))
    held, kept = order[:VALIDATION], order[VALIDATION:]
    return Split(
        got.train[kept], got.train_labels[kept], got.train[held, 0], got.train_labels[held]
    )


def tune(task: str, epsilons: list[float]) -> None:
    """Opacus's side on a grid around the recipe, one seed, validation records only."""
    make, recipe, grid = TASKS[task]
    for epsilon, values in product(epsilons, product(*grid.values())):
        tried = Recipe(**{**recipe.__dict__, **dict(zip(grid, values, strict=True))})
        key = f"{task} | {epsilon:g} | {tried}"
        if key not in known()["tuning"]:
            got = opacus_side(make, validation(task), tried, epsilon, 0)
            print(f"{got['accuracy']:.4f} {got['seconds']:.0f} s {key}", flush=True)
            keep("tuning", key, got)


def known() -> dict[str, dict]:
    """What the result file holds."""
    file = RESULTS / f"{CLAIM}.json"
    if not file.exists():
        return {"tuning": {}, "runs": {}}
    return json.loads(file.read_text(encoding="utf-8"))["figures"]


def keep(part: str, key: str, value: dict[str, Any]) -> None:
    """Adds one run to the result file; several processes may do so."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        figures = known()
        figures[part][key] = value
        write(CLAIM, figures, packages=PACKAGES)


def show(figures: dict[str, dict]) -> str:
    """Test accuracy in %: mean, and spread (lowest to highest) over seeds; CPU seconds."""
    runs = figures["runs"]
    rows = []
    for task, side in product(TASKS, SIDES):
        cells, seconds = [], []
        for epsilon in EPSILONS:
            got = [v for k, v in runs.items() if k.startswith(f"{task} | {side} | {epsilon:g} |")]
            seconds += [one["seconds"] for one in got]
            cells.append(written([100 * one["accuracy"] for one in got]))
        if seconds:
            rows.append([task, side, *cells, f"{statistics.median(seconds):.0f}"])
    header = ["task", "side", *(f"ε = {epsilon:g}" for epsilon in EPSILONS), "CPU seconds"]
    return table(header, rows)


def written(values: list[float]) -> str:
    """Mean (lowest to highest; number of seeds)."""
    if not values:
        return ""
    spread = f"{min(values):.1f} to {max(values):.1f}; {len(values)}"
    return f"{statistics.mean(values):.2f} ({spread})"


if __name__ == "__main__":
    main()
