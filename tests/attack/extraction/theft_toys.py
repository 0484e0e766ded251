# SPDX-License-Identifier: Apache-2.0
"""A task of two inputs whose labels are noisy: a target that knows it teaches more than they do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.extraction import Extraction
from polyveil.attack.plain_training import PlainTraining

CLASSES = 3


class BothSenses(nn.Module):
    """Logits from image and sound, by one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64 + 10, CLASSES)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        return self.head(torch.cat([image.flatten(1), sound], 1))


def truth() -> BothSenses:
    """The function behind the labels, the same in every test."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        return BothSenses().eval()


@torch.no_grad()
def examples(count: int, seed: int, *, noise: float = 0.4) -> Examples:
    """Records whose labels are the truth's, but for a share that is drawn at random."""
    draw = torch.Generator().manual_seed(seed)
    inputs = {
        "image": torch.randn(count, 1, 8, 8, generator=draw),
        "sound": torch.randn(count, 10, generator=draw),
    }
    labels = truth()(**inputs).argmax(1)
    wrong = torch.rand(count, generator=draw) < noise
    drawn = torch.randint(0, CLASSES, (count,), generator=draw)
    return Examples(inputs, torch.where(wrong, drawn, labels))


def training(epochs: int = 40) -> PlainTraining:
    """Fits what it is given."""
    return PlainTraining(BothSenses, epochs=epochs, rate=0.02, batch=64)


def theft(**changes: object) -> Extraction:
    """A thief with 300 records, who should succeed against `target()`."""
    settings: dict = {
        "records": examples(300, 1),
        "held_out": examples(600, 2),
        "recipe": training().fitted,
        "budgets": (100, 300),
    }
    return Extraction(**{**settings, **changes})


def target() -> Classifier:
    """What the thief is after: it knows the truth."""
    return Classifier(truth())
