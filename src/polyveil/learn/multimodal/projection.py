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
means. And the mean protects only the mean: records differ from it, so `SubspaceProjection` keeps
several directions, those that carry most of the preceding modality's features, or of its gradients.
Either is of one batch, by the encoder before its own step: while encoders move fast, part of an
update still lies in the mean that all records have by then (`benchmarks/alternating.py`).

What P may be made of under privacy: gradients of the head that were noised anyway (free), or the
clipped mean feature, released with them (charged, `polyveil.learn.multimodal.accounting`). Raw
features are refused.

Source: Zhang et al., CVPR 2024, https://arxiv.org/abs/2311.10707 (MLA, alternating unimodal
adaptation); Zeng et al. 2019, https://arxiv.org/abs/1810.01256 (orthogonal weight modification);
Farajtabar et al. 2020, https://arxiv.org/abs/1910.07104 (orthogonal gradient descent).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

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
        self._seen: dict[str, deque[Tensor]] = {}
        self._whole: dict[str, Tensor] = {}

    def saw(self, modality: str, seen: Tensor) -> None:
        means = self._seen.setdefault(modality, deque(maxlen=self._rule.horizon or 1))
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


@dataclass(frozen=True, slots=True)
class SubspaceProjection:
    """The preceding modality's strongest directions, several of them: a low-rank protection.

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
