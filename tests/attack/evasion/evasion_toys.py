# SPDX-License-Identifier: Apache-2.0
"""Four classes in a picture and a list of features, a small network that reads them, and models
that hide their gradients or answer at random."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import Budget
from polyveil.attack.examples import Examples

CLASSES = 4
BUDGETS = {"image": Budget("linf", 0.15), "sound": Budget("linf", 0.1)}


class TwoSenses(nn.Module):
    """Logits from image (1, 6, 6) and sound (12,), times `scale`, noise on the joint features."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 24))
        self.sound = nn.Linear(12, 24)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(48, 32), nn.Tanh(), nn.Linear(32, CLASSES))
        self.scale, self.sigma, self.levels = 1.0, 0.0, 0

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        if self.levels:
            image = (image * self.levels).round() / self.levels
            sound = (sound * self.levels).round() / self.levels
        joint = torch.cat([self.image(image), self.sound(sound)], 1)
        return self.scale * self.head(joint + self.sigma * torch.randn_like(joint))


def drawn(count: int, seed: int) -> Examples:
    """Each class has a picture and a sound of its own, the same for every seed, noise on top."""
    means = torch.Generator().manual_seed(99)
    pictures = torch.rand((CLASSES, 1, 6, 6), generator=means)
    sounds = torch.rand((CLASSES, 12), generator=means)
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (count,), generator=draw)
    inputs = {
        "image": pictures[labels] + 0.25 * torch.randn((count, 1, 6, 6), generator=draw),
        "sound": sounds[labels] + 0.25 * torch.randn((count, 12), generator=draw),
    }
    return Examples({name: values.clamp(0, 1) for name, values in inputs.items()}, labels)


@cache
def _weights() -> dict[str, Tensor]:
    examples = drawn(600, seed=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TwoSenses()
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(**examples.inputs), examples.labels).backward()
        optimizer.step()
    return network.state_dict()


def network(*, scale: float = 1.0, sigma: float = 0.0, levels: int = 0) -> TwoSenses:
    """Trained; with logits times `scale`, noise of `sigma`, inputs rounded to so many levels."""
    found = TwoSenses()
    found.load_state_dict(_weights())
    found.scale, found.sigma, found.levels = scale, sigma, levels
    return found.eval()


def target(*, scale: float = 1.0, sigma: float = 0.0, levels: int = 0) -> Classifier:
    """The network as attackers meet it."""
    return Classifier(network(scale=scale, sigma=sigma, levels=levels))
