# SPDX-License-Identifier: Apache-2.0
"""Two projections that do not protect, to stand beside those that do: at random, and as published.

The code that was published with MLA differs from its formula: the projection is applied to a
parameter named "module.weight", which the head does not have, so nothing is projected; the
denominator is a + k r' with k a column and r' a row, a matrix by which k k' is divided entry by
entry; and P is divided by its Frobenius norm after every step.

Source: Cecile-hi/Multimodal-Learning-with-Alternating-Unimodal-Adaptation, utils/utils.py, read in
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.learn.multimodal.draws import Draws
from polyveil.learn.multimodal.projection import MEAN, Memory, Protection, complement

_FIRST_DAMPING = 0.1


@dataclass(frozen=True, slots=True)
class RandomProjection:
    """As many directions as a protection would keep, but drawn at random, anew for every step.

    Attributes:
      rank: how many, >= 1.
      seed: of the draws.
    """

    rank: int = 1
    seed: int = 0
    reads: str = MEAN
    remark: str = "projection: directions drawn at random; a control that protects nothing"

    def __post_init__(self) -> None:
        _validate.at_least(1, rank=self.rank)

    def memory(self, width: int) -> Memory:
        return _Drawn(self, width)


class _Drawn:
    def __init__(self, rule: RandomProjection, width: int) -> None:
        self._draws = Draws(rule.seed)
        self._shape = (width, rule.rank)
        self._last: dict[str, Tensor] = {}

    def saw(self, modality: str, seen: Tensor) -> None:
        self._last[modality] = seen

    def after(self, preceding: str) -> Protection | None:
        if preceding not in self._last:
            return None
        drawn = self._draws.normal(self._shape, torch.float64)
        return Protection(complement(torch.linalg.qr(drawn).Q.t()), self._last[preceding])

    def state_dict(self) -> dict[str, Any]:
        return {"draws": self._draws.state_dict(), "last": dict(self._last)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._draws.load_state_dict(state["draws"])
        self._last = dict(state["last"])


@dataclass(frozen=True, slots=True)
class PublishedProjection:
    """The published code's recursion, for comparison.

    Attributes:
      applied: False as published, where the name mismatch leaves every step as it was; True for
        what its arithmetic does once the name is right.
    """

    applied: bool = False
    reads: str = MEAN
    remark: str = "projection: as in the published code, which protects nothing; for comparison"

    def memory(self, width: int) -> Memory:
        return _Published(self, width)


class _Published:
    def __init__(self, rule: PublishedProjection, width: int) -> None:
        self._applied = rule.applied
        self._matrix = torch.eye(width, dtype=torch.float64)
        self._last: dict[str, Tensor] = {}

    def saw(self, modality: str, seen: Tensor) -> None:
        self._last[modality] = seen
        if self._applied:
            row = seen.reshape(1, -1)
            k = self._matrix @ row.t()
            changed = self._matrix - (k @ k.t()) / (_FIRST_DAMPING + k @ row)
            self._matrix = (changed / changed.norm()).nan_to_num(0.0, 0.0, 0.0)

    def after(self, preceding: str) -> Protection | None:
        if preceding not in self._last:
            return None
        return Protection(self._matrix, self._last[preceding])

    def state_dict(self) -> dict[str, Any]:
        return {"matrix": self._matrix, "last": dict(self._last)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._matrix, self._last = state["matrix"], dict(state["last"])
