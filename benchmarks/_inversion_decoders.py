# SPDX-License-Identifier: Apache-2.0
"""Decoders of the benchmark of inversion, and one that is too weak to tell anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from polyveil.attack.inversion.decoder import Pairs, Ridge, Shape, Trained
from polyveil.attack.inversion.network import Convolutional, Perceptron, Schedule

PLAN = Schedule(epochs=80, patience=6)
DECODERS = (Ridge(), Perceptron(schedule=PLAN))
ALL_DECODERS = (*DECODERS, Convolutional(width=24, schedule=PLAN))
"""The convolutional one costs most of the time, and is tried once."""


@dataclass(frozen=True)
class TwoEpochLinear:
    """The attacker that makes everything look private: one linear layer, raw inputs, two epochs."""

    name: str = "linear, two epochs"

    def suits(self, shape: Shape) -> bool:
        """Any."""
        return True

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """Adam from a random start."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            size = int(np.prod(known.shape))
            layer = nn.Linear(known.seen.shape[1], size)
            optimiser = torch.optim.Adam(layer.parameters(), 1e-3)
            errors = []
            for _ in range(2):
                for rows in torch.randperm(len(known.seen)).split(64):
                    optimiser.zero_grad()
                    wrong = layer(known.seen[rows]) - known.original[rows].flatten(1)
                    wrong.square().mean().backward()
                    optimiser.step()
                with torch.no_grad():
                    wrong = layer(held.seen) - held.original.flatten(1)
                    errors.append(float(wrong.square().mean()))

        @torch.no_grad()
        def reconstruct(seen: Tensor) -> Tensor:
            return layer(seen).reshape(-1, *known.shape)

        return Trained(self.name, reconstruct, tuple(errors), False)
