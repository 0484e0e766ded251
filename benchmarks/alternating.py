# SPDX-License-Identifier: Apache-2.0
"""Alternating training: what its projection protects, what a pass costs, and that it learns.

On av_mnist: a picture and the spoken word of a digit (paired by digit, so that only the class is
common to both). Options are fixed beforehand; no figure of the test part chose anything. Times are
processor seconds of single passes, methods in turn within one run, medians of ratios.

Run: python benchmarks/alternating.py [--parts shares cost accuracy]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from _common import RESULTS, table, write
from polyveil.attack.examples import Examples
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    HeadStep,
    Joint,
    Late,
    MeanProjection,
    Method,
    Modulated,
    Options,
    PublishedProjection,
    RandomProjection,
    SubspaceProjection,
    predict,
    train,
)
from polyveil.learn.multimodal.projection import share_inside
from polyveil.models.multimodal import MultimodalClassifier
from polyveil.models.multimodal.head import extended
from polyveil.privacy import accountant
from two_inputs import pairs

PLAIN = Options(epochs=4, batch_size=128)
PRIVATE = Options(epochs=8, batch_size=512)
WARM = 3
NOISE = Budget(noise_multiplier=0.8)
BY_MEAN, BY_GRADIENTS = Alternating(), Alternating(SubspaceProjection(rank=4))
PROJECTIONS = {
    "mean of the preceding modality": MeanProjection(),
    "mean, damped, over all means (a = 0.1)": MeanProjection(damping=0.1, horizon=None),
    "4 directions of its gradients": SubspaceProjection(rank=4),
    "4 directions of its features": SubspaceProjection(rank=4, reads="features"),
    "random direction": RandomProjection(),
    "as published (does not reach the head)": PublishedProjection(),
    "as published, name corrected": PublishedProjection(applied=True),
    "none": None,
}
METHODS: dict[str, Method] = {
    "joint, concatenation": Joint(),
    "joint, mean of logits": Joint("mean"),
    "OGM-GE": Modulated(),
    "late fusion": Late(),
    "alternating, no projection": Alternating(None),
    "alternating, mean": BY_MEAN,
    "alternating, gradients": BY_GRADIENTS,
}


def records() -> tuple[Multimodal, Multimodal]:
    """Training and test records."""

    def of(part: Examples) -> Multimodal:
        inputs = {name: values.numpy() for name, values in part.inputs.items()}
        present = np.ones((len(part), len(inputs)), bool)
        return Multimodal(inputs, present, part.labels.numpy(), tuple("0123456789"))

    train_part, test_part = pairs()
    return of(train_part), of(test_part)


def every(data: Multimodal, step: int) -> Multimodal:
    """One record in `step`."""
    return data.where(np.arange(len(data)) % step == 0)


def shares(data: Multimodal, _: Multimodal) -> dict[str, Any]:
    """Must show 1: how much of the head's steps lies in what should be left alone."""
    some, rows, found = every(data, 6), [], {}
    for kind, name in ((np.float64, "float64"), (np.float32, "float32")):
        torch.set_default_dtype(torch.float64 if kind is np.float64 else torch.float32)
        typed = replace(some, inputs={key: one.astype(kind) for key, one in some.inputs.items()})
        for label, rule in PROJECTIONS.items():
            options = replace(PLAIN, epochs=1, optimizer="sgd", momentum=0.9, weight_decay=1e-3)
            found[f"{label}, {name}"] = one = _shares(rule, typed, options, None)
            rows.append([label, name, "no", *_as_text(one)])
    for label, rule in PROJECTIONS.items():
        if rule is None or rule.reads != "features":
            options = replace(PRIVATE, epochs=2, batch_size=128, optimizer="sgd")
            found[f"{label}, private"] = one = _shares(rule, some, options, NOISE)
            rows.append([label, "float32", "yes", *_as_text(one)])
    header = ["projection", "precision", "private", "share of gradient: largest"]
    header += ["of applied update: largest", "of update, in the mean of all records: median"]
    print(table(header, rows), flush=True)
    return found


