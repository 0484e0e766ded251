# SPDX-License-Identifier: Apache-2.0
"""Ablations of system S5 on MNIST images of av_mnist, every model trained privately by our engine.

Attention (threshold / multi-head / hierarchical), heads (4 / 8 / 12), fusion of two private models
(variance-weighted, by inverse validation error, plain mean) against one model of the whole budget;
accuracy by epsilon, top-1 and top-5 by epoch, FLOPs and parameters, beside a plain vision
transformer and a CNN. One seed: differences below about one point say nothing.

Small on purpose, so that all of it runs in under an hour on one thread: 16 tokens of 7 x 7 pixels,
8 numbers a head, 4 blocks. 17,000 records are trained on; 1,000 of the training part are held out
for choosing the recipe and for the inverse-error weights (they count as public there, and would
have to be charged otherwise). Test figures by epoch are looked at, never chosen from.

Fusion spends twice: two models of epsilon each on the same records are one release of at most 2
epsilon, and stand beside single models of 2 epsilon.

NOT here: the paper's comparisons with FedAvg, PP-GAN and secure computation.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import RESULTS, table, write
from _digits_cifar import CACHE, digits
from polyveil.learn import PrivateTraining
from polyveil.learn.averaging import WeightAverage
from polyveil.models.accuracy import accuracy
from polyveil.models.cnn import CNN, CNNConfig
from polyveil.models.cost import cost
from polyveil.models.fusion import fuse, inverse_error_weights, variance_weights
from polyveil.models.hierarchical_vit import HierarchicalViT, HierarchicalViTConfig
from polyveil.models.vit import ViT, ViTConfig

CLAIM = "vit_ablations"
IMAGE = (1, 28, 28)
EPSILONS = (1.0, 2.0, 4.0, 8.0)
# The rate: .002, .006, .015 were tried for 10 epochs, hierarchical attention, epsilon 4.
BATCH, EPOCHS, RATE, HELD, SEED = 500, 8, 1e-2, 1000, 0
PAIR = ("hierarchical, 4 heads", "CNN")


def hierarchical(attention: str, heads: int) -> nn.Module:
    """The transformer of S5 at this benchmark's size."""
    return HierarchicalViT(
        HierarchicalViTConfig(
            IMAGE, 10, patch=7, heads=heads, head_width=8, attention=attention, stem_width=0
        )
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "hierarchical, 4 heads": lambda: hierarchical("hierarchical", 4),
    "threshold, 4 heads": lambda: hierarchical("threshold", 4),
    "multi-head, 4 heads": lambda: hierarchical("multi-head", 4),
    "hierarchical, 8 heads": lambda: hierarchical("hierarchical", 8),
    "hierarchical, 12 heads": lambda: hierarchical("hierarchical", 12),
    "plain ViT": lambda: ViT(ViTConfig(IMAGE, 10, patch=7, width=32, depth=4, mlp_ratio=2)),
    "CNN": lambda: CNN(CNNConfig(IMAGE, 10, widths=(8, 16), hidden=32)),
}


def main() -> None:
    """Trains what is missing, then prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--epsilons", nargs="+", type=float, default=EPSILONS)
    parser.add_argument("--tune", nargs="+", type=float, help="learning rates, held-out records")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures = known()
    if asked.tune:
        tune(asked.tune, asked.networks, asked.epsilons, figures)
        return
    for name in asked.networks:
        figures["costs"][name] = costs(NETWORKS[name]())
        for epsilon in asked.epsilons:
            key = f"{name} | {epsilon:g}"
            if key not in figures["runs"]:
                figures["runs"][key] = run(name, epsilon, RATE, records("test"), saved=True)
                print(key, figures["runs"][key]["top1"], flush=True)
                keep(figures)
    figures["fusion"] = fusions(figures["runs"])
    keep(figures)
    print(show(figures))


def known() -> dict[str, dict]:
    """What the result file holds."""
    file = RESULTS / f"{CLAIM}.json"
    if not file.exists():
        return {"costs": {}, "tuning": {}, "runs": {}, "fusion": {}}
    return json.loads(file.read_text(encoding="utf-8"))["figures"]


def keep(figures: dict[str, dict]) -> None:
    """Writes the result file."""
    write(CLAIM, figures, packages=("polyveil", "torch", "dp-accounting"))


def records(part: str) -> tuple[Tensor, Tensor]:
    """'train' (17,000), 'held' (1,000) or 'test' (3,000): pictures and labels."""
    got = digits()
    if part == "test":
        return got.test, got.test_labels
    order = torch.randperm(len(got.train_labels), generator=torch.Generator().manual_seed(7))
    rows = order[:HELD] if part == "held" else order[HELD:]
    return got.train[rows], got.train_labels[rows]


def tune(rates: list[float], names: list[str], epsilons: list[float], figures: dict) -> None:
    """Learning rates on the held-out records; one for all networks is then written above."""
    for name in names:
        for epsilon in epsilons:
            for rate in rates:
                key = f"{name} | {epsilon:g} | rate {rate:g}"
                if key not in figures["tuning"]:
                    got = run(name, epsilon, rate, records("held"), saved=False)
                    figures["tuning"][key] = {"top1": got["top1"], "seconds": got["seconds"]}
                    print(key, figures["tuning"][key], flush=True)
                    keep(figures)


def run(
    name: str, epsilon: float, rate: float, measured: tuple[Tensor, Tensor], *, saved: bool
) -> dict[str, Any]:
    """One private training; top-1 and top-5 of the averaged weights after every epoch."""
    torch.manual_seed(SEED)
    model = NETWORKS[name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    private = PrivateTraining(
        model,
        optimizer,
        records("train"),
        batch_size=BATCH,
        epochs=EPOCHS,
        epsilon=epsilon,
        delta=1e-5,
        physical_batch=128,
    )
    mean = WeightAverage(model, 0.9)
    curve, seconds, done = [], 0.0, 0
    for _ in range(EPOCHS):
        start = time.process_time()
        for inputs, labels in private.batches(private.steps_per_epoch):
            private.backward(functional.cross_entropy(model(inputs), labels, reduction="none"))
            optimizer.step()
            optimizer.zero_grad()
            if private.steps_done > done:
                done = private.steps_done
                mean.update()
        seconds += time.process_time() - start
        with mean.applied():
            shown = accuracy(probabilities(model, measured[0]), measured[1].numpy())
        curve.append([round(shown.top1, 4), round(shown.top5, 4)])
    if saved:
        with mean.applied():
            outputs = {part: probabilities(model, records(part)[0]) for part in ("held", "test")}
        np.savez(outputs_file(name, epsilon), **outputs)
    return {
        "top1": curve[-1][0],
        "top5": curve[-1][1],
        "by_epoch": curve,
        "seconds": seconds,
        "epsilon_spent": private.guarantee().epsilon,
        "thresholds": private.thresholds,
    }


def probabilities(model: nn.Module, images: Tensor) -> np.ndarray:
    """Class probabilities in evaluation mode, float32 [records, 10]."""
    model.eval()
    with torch.no_grad():
        parts = [functional.softmax(model(some), 1) for some in images.split(500)]
    model.train()
    return torch.cat(parts).numpy()


def outputs_file(name: str, epsilon: float) -> str:
    """Where a run's class probabilities are kept for fusion."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return str(CACHE / f"vit_{name.replace(', ', '_').replace(' ', '_')}_{epsilon:g}.npz")


