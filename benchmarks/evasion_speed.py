# SPDX-License-Identifier: Apache-2.0
"""What PGD costs beside a plain loop and beside the known libraries, in one interleaved run.

PGD in L-infinity, epsilon .1, 20 steps, batches of 128, 512 digits of the av_mnist pack, one
thread. Every round runs all contestants once, in turning order; each figure is the median over
rounds of the time divided by the plain loop's of the same round, so that a busy machine touches all
alike. The time is the processor's, of this process alone, which other work on the machine disturbs
least; the clock's ratio stands beside it. Only "ours, as it is by default" lets records leave once
the model errs; all others, ours too, take every step. APGD-CE of AutoAttack does more for a step
(best points, checkpoints).

Needs an environment with torch, torchattacks, foolbox, adversarial-robustness-toolbox, secml-torch
and pyautoattack; those that are missing are left out and named.
Run: python benchmarks/evasion_speed.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import table, write
from evasion_golden import EPSILON, STEP, STEPS, digits, network
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import PGD, Budget, perturb
from polyveil.attack.examples import Examples

BATCH, RECORDS = 128, 512
Contestant: TypeAlias = Callable[[], Tensor]
Maker: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Contestant]


def plain(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """What one writes by hand."""

    def run() -> Tensor:
        found = []
        for origin, truth in zip(images.split(BATCH), labels.split(BATCH), strict=True):
            point = (origin + torch.empty_like(origin).uniform_(-EPSILON, EPSILON)).clamp(0, 1)
            for _ in range(STEPS):
                point.requires_grad_()
                loss = functional.cross_entropy(module(point), truth)
                (gradient,) = torch.autograd.grad(loss, point)
                point = point.detach() + STEP * gradient.sign()
                point = origin + (point - origin).clamp(-EPSILON, EPSILON)
                point = point.clamp(0, 1)
            found.append(point)
        return torch.cat(found)

    return run


def ours(module: nn.Module, images: Tensor, labels: Tensor, *, early: bool = False) -> Contestant:
    """polyveil, every step taken by every record unless `early`."""
    target, examples = Classifier(module), Examples({"image": images}, labels)
    budgets, search = {"image": Budget("linf", EPSILON, step=STEP)}, PGD(STEPS, early_stop=early)
    return lambda: perturb(search, target, examples, budgets, batch=BATCH)["image"]


def ours_default(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """polyveil as it is by default."""
    return ours(module, images, labels, early=True)


def from_torchattacks(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """torchattacks.PGD."""
    import torchattacks

    attack = torchattacks.PGD(module, eps=EPSILON, alpha=STEP, steps=STEPS)
    return lambda: torch.cat([attack(*one) for one in _batches(images, labels)])


def from_foolbox(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """foolbox LinfPGD."""
    import foolbox

    model = foolbox.PyTorchModel(module, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=STEPS)
    return lambda: torch.cat(
        [attack(model, *one, epsilons=EPSILON)[1] for one in _batches(images, labels)]
    )


def from_art(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """Adversarial Robustness Toolbox, its implementation for PyTorch."""
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    model = PyTorchClassifier(
        module, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1), device_type="cpu"
    )
    attack = ProjectedGradientDescentPyTorch(
        model,
        eps=EPSILON,
        eps_step=STEP,
        max_iter=STEPS,
        num_random_init=1,
        batch_size=BATCH,
        verbose=False,
    )
    arrays = images.numpy(), labels.numpy()
    return lambda: torch.from_numpy(attack.generate(*arrays))


def from_secml(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """SecML-Torch, its native implementation."""
    from secmlt.adv.evasion.pgd import PGDNative
    from secmlt.models.pytorch.base_pytorch_nn import BasePyTorchClassifier
    from torch.utils.data import DataLoader, TensorDataset

    attack = PGDNative("linf", EPSILON, STEPS, STEP, random_start=True)
    model = BasePyTorchClassifier(module)
    loader = DataLoader(TensorDataset(images, labels), batch_size=BATCH)
    return lambda: torch.cat([batch[0] for batch in attack(model, loader)])


def from_autoattack(module: nn.Module, images: Tensor, labels: Tensor) -> Contestant:
    """AutoAttack's APGD with cross-entropy; more work a step than PGD."""
    from pyautoattack.autopgd_base import APGDAttack

    attack = APGDAttack(module, n_iter=STEPS, eps=EPSILON, loss="ce", device="cpu")
    return lambda: torch.cat([attack.perturb(*one) for one in _batches(images, labels)])


MAKERS: dict[str, Maker] = {
    "plain loop": plain,
    "ours": ours,
    "ours, as it is by default": ours_default,
    "torchattacks": from_torchattacks,
    "foolbox": from_foolbox,
    "ART": from_art,
    "SecML-Torch": from_secml,
    "AutoAttack, APGD-CE": from_autoattack,
}


def _batches(images: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(images.split(BATCH), labels.split(BATCH), strict=True))


def entered(module: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Contestant]:
    """Those that run here, each warmed up once; the others are named and left out."""
    found = {}
    for name, make in MAKERS.items():
        try:
            run = make(module, images, labels)
            run()
        except ImportError as missing:
            print(f"{name}: left out, {missing}", flush=True)
        else:
            found[name] = run
    return found


def measured(entries: dict[str, Contestant], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Contestant -> seconds of each round, by processor and by clock."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in entries}
    names = list(entries)
    for at in range(rounds):
        turn = at % len(names)
        for name in names[turn:] + names[:turn]:
            clock, processor = time.perf_counter(), time.process_time()
            entries[name]()
            used = time.process_time() - processor
            times[name].append((used, time.perf_counter() - clock))
        told = ", ".join(f"{name} {spent[-1][0]:.3f}" for name, spent in times.items())
        print(f"round {at + 1}, processor seconds: {told}", file=sys.stderr, flush=True)
    return times


def main() -> None:
    """Measures, prints, writes."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=15)
    rounds = options.parse_args().rounds
    _, _, images, labels = digits()
    images, labels = images[:RECORDS], labels[:RECORDS]
    module = network()
    entries = entered(module, images, labels)
    times = measured(entries, rounds)
    base = times["plain loop"]
    figures, rows = {}, []
    for name, seconds in times.items():
        ratios = [
            median(one[kind] / other[kind] for one, other in zip(seconds, base, strict=True))
            for kind in (0, 1)
        ]
        made = torch.as_tensor(entries[name]())
        with torch.no_grad():
            right = module(made).argmax(1) == labels
        ars = float(right.double().mean())
        spent = median(one[0] for one in seconds)
        figures[name] = {
            "ratio": ratios[0],
            "ratio by clock": ratios[1],
            "processor seconds": spent,
            "ARS": ars,
        }
        rows.append([name, f"{1000 * spent:.0f}", *ratios, ars])
    header = ["PGD of", "ms, median", "of the plain loop, paired", "the same by clock", "ARS"]
    print(table(header, rows), flush=True)
    packages = ("torch", "torchattacks", "foolbox", "adversarial-robustness-toolbox")
    write(
        "evasion_speed",
        {"rounds": rounds, "records": RECORDS, "contestants": figures},
        packages=packages,
    )


if __name__ == "__main__":
    main()
