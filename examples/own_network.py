# SPDX-License-Identifier: Apache-2.0
"""A network, an optimizer and a loop of one's own, made private in three lines.

Scikit-learn's 1,797 handwritten digits; run as `python examples/own_network.py`.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F  # noqa: N812

from polyveil.learn import PrivateTraining

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
labels = torch.tensor(digits.target)
train, test = slice(0, 1500), slice(1500, None)

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.Tanh(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 16, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

private = PrivateTraining(
    model, optimizer, (images[train], labels[train]), epsilon=3.0, batch_size=250, epochs=20
)
for inputs, targets in private.batches():
    private.backward(F.cross_entropy(model(inputs), targets, reduction="none"))
    optimizer.step()

right = (model.eval()(images[test]).argmax(1) == labels[test]).float().mean()
print(f"{right:.1%} of {len(labels[test])} digits that were not trained on are read right.")
print(private.guarantee().sentence)
