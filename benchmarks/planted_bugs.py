# SPDX-License-Identifier: Apache-2.0
"""Faults planted into small private trainings, and which attacker sees them.

    .venv/bin/python benchmarks/planted_bugs.py [--seeds 5] [--epsilon 2] [--network mlp]

MNIST images of av_mnist; the claim is what the accountant was told. Every fault is planted into
polyveil's own engine, in the running process only. Three attackers look at the same kind of run:
marks in every layer (`Marked`), each canary's own gradient in the layers (`GradientObserver`), and
the fall of each canary's loss (who sees the last weights only). Caught: the attacker's lower bound
lies above the claim; by arithmetic: the accountant contradicts it.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from _common import DATA, table, write
from polyveil.attack.canary.bound import default_guesses, one_run_bound
from polyveil.attack.canary.claim import TrainingFacts
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.evidence import OneRunEvidence, watched
from polyveil.attack.canary.mark_observer import MarkObserver
from polyveil.attack.canary.marks import Marked
from polyveil.attack.canary.observer import GradientObserver
from polyveil.attack.canary.one_run import OneRunAudit
from polyveil.attack.canary.score import right_guesses
from polyveil.attack.examples import Examples, joined
from polyveil.learn import clipper
from polyveil.learn.private import PrivateTraining
from polyveil.models.registry import build
from polyveil.privacy import accountant

RECORDS, BATCH, EPOCHS, CANARIES, DELTA = 2000, 128, 6, 500, 1e-5
PHYSICAL = 32
INFINITE = 1e9
"""Stands for an infinite epsilon where JSON has none."""


@dataclass(frozen=True)
class Run:
    """What came of one training. Attributes: accuracy on test pictures; seconds, watching."""

    evidence: OneRunEvidence | None
    fall: np.ndarray | None
    claimed: float
    facts: TrainingFacts
    accuracy: float
    seconds: float
    watching: float


def pictures(part: str, count: int, seed: int) -> Examples:
    with np.load(DATA / "av_mnist" / "dev" / "mnist.npz") as pack:
        images, labels = pack[f"x_{part}"], pack[f"y_{part}"]
    chosen = np.random.default_rng(seed).permutation(len(labels))[:count]
    values = torch.from_numpy(images[chosen]).float()[:, None] / 255
    return Examples({"image": values}, torch.from_numpy(labels[chosen].astype(np.int64)))


def network(name: str) -> nn.Module:
    if name == "mlp":
        hidden = nn.Linear(784, 64)
        return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Linear(64, 10))
    return (
        build(name, (1, 28, 28), 10, widths=(8, 16), hidden=16)
        if name == "cnn"
        else build(name, (1, 28, 28), 10)
    )


# What each fault does to a training, before its first step; each leaves the claim as it was.


def nothing(private: PrivateTraining) -> None:
    """The right run."""


def noise_missing(private: PrivateTraining) -> None:
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=0.0)  # type: ignore


def noise_of_one_piece(private: PrivateTraining) -> None:
    """Each physical batch was meant to bring its share of the noise; one of them did."""
    share = math.sqrt(PHYSICAL / BATCH)
    z = private.schedule.noise_multiplier * share
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=z)  # type: ignore


def noise_of_mean(private: PrivateTraining) -> None:
    """Noise for a sum, taken as noise for a mean over 10 times fewer: a tenth of it."""
    z = private.schedule.noise_multiplier / 10
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=z)  # type: ignore


def noise_reused(private: PrivateTraining) -> None:
    stream = private._noise.stream
    private._noise.stream = lambda _, name, count: stream("once", name, count)  # type: ignore


def clipping_off(private: PrivateTraining) -> None:
    clipper.clip_weights = lambda norms, threshold: torch.ones_like(norms)


FAULTS: dict[str, Callable[[PrivateTraining], None]] = {
    "none (the right run)": nothing,
    "noise missing": noise_missing,
    "noise / 10": noise_of_mean,
    "noise of one physical batch in four": noise_of_one_piece,
    "the same noise in every step": noise_reused,
    "clipping off": clipping_off,
    "accountant told a tenth of the rate": nothing,
}


def train(name: str, fault: str, epsilon: float, seed: int, eyes: str) -> Run:
    """One training. Eyes: "marks", "gradients", or "none" for one without canaries."""
    data = pictures("train", RECORDS, seed)
    made = Canaries.like(data, count=CANARIES, classes=10, seed=seed)
    together = data if eyes == "none" else joined(data, made.members)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = network(name)
    used_model = Marked(model, made.examples) if eyes == "marks" else model
    used = torch.optim.Adam(used_model.parameters(), 2e-3)
    rate = BATCH / RECORDS
    told = rate / 10 if "tenth of the rate" in fault else rate
    steps = round(EPOCHS / rate)
    z = accountant.noise_multiplier_for(epsilon=epsilon, delta=DELTA, rate=told, steps=steps)
    private = PrivateTraining(
        used_model,
        used,
        (together.inputs["image"], together.labels),
        batch_size=rate * len(together),
        epochs=EPOCHS,
        noise_multiplier=z,
        delta=DELTA,
        thresholds=1.0,
        physical_batch=PHYSICAL,
        secret=bytes([seed]) * 32,
    )
    watch: Any = None
    if isinstance(used_model, Marked):
        watch = MarkObserver(used_model)
    elif eyes == "gradients":
        watch = GradientObserver(model, made.examples, clipping="per-layer")
    seconds, watching = loop(private, used, fault, watch)
    evidence = None
    if watch is not None:
        sampled = watch.sampled() if eyes == "marks" else None
        evidence = watched(watch, made.included, rate=rate, of_steps=steps, sampled=sampled)
    return Run(
        evidence=evidence,
        fall=watch.losses_fell() if eyes == "gradients" else None,
        claimed=epsilon,
        facts=TrainingFacts(z, told, steps, DELTA),
        accuracy=accuracy(model),
        seconds=seconds,
        watching=watching,
    )


def loop(
    private: PrivateTraining, used: torch.optim.Optimizer, fault: str, watch: Any
) -> tuple[float, float]:
    """All steps; seconds of all and of the watching in them."""
    kept, watching = clipper.clip_weights, 0.0
    FAULTS[fault](private)
    started = time.perf_counter()
    try:
        for inputs, labels in private.batches():
            output = private.model(inputs)
            private.backward(functional.cross_entropy(output, labels, reduction="none"))
            if watch is not None and private.steps_done > watch.steps:
                before = time.perf_counter()
                watch.observe()
                watching += time.perf_counter() - before
            used.step()
    finally:
        clipper.clip_weights = kept
    return time.perf_counter() - started, watching


@torch.no_grad()
def accuracy(model: nn.Module) -> float:
    test = pictures("test", 2000, 0)
    model.eval()
    return float((model(test.inputs["image"]).argmax(1) == test.labels).float().mean())


def judged(run: Run) -> dict[str, Any]:
    """Bounds by attacker, and the accountant's answer."""
    assert run.evidence is not None
    audit = OneRunAudit(run.claimed, run.facts, canaries=CANARIES)
    released, differences = audit.bounds(run.evidence)
    found: dict[str, Any] = {
        "released": released.epsilon,
        "differences": differences.epsilon,
        "ceiling": released.ceiling,
        "recomputed": min(audit.facts_seen(run.evidence).epsilon(), INFINITE),
        "refuted by": audit.check(run.evidence).refuted_by,
        "seconds": run.seconds,
        "watching": run.watching,
        "accuracy": run.accuracy,
    }
    if run.fall is not None:
        ins, outs = default_guesses(CANARIES, run.claimed, delta=DELTA)
        right = right_guesses(run.fall, run.evidence.included, ins=ins, outs=outs)
        found["losses"] = one_run_bound(CANARIES, ins + outs, right, delta=DELTA).epsilon
    return found


