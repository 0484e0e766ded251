# SPDX-License-Identifier: Apache-2.0
"""A model of your own under audit: a picture and a sound go in, a digit comes out.

    polyveil audit examples/audited_model.py --minutes 1

The file says how the model is called, who was in its training and who was not, and how such a model
is trained. The pictures are the handwritten digits that come with scikit-learn; the sounds are
made here.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples

MEMBERS = 500


class PictureAndSound(nn.Module):
    """Each modality has an encoder of its own; one head reads both."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
        self.hear = nn.Sequential(nn.Linear(40, 64), nn.ReLU())
        self.head = nn.Linear(128, 10)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        """(n, 1, 8, 8) in [0, 1] and (n, 40) in [-1, 1] to logits (n, 10)."""
        return self.head(torch.cat([self.see(image), self.hear(sound)], 1))


def records() -> Examples:
    """1,797 digits, each with a noisy tone of its own pitch."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    labels = torch.tensor(digits.target, dtype=torch.int64)
    draw = torch.Generator().manual_seed(1)
    pitch = 0.15 * (1 + labels[:, None]) * torch.arange(40)
    noise = torch.randn(len(labels), 40, generator=draw)
    sounds = (0.3 * torch.sin(pitch) + 0.3 * noise).clamp(-1, 1)
    order = torch.randperm(len(labels), generator=draw)
    return Examples({"image": images, "sound": sounds}, labels).at(order)


def train(examples: Examples, seed: int) -> nn.Module:
    """The recipe: far too many passes over too few records, so that there is something to find."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = PictureAndSound()
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(40):
            for chosen in torch.randperm(len(examples)).split(50):
                part = examples.at(chosen)
                loss = functional.cross_entropy(model(**part.inputs), part.labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model.eval()


def audited() -> AuditedModel:
    """What polyveil audit asks for."""
    everything = records()
    members, others = everything.at(slice(0, MEMBERS)), everything.at(slice(MEMBERS, None))
    return AuditedModel(
        Classifier(train(members, seed=0)),
        members=members,
        others=others,
        recipe=train,
        description="Reads a handwritten digit that is also heard.",
        data_subjects=f"writers of {MEMBERS} digits",
    )


if __name__ == "__main__":
    import polyveil

    print(polyveil.audit(audited(), minutes=1).summary())
