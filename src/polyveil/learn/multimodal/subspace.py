# SPDX-License-Identifier: Apache-2.0
"""A low-rank protection: several directions of the preceding modality in place of its mean alone.

Source: Farajtabar et al. 2020, https://arxiv.org/abs/1910.07104 (orthogonal gradient descent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.errors import UsageError
from polyveil.learn.multimodal.projection import (
    FEATURES,
    GRADIENTS,
    Memory,
    Protection,
    complement,
)


@dataclass(frozen=True, slots=True)
class SubspaceProjection:
    """The preceding modality's strongest directions.

    They are the first eigenvectors of a running second moment M <- decay M + (1 - decay) X'X.

    Attributes:
      rank: how many, >= 1; below classes for gradients, whose rows sum to zero.
      reads: "gradients": X is the head's (noised) gradient, whose rows lie in the span of features
        that still pull at the head; or "features": X are the batch's features, never under privacy.
      decay: in [0, 1); how much of the earlier is kept.
    """

    rank: int = 4
    reads: str = GRADIENTS
    decay: float = 0.9
    remark: str = ""

    def __post_init__(self) -> None:
        _validate.at_least(1, rank=self.rank)
        if not 0 <= self.decay < 1:
            raise UsageError(f"decay: {self.decay!r}; expected a number in [0, 1).")
        if self.reads not in (GRADIENTS, FEATURES):
            raise UsageError(f"reads: {self.reads!r}; expected 'gradients' or 'features'.")

    def memory(self, width: int) -> Memory:
        if self.rank >= width:
            raise UsageError(f"rank: {self.rank}; expected less than the {width} directions.")
        return _Moments(self)


class _Moments:
    def __init__(self, rule: SubspaceProjection) -> None:
        self._rule = rule
        self._moments: dict[str, Tensor] = {}

    def saw(self, modality: str, seen: Tensor) -> None:
        # By length: a long batch, or a step of large gradients, does not count more.
        own = seen.t() @ seen / seen.square().sum().clamp_min(1e-300)
        known = self._moments.get(modality)
        self._moments[modality] = own if known is None else known.lerp(own, 1 - self._rule.decay)

    def after(self, preceding: str) -> Protection | None:
        moment = self._moments.get(preceding)
        if moment is None or not bool(moment.trace() > 0):
            return None
        strongest = torch.linalg.eigh(moment).eigenvectors[:, -self._rule.rank :].t()
        return Protection(complement(strongest), strongest)

    def state_dict(self) -> dict[str, Any]:
        return {"moments": dict(self._moments)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._moments = dict(state["moments"])
