# SPDX-License-Identifier: Apache-2.0
"""Trainings that an attacker runs himself: on labels, or on the answers of a model that he copies.

What he attacks comes as a `Recipe` of its owner's, so that a private engine is attacked in the same
words as a plain one. Here is what he has of his own: a plain training that learns most small tasks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil import _validate
from polyveil.attack.classifier import Call, call
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.recipe import Recipe, trained
from polyveil.errors import UsageError

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


def labels_only(recipe: Recipe) -> SoftRecipe:
    """A thief's training by a recipe that takes labels: the likeliest class of each answer."""

    def train(inputs: Inputs, probabilities: Tensor, seed: int) -> nn.Module:
        return trained(recipe, Examples(inputs, probabilities.argmax(1)), seed)

    return train


def like(module: nn.Module) -> Callable[[], nn.Module]:
    """Builds untrained modules of the same form, for an attacker who knows the architecture.

    Raises:
      UsageError: a part holds weights that it cannot draw anew; then pass a builder of your own.
    """
    for name, part in module.named_modules():
        own = next(part.parameters(recurse=False), None)
        if own is not None and not hasattr(part, "reset_parameters"):
            raise UsageError(
                f"model, part {name or type(part).__name__!r}: has weights but no "
                "reset_parameters(); expected a way to draw them anew. Pass a function that builds "
                "the model untrained."
            )

    def build() -> nn.Module:
        fresh = copy.deepcopy(module)
        for part in fresh.modules():
            redraw = getattr(part, "reset_parameters", None)
            if callable(redraw):
                redraw()
        return fresh.requires_grad_(True)

    return build
