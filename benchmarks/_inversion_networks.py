# SPDX-License-Identifier: Apache-2.0
"""Networks whose gradients and classes the benchmark of inversion attacks, for 56 x 46 faces."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.examples import Examples, Inputs


def network(kind: str, classes: int) -> nn.Module:
    """A fresh one for 56 x 46 faces, as at the first round of joint training."""
    torch.manual_seed(0)
    if kind == "perceptron":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(56 * 46, 256), nn.ReLU(), nn.Linear(256, classes)
        )
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 2, 2), nn.Sigmoid(),
        nn.Flatten(), nn.Linear(12 * 14 * 12, classes),
    )  # fmt: skip


def classifier(examples: Examples, *, seed: int, epochs: int = 60) -> nn.Module:
    """A small convolutional network that names people."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2), nn.GELU(), nn.Conv2d(16, 32, 5, 2, 2), nn.GELU(), nn.Flatten(),
        nn.Linear(32 * 14 * 12, 64), nn.GELU(), nn.Linear(64, int(examples.labels.max()) + 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(examples)).split(25):
            batch = examples.at(rows)
            optimiser.zero_grad()
            functional.cross_entropy(asked(net, batch.inputs), batch.labels).backward()
            optimiser.step()
    return net.eval()


def asked(net: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of grey pictures in [0, 1]."""
    return net(inputs["image"] - 0.5)
