# SPDX-License-Identifier: Apache-2.0
"""What one use of a convolution's weight and bias adds to every record's gradient.

Gradients of single records exist only for a chunk of records at a time, small enough to stay in
cache: they are measured, weighted and summed there, and the next chunk takes their place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from polyveil.learn.contribution import ClipRule, Contribution, joined_per_record
from polyveil.learn.rules.convolution_factors import Factors

# Bytes of gradients held at a time: half of a core's second-level cache of 1 MiB.
_CHUNK_BYTES = 1 << 19


class Convolution:
    """The contribution of a convolution's weight and bias, either of which may be frozen.

    Several uses of one weight are several factors, whose gradients are added record by record.
    """

    def __init__(
        self,
        weight: nn.Parameter | None,
        bias: nn.Parameter | None,
        factors: tuple[Factors, ...],
    ) -> None:
        self._weight, self._bias = weight, bias
        self._factors = factors

    @property
    def parameters(self) -> tuple[nn.Parameter, ...]:
        return tuple(one for one in (self._weight, self._bias) if one is not None)

    @property
    def records(self) -> int:
        return self._factors[0].records

    @property
    def _numbers(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)

    @property
    def _device(self) -> torch.device:
        return self._factors[0].image.device

    def squared_norms(self) -> Tensor:
        return torch.cat([_squared(flat) for _, flat in self._chunks()])

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        return self._pass(lambda start, flat: weights[start : start + len(flat)])

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        norms = torch.zeros(self.records, device=self._device)

        def weigh(start: int, flat: Tensor) -> Tensor:
            norms[start : start + len(flat)] = _squared(flat)
            return rule(norms)[start : start + len(flat)]

        total = self._pass(weigh)
        return norms, total

    def per_record(self) -> tuple[Tensor, ...]:
        return self._split(torch.cat([flat for _, flat in self._chunks()]))

    def joined(self, other: Contribution) -> Contribution:
        if (
            isinstance(other, Convolution)
            and other._weight is self._weight
            and other._bias is self._bias
        ):
            factors = self._factors + other._factors
            return Convolution(self._weight, self._bias, factors)
        return joined_per_record(self, other)

    def _pass(self, weigh: Callable[[int, Tensor], Tensor]) -> tuple[Tensor, ...]:
        total = torch.zeros(self._numbers, device=self._device)
        for start, flat in self._chunks():
            weights = weigh(start, flat)
            if not bool(torch.isfinite(flat).all()):
                flat = flat.masked_fill((weights == 0)[:, None], 0.0)
            total.addmv_(flat.T, weights)
        return tuple(one[0] for one in self._split(total[None]))

    def _chunks(self) -> Iterator[tuple[int, Tensor]]:
        """(first record, its chunk's gradients float32 [chunk, numbers])."""
        step = max(1, _CHUNK_BYTES // (4 * self._numbers))
        for start in range(0, self.records, step):
            yield start, self._gradients(start, min(start + step, self.records))

    def _gradients(self, start: int, stop: int) -> Tensor:
        parts: list[Tensor] = []
        if self._weight is not None:
            parts.append(_sum(one.gradients(start, stop).flatten(1) for one in self._factors))
        if self._bias is not None:
            parts.append(_sum(self._bias_gradients(one, start, stop) for one in self._factors))
        return torch.cat(parts, 1).float() if len(parts) > 1 else parts[0].float()

    def _bias_gradients(self, factors: Factors, start: int, stop: int) -> Tensor:
        chunk = factors.output[start * factors.rows : stop * factors.rows]
        return chunk.reshape(stop - start, factors.rows, chunk.shape[1], -1).float().sum((1, 3))

    def _split(self, flat: Tensor) -> tuple[Tensor, ...]:
        """[n, numbers] -> one [n, *shape] a parameter."""
        shapes = [parameter.shape for parameter in self.parameters]
        parts = torch.split(flat, [math.prod(shape) for shape in shapes], 1)
        return tuple(part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True))


def _sum(parts: Iterable[Tensor]) -> Tensor:
    return functools.reduce(torch.add, parts)


def _squared(flat: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(flat, dim=1)
    return norms.square()