def _shares(
    rule: Any, data: Multimodal, options: Options, budget: Budget | None
) -> dict[str, float]:
    """Shares inside what is to be left alone, and inside the true mean over all records."""
    steps: list[HeadStep] = []
    true: list[float] = []

    def compare(number: int, model: MultimodalClassifier) -> None:
        """With the mean over all records, which the last step of a round should have left alone."""
        last = steps[-1]
        if number % 4 == 0 and last.preceding is not None:
            values = torch.from_numpy(data.inputs[last.preceding])
            with torch.no_grad():
                features = extended(model.encoder_of(last.preceding)(values)).double()
            true.append(share_inside(last.update, features.mean(0, keepdim=True)))

    # Without a projection the mean is still what would have to be left alone.
    shown = Alternating(rule or PublishedProjection())
    train(shown, data, options, budget=budget, watch=steps.append, after_round=compare)
    kept = [one for one in steps if one.protection is not None]
    return {
        "steps": len(kept),
        "gradient_max": max(one.gradient_share for one in kept),
        "update_max": max(one.update_share for one in kept),
        "true_mean_median": statistics.median(true),
    }


def _as_text(one: dict[str, float]) -> list[str]:
    return [f"{one[key]:.1e}" for key in ("gradient_max", "update_max", "true_mean_median")]


def cost(data: Multimodal, _: Multimodal) -> dict[str, Any]:
    """Must show 5: processor time of a pass by every modality against joint training."""
    some, rows, found = every(data, 8), [], {}
    for private in (False, True):
        options = replace(PRIVATE if private else PLAIN, epochs=1, batch_size=128)
        budget = NOISE if private else None
        seconds: dict[str, list[float]] = {label: [] for label in METHODS}
        for turn in range(5):
            for label, method in METHODS.items():
                passed = _seconds(method, some, options, budget)
                if turn:  # the first pass finds out which way is fastest for each layer
                    seconds[label].append(passed)
        base = seconds["joint, concatenation"]
        for label, times in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(times, base, strict=True))
            name = f"{label}, {'private' if private else 'plain'}"
            found[name] = {"seconds": statistics.median(times), "ratio": ratio}
            rows.append([label, "yes" if private else "no", statistics.median(times), ratio])
    print(table(["method", "private", "seconds a pass", "times joint"], rows), flush=True)
    return found


def _seconds(method: Method, data: Multimodal, options: Options, budget: Budget | None) -> float:
    ends: list[float] = []
    train(
        method, data, options, budget=budget,
        after_round=lambda number, model: ends.append(time.process_time()),
    )  # fmt: skip
    # Without the first rounds, which settle what is run how; scaled to a pass.
    return (ends[-1] - ends[WARM]) * len(ends) / (len(ends) - 1 - WARM)


def learned(data: Multimodal, test: Multimodal) -> dict[str, Any]:
    """A first look at accuracy: one seed, no setting tried on the test part."""
    some, rows, found = every(data, 2), [], {}
    for label, method in METHODS.items():
        for budget in (None, Budget(epsilon=8.0, delta=1e-5)):
            options = PLAIN if budget is None else PRIVATE
            trained = train(method, some, options, budget=budget)
            answers = predict(trained.model, test)
            epsilon = trained.guarantee.epsilon if trained.guarantee else None
            one = {"epsilon": epsilon, "together": answers.accuracy, **answers.accuracies}
            found[f"{label}, {'plain' if budget is None else 'private'}"] = one | {
                "noise_multiplier": trained.rounds.noise_multiplier,
                "releases": trained.rounds.rounds * trained.rounds.releases,
                "one charge a round would say": _naive(trained.rounds) if budget else None,
            }
            rows.append([label, *("none" if value is None else value for value in one.values())])
            print(rows[-1], flush=True)
    print(table(["method", "epsilon", "together", *data.inputs], rows), flush=True)
    return found


def _naive(rounds: Any) -> float:
    """What charging a round once would claim: too little, shown to say by how much."""
    event = accountant.SampledGaussian(rounds.rate, rounds.noise_multiplier, rounds.rounds)
    return accountant.epsilon_spent([event], delta=rounds.delta)


PARTS = {"shares": shares, "cost": cost, "accuracy": learned}


def main() -> None:
    """Measures, prints, writes; a part that is not run keeps its figures."""
    torch.set_num_threads(1)
    chosen = argparse.ArgumentParser()
    chosen.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    asked = chosen.parse_args()
    data, test = records()
    for part in asked.parts:
        found = PARTS[part](data, test)
        kept = RESULTS / "alternating.json"
        earlier = json.loads(kept.read_text())["figures"] if kept.exists() else {}
        write("alternating", {**earlier, part: found}, packages=("torch", "numpy"))


if __name__ == "__main__":
    main()
