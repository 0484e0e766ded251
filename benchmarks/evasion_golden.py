# SPDX-License-Identifier: Apache-2.0
"""Our searches beside the published ones: the same values where settings agree, the same accuracy
where only the random start differs.

FGSM and PGD beside torchattacks, value by value, from the same random start; APGD beside AutoAttack
by accuracy under attack. On handwritten digits of the av_mnist pack, and once more on a network
that anyone can rebuild from a seed, whose peer values are kept for the tests.

Needs an environment with torch, torchattacks and pyautoattack.
Run: python benchmarks/evasion_golden.py
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import DATA, ROOT, table, write
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import APGD, FGSM, PGD, Budget, Search, perturb
from polyveil.attack.examples import Examples

GOLDEN = ROOT / "tests" / "attack" / "evasion" / "golden_peers.json"
EPSILON, STEP, STEPS = 0.1, 0.01, 20
APGD_STEPS, APGD_EPSILON, SEEDS = 50, 0.14, (0, 1)


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training pictures and labels, test pictures and labels."""
    pack = np.load(DATA / "av_mnist" / "dev" / "mnist.npz")
    parts = []
    for name in ("train", "test"):
        parts += [
            torch.from_numpy(pack[f"x_{name}"]).float()[:, None] / 255,
            torch.from_numpy(pack[f"y_{name}"]).long(),
        ]
    # Test pictures lie sorted by digit; a part of them should hold all.
    mixed = torch.randperm(len(parts[3]), generator=torch.Generator().manual_seed(0))
    return parts[0], parts[1], parts[2][mixed], parts[3][mixed]


@cache
def network() -> nn.Module:
    """A small convolutional network, two passes over the training pictures."""
    images, labels, _, _ = digits()
    torch.manual_seed(0)
    found = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 49, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    optimizer = torch.optim.Adam(found.parameters(), 2e-3)
    for _ in range(2):
        for rows in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            functional.cross_entropy(found(images[rows]), labels[rows]).backward()
            optimizer.step()
    return found.eval()


def rebuilt() -> tuple[nn.Module, Tensor, Tensor]:
    """A network, 16 inputs and labels that need nothing but this seed."""
    drawn = torch.Generator().manual_seed(20)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 5))
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=drawn) * 0.5)
    images = torch.rand((16, 1, 6, 6), generator=drawn)
    return module.eval(), images, module(images).argmax(1).detach()


def ours(search: Search, module: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Tensor:
    """Adversarial pictures of a search, at the strength of the exact comparison."""
    budget = Budget("linf", EPSILON, step=STEP)
    examples = Examples({"image": images}, labels)
    return perturb(search, Classifier(module), examples, {"image": budget}, seed=seed)["image"]


def theirs(name: str, module: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Tensor:
    """The same from torchattacks."""
    import torchattacks

    torch.manual_seed(seed)
    if name == "FGSM":
        found = torchattacks.FGSM(module, eps=EPSILON)(images, labels)
    else:
        found = torchattacks.PGD(module, eps=EPSILON, alpha=STEP, steps=STEPS)(images, labels)
    return torch.as_tensor(found).detach()


def exact(module: nn.Module, images: Tensor, labels: Tensor) -> dict[str, dict[str, Any]]:
    """How many values differ at all, and by how much at most."""
    searches: dict[str, Search] = {"FGSM": FGSM(), "PGD": PGD(STEPS, early_stop=False)}
    found = {}
    for name, search in searches.items():
        one = ours(search, module, images, labels, 7)
        other = theirs(name, module, images, labels, 7)
        found[name] = {
            "values": one.numel(),
            "different": int((one != other).sum()),
            "largest difference": float((one - other).abs().max()),
        }
    return found


def accuracies(module: nn.Module, images: Tensor, labels: Tensor) -> dict[str, dict[str, Any]]:
    """ARS under APGD, ours and AutoAttack's, by loss and seed."""
    from pyautoattack.autopgd_base import APGDAttack

    target = Classifier(module)
    examples = Examples({"image": images}, labels)
    budgets = {"image": Budget("linf", APGD_EPSILON)}
    found = {}
    for short, loss in (("ce", "cross-entropy"), ("dlr", "dlr")):
        we, they = [], []
        for seed in SEEDS:
            made = perturb(APGD(APGD_STEPS, loss), target, examples, budgets, seed=seed)
            we.append(float(target.correct(Examples(made, labels)).double().mean()))
            peer = APGDAttack(
                module, n_iter=APGD_STEPS, eps=APGD_EPSILON, seed=seed, loss=short, device="cpu"
            )
            other = Examples({"image": peer.perturb(images, labels)}, labels)
            they.append(float(target.correct(other).double().mean()))
        found[loss] = {"ours": we, "AutoAttack": they}
    return found


def keep_for_tests() -> None:
    """Writes what the peers made of the rebuilt network."""
    module, images, labels = rebuilt()
    kept = {
        name: [
            round(value, 7) for value in theirs(name, module, images, labels, 7).flatten().tolist()
        ]
        for name in ("FGSM", "PGD")
    }
    note = "torchattacks 3.5.1 on benchmarks/evasion_golden.py rebuilt(), seed 7"
    GOLDEN.write_text(json.dumps({"from": note, **kept}) + "\n", encoding="utf-8")


def main() -> None:
    """Compares, prints, writes."""
    torch.set_num_threads(1)
    _, _, images, labels = digits()
    images, labels = images[:256], labels[:256]
    same = exact(network(), images[:128], labels[:128])
    rows = [[name, *one.values()] for name, one in same.items()]
    print(table(["search", "values", "different", "largest difference"], rows), flush=True)
    ars = accuracies(network(), images, labels)
    rows = [
        [loss, *(f"{np.mean(one[who]):.3f}" for who in ("ours", "AutoAttack"))]
        for loss, one in ars.items()
    ]
    print(table(["APGD", "ARS ours", "ARS AutoAttack"], rows), flush=True)
    keep_for_tests()
    write(
        "evasion_golden",
        {"exact": same, "apgd": ars, "apgd records": len(images), "apgd epsilon": APGD_EPSILON},
        packages=("torch", "torchattacks", "pyautoattack"),
    )


if __name__ == "__main__":
    main()
