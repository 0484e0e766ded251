# SPDX-License-Identifier: Apache-2.0
"""Three classes in two inputs, which a small network tells apart, and an odd training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polyveil.attack.examples import Examples
from polyveil.attack.plain_training import PlainTraining
from polyveil.attack.poisoning import Backdoor, Patch, Poisoning

CLASSES = 3
MARK = Backdoor(Patch("image", size=2, value=4.0), wanted=1)


class BothSenses(nn.Module):
    """Logits from image and sound, by one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64 + 10, 32), nn.ReLU(), nn.Linear(32, CLASSES))

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        return self.layers(torch.cat([image.flatten(1), sound], 1))


def examples(count: int, seed: int) -> Examples:
    """Noise around one centre a class, in image (1, 8, 8) and sound (10)."""
    centres = torch.Generator().manual_seed(99)
    image = torch.randn(CLASSES, 1, 8, 8, generator=centres)
    sound = torch.randn(CLASSES, 10, generator=centres)
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (count,), generator=draw)
    return Examples(
        {
            "image": image[labels] + 1.5 * torch.randn(count, 1, 8, 8, generator=draw),
            "sound": sound[labels] + 1.5 * torch.randn(count, 10, generator=draw),
        },
        labels,
    )


TRAINING = PlainTraining(BothSenses, epochs=8, rate=0.02, batch=64)


def honest(records: Examples, seed: int) -> nn.Module:
    """A training that no poison reaches: it has records of its own."""
    return TRAINING(examples(300, 5), seed)


def poisoning(**changes: object) -> Poisoning:
    """A backdoor in 400 records, which should succeed."""
    settings: dict = {"plan": MARK, "train": examples(400, 1), "test": examples(300, 2)}
    return Poisoning(**{**settings, **changes})
