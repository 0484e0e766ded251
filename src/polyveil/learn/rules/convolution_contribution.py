# SPDX-License-Identifier: Apache-2.0
"""What one use of a convolution's weight and bias adds to every record's gradient.

Gradients of single records exist only for a chunk of records at a time, small enough to stay in
cache: they are measured, weighted and summed there, and the next chunk takes their place
(`convolution_products`). Where there are few positions, their lengths come cheaper from Gram
matrices (`convolution_gram`), and the weighted sum is then the backend's own weight gradient of
signals that are scaled record by record. Which way is fastest is measured once for each shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from polyveil.learn import choice
from polyveil.learn.contribution import ClipRule, Contribution, joined_per_record
from polyveil.learn.rules import convolution_gram
from polyveil.learn.rules.convolution_factors import Factors
from polyveil.learn.rules.convolution_products import Grouped, Patches, Products, Several

# Bytes of gradients or patches held at a time. A core's second-level cache has about 1 MiB, but
# larger chunks mean fewer calls.
_SMALL, _LARGE = 1 << 19, 5 << 18
# Records that ways are timed on.
_TRIAL = 32


class Convolution:
    """The contribution of a convolution's weight, and its bias where that one is trained too.

    Args:
      weight: the weight, trainable.
      bias: the bias if there is one and it is trainable.
      factors: those of the weight gradient, one a use; their gradients are added by record.
      offsets: float32 [records, channels], each record's gradient of the bias.
    """

    def __init__(
        self,
        weight: nn.Parameter,
        bias: nn.Parameter | None,
        factors: tuple[Factors, ...],
        offsets: Tensor | None,
    ) -> None:
        self._weight, self._bias = weight, bias
        self._factors = factors
        self._offsets = offsets if bias is not None else None

    @property
    def parameters(self) -> tuple[nn.Parameter, ...]:
        return (self._weight,) if self._bias is None else (self._weight, self._bias)

    @property
    def records(self) -> int:
        return self._factors[0].records

    def squared_norms(self) -> Tensor:
        ways: dict[str, Callable[[Convolution], Tensor]] = {
            name: partial(_measured, make) for name, make in _makers(self._factors).items()
        }
        if self._gram_allowed():
            ways["gram"] = Convolution._gram_norms
        return ways[self._choose("norms", ways)](self)

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        total = self._weighted(self._factors, self._offsets, weights)
        if not torch.isfinite(torch.stack([one.sum() for one in total])).all():
            # 0 x inf is NaN in IEEE 754; a record of weight 0 must leave no trace.
            out = weights == 0
            factors = tuple(one.without(out) for one in self._factors)
            offsets = self._offsets
            if offsets is not None:
                offsets = offsets.masked_fill(out[:, None], 0.0)
            total = self._weighted(factors, offsets, weights)
        return total

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As in the protocol; `rule` must treat records alone, for it also sees partial norms."""
        ways: dict[str, Callable[[Convolution, ClipRule], tuple[Tensor, tuple[Tensor, ...]]]] = {
            name: partial(_in_one_pass, make) for name, make in _makers(self._factors).items()
        }
        if self._gram_allowed():
            ways["gram"] = Convolution._in_two_passes
        trials = {name: partial(_with_ones, way) for name, way in ways.items()}
        norms, total = ways[self._choose("clip", trials)](self, rule)
        if not torch.isfinite(norms).all():
            total = self.weighted_sum(rule(norms))
        return norms, total

    def per_record(self) -> tuple[Tensor, ...]:
        products = _products(lambda one: Grouped(one, _SMALL), self._factors)
        parts = [
            products.fold(products.gradients(start, min(start + products.step, self.records)))
            for start in range(0, self.records, products.step)
        ]
        weight = torch.cat(parts).float()
        return (weight,) if self._offsets is None else (weight, self._offsets)

    def joined(self, other: Contribution) -> Contribution:
        if not isinstance(other, Convolution) or other.parameters != self.parameters:
            return joined_per_record(self, other)
        offsets = self._offsets
        if offsets is not None and other._offsets is not None:
            offsets = offsets + other._offsets
        return Convolution(self._weight, self._bias, self._factors + other._factors, offsets)

    def first(self, records: int) -> Convolution:
        """The contribution of the first records alone."""
        factors = tuple(one.chunk(0, records) for one in self._factors)
        offsets = None if self._offsets is None else self._offsets[:records]
        return Convolution(self._weight, self._bias, factors, offsets)

    def offset_norms(self) -> Tensor:
        """Squared lengths of the bias gradients, float32 [records]; zeros without a bias."""
        if self._offsets is None:
            return torch.zeros(self.records, device=self._factors[0].image.device)
        return self._offsets.square().sum(1)

    def products(self, make: Callable[[Factors], Products]) -> Products:
        return _products(make, self._factors)

    def with_offsets(self, weight: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """The weighted sums, that of the bias gradients added to the given one."""
        return (weight,) if self._offsets is None else (weight, weights @ self._offsets)

    def _weighted(
        self, factors: tuple[Factors, ...], offsets: Tensor | None, weights: Tensor
    ) -> tuple[Tensor, ...]:
        weight = torch.stack([one.weighted_sum(weights) for one in factors]).sum(0).float()
        return (weight,) if offsets is None else (weight, weights @ offsets)

    def _gram_allowed(self) -> bool:
        return len(self._factors) == 1 and convolution_gram.worth_trying(self._factors[0])

    def _gram_norms(self) -> Tensor:
        return convolution_gram.squared_norms(self._factors[0]) + self.offset_norms()

    def _in_two_passes(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        norms = self._gram_norms()
        return norms, self._weighted(self._factors, self._offsets, rule(norms))

    def _choose(self, purpose: str, ways: Mapping[str, Callable[[Convolution], object]]) -> str:
        shapes = tuple(
            (one.image.shape[1:], one.signal.shape[1:], one.geometry, one.channels_last, one.rows)
            for one in self._factors
        )
        trial = self.first(min(self.records, _TRIAL))
        timed = {name: partial(way, trial) for name, way in ways.items()}
        device = self._factors[0].image.device.type
        key = ("convolution", purpose, self._factors[0].image.dtype, shapes)
        return choice.fastest(key, timed, device=device)


def _makers(factors: tuple[Factors, ...]) -> dict[str, Callable[[Factors], Products]]:
    """The ways to single records' gradients that are worth timing."""
    return {
        "groups": lambda one: Grouped(one, _SMALL),
        "large groups": lambda one: Grouped(one, _LARGE),
        "patches": lambda one: Patches(one, _SMALL),
    }


def _products(make: Callable[[Factors], Products], factors: tuple[Factors, ...]) -> Products:
    uses = tuple(make(one) for one in factors)
    return uses[0] if len(uses) == 1 else Several(uses, factors[0].geometry.weight)


def _measured(make: Callable[[Factors], Products], of: Convolution) -> Tensor:
    """Squared lengths of the records' gradients."""
    products, norms = of.products(make), of.offset_norms()
    for start in range(0, of.records, products.step):
        stop = min(start + products.step, of.records)
        norms[start:stop] += _squared(products.gradients(start, stop))
    return norms


def _in_one_pass(
    make: Callable[[Factors], Products], of: Convolution, rule: ClipRule
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Each chunk measured, weighted and summed before the next one is computed."""
    products, norms = of.products(make), of.offset_norms()
    total: Tensor | None = None
    for start in range(0, of.records, products.step):
        stop = min(start + products.step, of.records)
        flat = products.gradients(start, stop)
        norms[start:stop] += _squared(flat)
        weights = rule(norms)[start:stop].to(flat.dtype)
        total = torch.mv(flat.mT, weights) if total is None else total.addmv_(flat.mT, weights)
    if total is None:
        total = norms.new_zeros(0)
    return norms, of.with_offsets(products.fold(total[None])[0].float(), rule(norms))


def _with_ones(
    way: Callable[[Convolution, ClipRule], tuple[Tensor, tuple[Tensor, ...]]], of: Convolution
) -> tuple[Tensor, tuple[Tensor, ...]]:
    return way(of, torch.ones_like)


def _squared(flat: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(flat, dim=1)
    return norms.square_().float()
