# SPDX-License-Identifier: Apache-2.0
"""One private step: clipped sums of a logical batch in, noised sums and moved thresholds out.

Everything that leaves a step leaves here. The gradient sums and the counts below the thresholds
are one Gaussian mechanism of multiplier z (`polyveil.privacy.accountant.JointNoise`); thresholds
are functions of earlier counts, so they are public when they are used.

A mechanism that promises nothing (`paper`) has the same shape, so that a loop can run either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from polyveil.errors import NotPrivate
from polyveil.learn import distributed, noise, threshold
from polyveil.learn.allocation import least_power
from polyveil.learn.clipper import GroupClipper
from polyveil.learn.contribution import Contribution
from polyveil.learn.group import Group
from polyveil.learn.noise import SecretNoise
from polyveil.learn.schedule import Schedule
from polyveil.learn.threshold import PrivateQuantile
from polyveil.privacy import accountant


class Mechanism(Protocol):
    """What happens to gradients between the backward pass and the optimizer."""

    no_guarantee: str | None
    """Why releases carry no guarantee; None where they do."""

    def begin(self, groups: tuple[Group, ...]) -> None:
        """The groups are settled; called once, before the first gradient."""
        ...

    def group(self, index: int, contributions: list[Contribution]) -> None:
        """All of one group's contributions of a physical batch, disjoint."""
        ...

    def finish(self) -> None:
        """The backward pass of a physical batch is over."""
        ...

    def clear(self) -> None:
        """Forget what came since the last release."""
        ...

    def release(self, step: int) -> dict[nn.Parameter, Tensor]:
        """Noised mean gradient, float32, of every parameter; clears what it came from."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a later step depends on; released values only."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class ClippedGaussian:
    """Clipped sums under Gaussian noise of least power, thresholds fixed or a private quantile.

    Attributes:
      thresholds: C_k by group, used in the current step; public. Empty before `begin`.
    """

    def __init__(
        self, schedule: Schedule, thresholds: PrivateQuantile | float, source: SecretNoise
    ) -> None:
        self.no_guarantee = None if schedule.noise_multiplier else "no noise was added"
        self._schedule = schedule
        self._quantile = thresholds if isinstance(thresholds, PrivateQuantile) else None
        self._start = thresholds.start if isinstance(thresholds, PrivateQuantile) else thresholds
        self._noise = source
        self._groups: tuple[Group, ...] = ()
        self._clipper = GroupClipper([])
        self._loaded: list[float] | None = None

    @property
    def thresholds(self) -> list[float]:
        return list(self._clipper.thresholds)

    def begin(self, groups: tuple[Group, ...]) -> None:
        self._groups = groups
        start = self._loaded or threshold.start_values(self._start, len(groups))
        if len(start) != len(groups):
            raise NotPrivate(
                f"the saved training has {len(start)} clipping groups, this model {len(groups)}. "
                "Resume with the model, and the clipping, that it was saved with."
            )
        self._clipper = GroupClipper(start)

    def group(self, index: int, contributions: list[Contribution]) -> None:
        self._clipper.group(index, contributions)

    def finish(self) -> None:
        """Nothing waits: groups are clipped as they come."""

    def clear(self) -> None:
        self._clipper.clear()

    def release(self, step: int) -> dict[nn.Parameter, Tensor]:
        thresholds = self._clipper.thresholds
        gradient, counts = self._shares()
        deviations = least_power(
            gradient, thresholds=thresholds, sizes=[group.size for group in self._groups]
        )
        sums = {p: self._sum_of(p) for group in self._groups for p in group.parameters}
        below = distributed.sum_over_processes(self._clipper.below.clone())
        occasion = distributed.same_text(
            noise.occasion(step, [*sums.values(), below], [*deviations, counts])
        )
        normals = self._noise.stream(
            occasion, "gradients", sum(group.size for group in self._groups)
        )
        released = {}
        for group, deviation in zip(self._groups, deviations, strict=True):
            for parameter in group.parameters:
                noised = normals.add_to(sums[parameter], deviation)
                released[parameter] = noised.div_(self._schedule.expected_batch)
        if self._quantile is not None:
            self._noise.stream(occasion, "counts", len(below)).add_to(below, counts)
            self._move(below, self._quantile)
        self._clipper.clear()
        return released

    def state_dict(self) -> dict[str, Any]:
        # Before the first pass what was loaded still waits for the groups.
        return {"thresholds": self.thresholds or list(self._loaded or ())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        values = [float(value) for value in state["thresholds"]]
        if self._groups:
            self._clipper.thresholds = values
        else:
            self._loaded = values

    def _shares(self) -> tuple[float, float]:
        """(z_g of the gradients, standard deviation of the noise on each count)."""
        z = self._schedule.noise_multiplier
        if self._quantile is None or not z:
            return z, 0.0
        joint = accountant.split(z, groups=len(self._groups), share=self._quantile.share)
        return joint.gradient, joint.counts

    def _sum_of(self, parameter: nn.Parameter) -> Tensor:
        total = self._clipper.sums.get(parameter)
        if total is None:
            total = torch.zeros(parameter.shape, device=parameter.device)
        return distributed.sum_over_processes(total.contiguous())

    def _move(self, noised_counts: Tensor, rule: PrivateQuantile) -> None:
        self._clipper.thresholds = threshold.moved(
            self._clipper.thresholds,
            noised_counts.tolist(),
            rule=rule,
            expected_batch=self._schedule.expected_batch,
        )
