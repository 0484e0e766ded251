# SPDX-License-Identifier: Apache-2.0
"""How a model comes out of records: the recipe that an attacker reruns, or poisons.

A recipe is any function of records and a seed, so that a private training engine is attacked in
the same words as a plain one. `PlainTraining` is one that learns most small tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil import _validate
from polyveil.attack.classifier import Call, call
from polyveil.attack.examples import Examples, Inputs

Recipe: TypeAlias = Callable[[Examples, int], nn.Module]
"""(records, seed) -> a trained module; the records are the recipe's to read, not to change."""

SoftRecipe: TypeAlias = Callable[[Inputs, Tensor, int], nn.Module]
"""(inputs, probabilities (n, classes), seed) -> a module trained to answer so."""


@dataclass(frozen=True, slots=True)
class PlainTraining:
    """Adam with a rate that falls to zero, on cross-entropy. A `Recipe`.

    Attributes:
      make: builds an untrained module.
      epochs: passes over the records.
      rate: first learning rate.
      batch: records a step, about.
      calling: how the module is called; by default one input by position, several by name.
    """

    make: Callable[[], nn.Module]
    epochs: int = 10
    rate: float = 2e-3
    batch: int = 64
    calling: Call = call

    def __post_init__(self) -> None:
        _validate.at_least(1, epochs=self.epochs, batch=self.batch)
        _validate.positive(rate=self.rate)

    def __call__(self, examples: Examples, seed: int) -> nn.Module:
        """A module trained on labelled records."""
        return self.fitted(examples.inputs, examples.labels, seed)

    def fitted(self, inputs: Inputs, targets: Tensor, seed: int) -> nn.Module:
        """A module trained on labels int64 (n,), or on probabilities (n, classes); a `SoftRecipe`.

        Nothing of the global randomness is left changed.
        """
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = self.make()
            module.train()
            optimizer = torch.optim.Adam(module.parameters(), lr=self.rate)
            # Pieces of nearly one size: a last batch of one record breaks batch normalisation.
            pieces = max(1, round(len(targets) / self.batch))
            steps = self.epochs * pieces
            for step in range(steps):
                if step % pieces == 0:
                    rows = torch.randperm(len(targets)).tensor_split(pieces)
                now = rows[step % pieces]
                optimizer.param_groups[0]["lr"] = self.rate * (1 - step / steps)
                logits = self.calling(module, {name: one[now] for name, one in inputs.items()})
                optimizer.zero_grad()
                functional.cross_entropy(logits, targets[now]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        return module.eval()


def trained(recipe: Recipe, examples: Examples, seed: int) -> nn.Module:
    """The recipe's module, the global randomness left as it was, whatever the recipe does."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return recipe(examples, seed).eval()