def row(fault: str, claim: float, marks: list[dict[str, Any]], own: list[dict[str, Any]]) -> list:
    def cell(runs: list[dict[str, Any]], name: str) -> str:
        values = [one[name] for one in runs]
        caught = sum(value > claim for value in values)
        return f"{np.median(values):.2f} ({caught}/{len(values)})"

    refuted = [one["refuted by"] for one in marks]
    return [
        fault,
        claim,
        shown_epsilon(float(np.median([one["recomputed"] for one in marks]))),
        sum("accountant" in one for one in refuted),
        cell(marks, "released"),
        cell(marks, "differences"),
        *([cell(own, name) for name in ("released", "differences", "losses")] if own else "---"),
        f"{marks[0]['ceiling']:.2f}",
        f"{sum(bool(one) for one in refuted)}/{len(refuted)}",
    ]


def shown_epsilon(value: float) -> str:
    return "infinite" if value >= INFINITE else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epsilon", type=float, default=2.0)
    parser.add_argument("--network", default="mlp")
    parser.add_argument("--own-seeds", type=int, default=2, help="of the slower attackers")
    parser.add_argument("--cost", action="store_true", help="what the audit costs, nothing else")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.cost:
        cost(chosen.network, chosen.seeds)
        return
    found: dict[str, dict[str, list[dict[str, Any]]]] = {fault: {} for fault in FAULTS}
    for eyes, seeds in (("marks", chosen.seeds), ("gradients", chosen.own_seeds)):
        for fault in FAULTS:
            found[fault][eyes] = [
                judged(train(chosen.network, fault, chosen.epsilon, seed, eyes))
                for seed in range(seeds)
            ]
            report(chosen.network, chosen.epsilon, found)


def cost(network_name: str, seeds: int) -> None:
    """Seconds and accuracy with and without canaries, run in turns; medians."""
    names = ("none", "marks", "gradients")
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for seed in range(seeds):
        for name in names:
            runs[name].append(train(network_name, "none (the right run)", 2.0, seed, name))
    plain = np.array([one.seconds for one in runs["none"]])
    rows: list[list[Any]] = []
    for name in names:
        seconds = np.array([one.seconds for one in runs[name]])
        watching = float(np.median([one.watching for one in runs[name]]))
        right = [one.accuracy for one in runs[name]]
        rows.append(
            [
                name,
                float(np.median(seconds)),
                float(np.median(seconds / plain)),
                watching,
                float(np.mean(right)),
                float(np.std(right)),
            ]
        )
    header = ["Canaries", "Seconds", "x plain private", "of it watching", "Accuracy", "spread"]
    print(table(header, rows))
    figures = {"network": network_name, "seeds": seeds, "header": header, "rows": rows}
    write(f"one_run_cost_{network_name}", figures, packages=("torch",))


def report(
    network_name: str, epsilon: float, found: dict[str, dict[str, list[dict[str, Any]]]]
) -> None:
    """Printed and written after each fault: a long run that is cut off keeps what it found."""
    rows = [
        row(fault, epsilon, runs["marks"], runs.get("gradients", []))
        for fault, runs in found.items()
        if runs
    ]
    header = [
        "Fault",
        "Claim",
        "Accountant",
        "Refuted by it",
        "Marks, released",
        "Marks, differences",
        "Own gradients, released",
        "Own gradients, differences",
        "Losses only",
        "Ceiling",
        "Audit refutes",
    ]
    print(table(header, rows), flush=True)
    figures = {"header": header, "rows": rows, "runs": found}
    write(f"planted_bugs_{network_name}_{epsilon:g}", figures, packages=("torch",))


if __name__ == "__main__":
    main()
