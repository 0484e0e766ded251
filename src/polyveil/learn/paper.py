# SPDX-License-Identifier: Apache-2.0
"""Yang's hierarchical clipping and noise as printed, for reproduction. It guarantees nothing.

Every record's layer gradients are clipped at the median of that record's own layer norms, Z_u
(equations 9 and 10), and every record brings noise of deviation sigma (Z_u + alpha) (12 and 13).
Both follow the data: the sensitivity of Z_u is unbounded, so the noise is calibrated to nothing,
and its size itself tells about the records. `PrivateQuantile` is the sound way to the same end.

The text leaves open: alpha (here .001), how a batch of random size is divided by M (here its
realised size), and what happens in an empty batch (here noise of deviation sigma alpha).

Source: S5 (Yang), section 3.1 and 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from polyveil.learn import distributed, noise
from polyveil.learn.clipper import add_to, clip_weights
from polyveil.learn.contribution import Contribution
from polyveil.learn.group import Group
from polyveil.learn.noise import SecretNoise

ALPHA = 1e-3
NO_GUARANTEE = (
    "paper mode: clipping at the median of each record's own layer norms and noise in proportion "
    "to it depend on the data, so the noise is calibrated to no sensitivity"
)


class MedianOfNorms:
    """The printed mechanism; same shape as `polyveil.learn.mechanism.ClippedGaussian`.

    Args:
      noise_multiplier: sigma >= 0, the printed delta of equation 13.
      source: where normal numbers come from.
    """

    def __init__(self, noise_multiplier: float, source: SecretNoise) -> None:
        self.no_guarantee: str | None = NO_GUARANTEE
        self._multiplier = noise_multiplier
        self._noise = source
        self._groups: tuple[Group, ...] = ()
        self._waiting: dict[int, list[Contribution]] = {}
        self.clear()

    def begin(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups

    def group(self, index: int, contributions: list[Contribution]) -> None:
        self._waiting[index] = contributions

    def finish(self) -> None:
        """All layers' norms are known now: clip each record's layers at their median."""
        norms = {
            index: torch.stack([one.squared_norms() for one in parts]).sum(0).sqrt()
            for index, parts in self._waiting.items()
        }
        if not norms:
            return
        median = torch.quantile(torch.stack(list(norms.values())), 0.5, dim=0)
        for index, parts in self._waiting.items():
            # A record whose median is 0 keeps nothing: 0 / 0 is 0 here.
            ratio = norms[index] / median.clamp(min=1e-30)
            weights = clip_weights(ratio.square(), 1.0)
            for one in parts:
                add_to(self._sums, one, one.weighted_sum(weights))
        self._waiting.clear()
        scale = torch.nan_to_num(median, nan=0.0, posinf=0.0) + ALPHA
        self._variance += float(scale.square().sum())
        self._count += median.shape[0]

    def clear(self) -> None:
        self._sums: dict[nn.Parameter, Tensor] = {}
        self._variance = 0.0
        self._count = 0

    def release(self, step: int) -> dict[nn.Parameter, Tensor]:
        totals = distributed.sum_over_processes(torch.tensor([self._variance, self._count]))
        variance, count = totals.tolist()
        deviation = self._multiplier * max(variance, ALPHA**2) ** 0.5
        hidden = {p: self._sum_of(p) for group in self._groups for p in group.parameters}
        occasion = distributed.same_text(noise.occasion(step, hidden.values(), [deviation]))
        normals = self._noise.stream(
            occasion, "gradients", sum(one.numel() for one in hidden.values())
        )
        released = {
            parameter: normals.add_to(total, deviation).div_(max(count, 1.0))
            for parameter, total in hidden.items()
        }
        self.clear()
        return released

    def _sum_of(self, parameter: nn.Parameter) -> Tensor:
        total = self._sums.get(parameter)
        if total is None:
            total = torch.zeros(parameter.shape, device=parameter.device)
        return distributed.sum_over_processes(total.contiguous())

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing outlives a step."""