def costs(model: nn.Module) -> dict[str, int]:
    """Parameters, and operations of one picture's forward pass (multiply-add = 2)."""
    counted = cost(model, IMAGE)
    return {"parameters": counted.parameters, "flops": counted.flops}


def fusions(runs: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Two models of epsilon / 2 each, fused three ways, by the total epsilon that both spend."""
    truth = {part: records(part)[1].numpy() for part in ("held", "test")}
    fused: dict[str, dict[str, float]] = {}
    for epsilon in EPSILONS:
        if any(f"{name} | {epsilon:g}" not in runs for name in PAIR):
            continue
        outputs = {part: [] for part in truth}
        for name in PAIR:
            with np.load(outputs_file(name, epsilon)) as kept:
                for part in truth:
                    outputs[part].append(kept[part])
        held, test = (np.stack(outputs[part]) for part in ("held", "test"))
        wrong = [int((one.argmax(1) != truth["held"]).sum()) for one in held]
        ways = {
            "variance-weighted": variance_weights(test),
            "inverse error": inverse_error_weights(wrong, of=HELD),
            "mean": None,
        }
        fused[f"{2 * epsilon:g}"] = {
            way: accuracy(fuse(test, weights), truth["test"]).top1 for way, weights in ways.items()
        }
    return fused


def show(figures: dict[str, dict]) -> str:
    """Accuracy by epsilon with costs; fusion; top-1 / top-5 by epoch at the largest epsilon."""
    runs = figures["runs"]
    rows = []
    for name in NETWORKS:
        counted = figures["costs"].get(name)
        if counted:
            sizes = [f"{counted['parameters']:,}", f"{counted['flops'] / 1e6:.2f}"]
            rows.append([name, *sizes, *(_pair(runs, name, one) for one in EPSILONS)])
    budgets = [f"ε = {one:g}" for one in EPSILONS]
    header = ["network", "parameters", "MFLOPs", *budgets]
    parts = ["Top-1 / top-5 on test, %", table(header, rows)]
    parts += ["Two models fused, by the budget both spend together; top-1, %", _fused(figures)]
    curves = [[name, *_curve(runs, name)] for name in NETWORKS if f"{name} | 8" in runs]
    epochs = [str(number + 1) for number in range(EPOCHS)]
    parts += ["By epoch, ε = 8: top-1 / top-5, %", table(["network", *epochs], curves)]
    return "\n\n".join(parts)


def _pair(runs: dict[str, dict], name: str, epsilon: float) -> str:
    got = runs.get(f"{name} | {epsilon:g}")
    return f"{100 * got['top1']:.1f} / {100 * got['top5']:.1f}" if got else ""


def _curve(runs: dict[str, dict], name: str) -> list[str]:
    return [f"{100 * one:.0f} / {100 * five:.0f}" for one, five in runs[f"{name} | 8"]["by_epoch"]]


def _fused(figures: dict[str, dict]) -> str:
    budgets = [f"{2 * one:g}" for one in EPSILONS if f"{2 * one:g}" in figures["fusion"]]
    rows = [
        [f"{' + '.join(PAIR)}, {way}", *(_percent(figures["fusion"][one][way]) for one in budgets)]
        for way in ("variance-weighted", "inverse error", "mean")
    ]
    for name in PAIR:
        alone = [figures["runs"].get(f"{name} | {one}") for one in budgets]
        rows.append([f"{name}, alone", *(_percent(one["top1"]) if one else "" for one in alone)])
    return table(["models", *(f"ε = {one}" for one in budgets)], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
