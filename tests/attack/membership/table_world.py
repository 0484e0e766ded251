# SPDX-License-Identifier: Apache-2.0
"""Models that are tables: "training" writes an answer for every record, with a leak of known size.

Fast enough to carry out a whole audit in a test, through the real path (module, classifier,
hashes). Records are hard or easy for every model alike, models differ by noise, and a model that
was trained on a record is surer of it by `leak`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.membership import Candidates, Study, prepare, train_shadows, train_twin

CLASSES = 6


class Table(nn.Module):
    """Answers by the record's number, which is its first value."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, values: Tensor) -> Tensor:
        return self.logits[values[:, 0].long()]


@dataclass(frozen=True)
class World:
    """Records with a number each, and recipes that train on them.

    Attributes:
      seed: of everything but the single model.
      records: how many.
      shift: by how much the first 400 records are brighter and easier than the rest.
    """

    seed: int = 0
    records: int = 1200
    shift: float = 0.0

    @property
    def examples(self) -> Examples:
        draw = np.random.default_rng(self.seed)
        # Numbers in random order: a blind attacker must not learn members from them.
        numbers = draw.permutation(self.records)
        values = draw.normal(size=(self.records, 5)) + self._brighter(numbers)[:, None]
        inputs = np.concatenate([numbers[:, None], values], axis=1)
        labels = draw.integers(0, CLASSES, self.records)
        return Examples({"values": torch.from_numpy(inputs)}, torch.from_numpy(labels))

    def candidates(self) -> Candidates:
        """400 members, 400 non-members, 400 others."""
        all_of_them = self.examples
        third = self.records // 3
        return Candidates(
            all_of_them.at(slice(0, third)),
            all_of_them.at(slice(third, 2 * third)),
            all_of_them.at(slice(2 * third, None)),
        )

    def recipe(self, leak: float, *, hardness: int = 0, skill: float = 1.0):
        """Trains a table.

        Args:
          leak: how much surer of a record that it saw, in nats, on average twice that.
          hardness: another value is another world: other records are the hard ones.
          skill: of a model that was trained for long enough.
        """
        everyone = self.examples
        numbers, labels = self._numbers(everyone), everyone.labels.numpy()

        def train(part: Examples, seed: int) -> nn.Module:
            draw, world = (np.random.default_rng([self.seed, n]) for n in (7 + seed, hardness))
            base = world.normal(0, 1, (self.records, CLASSES))
            base[numbers, labels] += skill * (world.normal(2, 1.5, self.records))
            base[numbers, labels] += self._brighter(numbers)
            seen = np.isin(numbers, self._numbers(part))
            gain = leak * seen * (1 + draw.exponential(1, self.records))
            base += draw.normal(0, 0.5, base.shape)
            base[numbers, labels] += gain
            return Table(torch.from_numpy(base))

        return train

    def _numbers(self, part: Examples) -> np.ndarray:
        return part.inputs["values"][:, 0].long().numpy()

    def _brighter(self, numbers: np.ndarray) -> np.ndarray:
        draw = np.random.default_rng(self.seed)
        return self.shift * np.isin(numbers, draw.permutation(self.records)[: self.records // 3])


def a_study(
    world: World, *, shadow_recipe=None, models: int = 8, leak: float = 1.0, with_twin: bool = True
) -> Study:
    """Candidates, shadow models of the same recipe unless another is given, a twin."""
    candidates = world.candidates()
    shadows = train_shadows(
        shadow_recipe or world.recipe(leak), candidates, models, seed=world.seed
    )
    twin = train_twin(world.recipe(4.0), candidates, seed=10_001) if with_twin else None
    return prepare(candidates, shadows=shadows, twin=twin, key=b"key")


def a_target(world: World, *, leak: float = 1.0) -> Classifier:
    """A model trained on the members."""
    return Classifier(world.recipe(leak)(world.candidates().members, 20_002))
