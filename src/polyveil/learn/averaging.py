# SPDX-License-Identifier: Apache-2.0
"""A running mean of the weights of all steps: less noise in what is released, for free.

Every step's weights are already released under the guarantee, so any function of them costs no
further budget (post-processing). The noise of single steps averages out; the signal stays.

The decay grows from 0 with the steps, so that the first weights, which are random, do not linger.

Source: Polyak & Juditsky 1992; De et al. 2022, https://arxiv.org/abs/2204.13650 (under privacy).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """mean <- d mean + (1 - d) weights, with d = min(decay, steps / (steps + 9)).

    Args:
      model: its trainable parameters are averaged; buffers stay the model's own.
      decay: in [0, 1); 0 keeps the last weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"expected 0 <= decay < 1, got {decay}.")
        self._decay, self._steps = decay, 0
        self._live = {
            name: value for name, value in model.named_parameters() if value.requires_grad
        }
        self._mean = {name: value.detach().clone() for name, value in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now; once a step."""
        kept = min(self._decay, self._steps / (self._steps + 9))
        self._steps += 1
        for name, value in self._live.items():
            self._mean[name].lerp_(value, 1 - kept)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the model has the mean as its weights; afterwards its own again."""
        own = {name: value.detach().clone() for name, value in self._live.items()}
        self._put(self._mean)
        try:
            yield
        finally:
            self._put(own)

    def apply(self) -> None:
        """The model's weights become the mean, for good."""
        self._put(self._mean)

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"steps": self._steps, "mean": dict(self._mean)}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
          ValueError: it is of another model.
        """
        mean, steps = state.get("mean"), state.get("steps")
        if not isinstance(mean, Mapping) or not isinstance(steps, int):
            raise ValueError("expected the state of a weight average.")
        if set(mean) != set(self._mean):
            raise ValueError("expected the mean of this model's parameters, got other names.")
        self._steps = steps
        for name, value in mean.items():
            self._mean[name].copy_(value)

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._live[name].copy_(value)
