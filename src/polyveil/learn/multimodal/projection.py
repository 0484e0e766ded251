# SPDX-License-Identifier: Apache-2.0
"""Which directions of the shared head a modality's step leaves alone: what the preceding one needs.

The head's output on a feature f changes by (update) f. An update U P, with P a projection onto the
complement of f, leaves the answer to f as it was. P is found by recursive least squares,

    P <- P - k k' / (a + r' k),   k = P r,   P = I at first,

where r is the mean feature of a batch of the PRECEDING modality and a + r'k is one number. With
a = 0, P becomes the exact orthogonal projection onto the complement of all r that it took in; with
a > 0 it shrinks them, to a / (a + r'r) at the first.

Two things that the formula does not say. Taken in for ever with a = 0, d different means leave
P = 0, a head that learns nothing; so the recursion begins anew at P = I over the last `horizon`
means. And the mean protects only the mean: records differ from it, so `SubspaceProjection` (in
`subspace`) keeps several directions, those that carry most of the preceding modality's features, or
of its gradients. Either is of one batch, by the encoder before its own step: while encoders move
fast, part of an update still lies in the mean that all records have by then
(`benchmarks/alternating.py`).

What P may be made of under privacy: gradients of the head that were noised anyway (free), or the
clipped mean feature, released with them (charged, `polyveil.learn.multimodal.accounting`). Raw
features are refused.

Source: Zhang et al., CVPR 2024, https://arxiv.org/abs/2311.10707 (MLA, alternating unimodal
adaptation); Zeng et al. 2019, https://arxiv.org/abs/1810.01256 (orthogonal weight modification).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.errors import UsageError

MEAN, FEATURES, GRADIENTS = "mean", "features", "gradients"
_ALREADY = 1e-12
"""A direction of which less than this share is left counts as taken in."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What one step of the head must keep to.

    Attributes:
      matrix: P, float64 [d, d]; an update U [classes, d] becomes U P.
      directions: float64 [k, d], rows that span what is to be left alone.
    """

    matrix: Tensor
    directions: Tensor


class Memory(Protocol):
    """What was seen of each modality so far."""

    def saw(self, modality: str, seen: Tensor) -> None:
        """After a modality's step; see `Projection.reads` for what it is shown, float64."""
        ...

    def after(self, preceding: str) -> Protection | None:
        """For a step that comes after this modality's; None: nothing to protect yet."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a later step depends on."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        ...


class Projection(Protocol):
    """A rule of protection, public facts alone."""

    @property
    def reads(self) -> str:
        """`MEAN` [1, d], `FEATURES` [records, d] or `GRADIENTS` [classes, d]."""
        ...

    @property
    def remark(self) -> str:
        """What whoever reads a result must be told; may be empty."""
        ...

    def memory(self, width: int) -> Memory:
        """An empty memory for features of `width` numbers, the constant 1 included."""
        ...


@dataclass(frozen=True, slots=True)
class MeanProjection:
    """Recursive least squares over mean features of the preceding modality alone.

    Attributes:
      damping: a >= 0; 0 for the exact projection.
      horizon: how many of its last means are protected, >= 1; None for all, which needs a > 0.
    """

    damping: float = 0.0
    horizon: int | None = 1
    reads: str = MEAN
    remark: str = ""

    def __post_init__(self) -> None:
        _validate.not_negative(damping=self.damping)
        if self.horizon is None and not self.damping:
            raise UsageError(
                "horizon: None with damping 0 leaves the head no direction to learn in, once it "
                "has seen as many means as features. Set a damping > 0 or a horizon."
            )
        if self.horizon is not None:
            _validate.at_least(1, horizon=self.horizon)

    def memory(self, width: int) -> Memory:
        return _Means(self, width)


class _Means:
    def __init__(self, rule: MeanProjection, width: int) -> None:
        self._rule, self._width = rule, width
        self._last = rule.horizon or 1
        self._seen: dict[str, deque[Tensor]] = {}
        self._whole: dict[str, Tensor] = {}

    def saw(self, modality: str, seen: Tensor) -> None:
        means = self._seen.setdefault(modality, deque(maxlen=self._last))
        means.append(seen.reshape(-1))
        if self._rule.horizon is None:
            known = self._whole.get(modality, _identity(self._width))
            self._whole[modality] = taken_in(known, means[-1], self._rule.damping)

    def after(self, preceding: str) -> Protection | None:
        means = self._seen.get(preceding)
        if not means:
            return None
        matrix = self._whole.get(preceding)
        if matrix is None:
            matrix = _identity(self._width)
            # The latest first: should rounding cost anything, it costs the oldest.
            for mean in reversed(means):
                matrix = taken_in(matrix, mean, self._rule.damping)
        return Protection(matrix, torch.stack(list(means)))

    def state_dict(self) -> dict[str, Any]:
        return {
            "seen": {name: list(means) for name, means in self._seen.items()},
            "whole": dict(self._whole),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._seen = {name: deque(means, self._last) for name, means in state["seen"].items()}
        self._whole = dict(state["whole"])


def taken_in(matrix: Tensor, mean: Tensor, damping: float) -> Tensor:
    """One step of the recursion: P - P r (P r)' / (a + r' P r).

    Args:
      matrix: P, float64 [d, d], symmetric.
      mean: r, float64 [d]; zeros change nothing, nor does what P has already taken in.
      damping: a >= 0.
    """
    k = matrix @ mean
    left = float(mean @ k)
    if not math.isfinite(left) or left <= _ALREADY * float(mean @ mean):
        return matrix
    return matrix - torch.outer(k, k) / (damping + left)


def complement(directions: Tensor) -> Tensor:
    """The orthogonal projection onto the complement of orthonormal rows [k, d]: float64 [d, d]."""
    return _identity(directions.shape[1]) - directions.t() @ directions


def share_inside(update: Tensor, directions: Tensor) -> float:
    """How much of an update of the head lies in the span of `directions`.

    Args:
      update: gradient or change of the weight, [classes, d].
      directions: [k, d], any rows; their span counts.

    Returns:
      ||U Q|| / ||U|| in [0, 1], in float64, Q an orthonormal basis of the span; 0 for no update.
    """
    rows = directions.double()
    _, lengths, basis = torch.linalg.svd(rows, full_matrices=False)
    basis = basis[lengths > 1e-9 * lengths.max().clamp_min(1e-300)]
    whole = update.double()
    size = float(whole.norm())
    return float((whole @ basis.t()).norm()) / size if size else 0.0


def _identity(width: int) -> Tensor:
    return torch.eye(width, dtype=torch.float64)
