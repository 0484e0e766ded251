# SPDX-License-Identifier: Apache-2.0
"""Omni-dimensional dynamic convolution (ODConv), in one and two dimensions.

    y = a_filter * [ (sum_i a_kernel,i a_spatial W_i) conv (a_channel * x) ]

Every record has a kernel of its own, mixed from K learned ones, so this is no convolution that a
backend knows. But all that is a record's own are factors, and they can stand anywhere: spatial and
channel attention go to what the kernel sees (unfold), kernel and filter attention to what comes
out. Between them is one plain convolution of one place by weights that all records share:

    y = a_filter * sum_i a_kernel,i W_i (a_spatial * a_channel * patches of x)

So nobody ever holds a kernel a record, batches of any size export, and private training knows the
gradients record by record without a fall-back. Mixing kernels first and multiplying batched
matrices took, at batch 64 and 32 x 64 channels, 3 to 5 times as long.

Costs several times a plain convolution on a processor, and K times as much with K kernels: prefer
K = 1, small maps and late layers.

Source: Li, Zhou & Yao, ICLR 2022, https://openreview.net/forum?id=DmpCfq6Mg39
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.odconv_attention import OmniAttention

REDUCTION = 1 / 16


@dataclass(frozen=True, slots=True)
class ODConvConfig:
    """Shape of the convolution; public facts, checked on construction.

    Attributes:
      channels: C_in.
      filters: C_out.
      kernel: its size, (length,) for one dimension, (height, width) for two.
      stride, padding, dilation: of every dimension, as in torch.nn.Conv1d and Conv2d; zeros pad.
      groups: divides channels and filters.
      kernels: K, how many kernels a record mixes its own from.
      reduction: descriptor's width as a share of C_in, at least 16 in all.
    """

    channels: int
    filters: int
    kernel: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    kernels: int = 1
    reduction: float = REDUCTION

    def __post_init__(self) -> None:
        for option in ("channels", "filters", "stride", "dilation", "groups", "kernels"):
            checks.at_least(option, getattr(self, option), 1)
        checks.at_least("padding", self.padding, 0)
        if len(self.kernel) not in (1, 2):
            raise UsageError(f"kernel: {self.kernel!r}; expected (length,) or (height, width).")
        for size in self.kernel:
            checks.at_least("kernel", size, 1)
        if self.channels % self.groups or self.filters % self.groups:
            raise UsageError(
                f"groups: {self.groups} does not divide {self.channels} channels and "
                f"{self.filters} filters."
            )
        if not 0 < self.reduction <= 1:
            raise UsageError(f"reduction: {self.reduction!r}; expected a number in (0, 1].")

    @property
    def positions(self) -> int:
        """Of the kernel."""
        return math.prod(self.kernel)

    @property
    def depthwise(self) -> bool:
        """Whether every filter sees one channel, its own."""
        return self.groups == self.channels == self.filters

    def output(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Space of the output for this space of the input."""
        return tuple(
            (one + 2 * self.padding - self.dilation * (kernel - 1) - 1) // self.stride + 1
            for one, kernel in zip(size, self.kernel, strict=True)
        )


class ODConv(nn.Module):
    """float32 [records, C_in, *space] -> [records, C_out, *space of the output]; no bias.

    Every record is convolved with its own kernel and nothing of another record.

    Attributes:
      attention: `OmniAttention`; its temperature is set by `anneal`.
      weight: [C_out * K, C_in / groups * positions, 1], the K kernels of a filter side by side.
    """

    def __init__(self, config: ODConvConfig) -> None:
        super().__init__()
        self.config = config
        self.attention = OmniAttention(
            config.channels,
            0 if config.depthwise else config.filters,
            config.positions,
            config.kernels,
            config.reduction,
        )
        seen = config.channels // config.groups * config.positions
        self.weight = nn.Parameter(torch.empty(config.filters * config.kernels, seen, 1))
        nn.init.normal_(self.weight, std=math.sqrt(2 / seen))

    def forward(self, x: Tensor) -> Tensor:
        config, found = self.config, self.attention(x)
        factors = found.channel.unsqueeze(2)
        if found.spatial is not None:
            factors = factors * found.spatial.unsqueeze(1)
        patches = self._patches(x) * factors.flatten(1).unsqueeze(2)
        y = functional.conv1d(patches, self.weight, groups=config.groups)
        if found.kernel is not None:
            each = y.reshape(-1, config.filters, config.kernels, y.shape[2])
            y = (each * found.kernel[:, None, :, None]).sum(2)
        if found.filter is not None:
            y = y * found.filter.unsqueeze(2)
        return y.reshape(-1, config.filters, *config.output(tuple(x.shape[2:])))

    def _patches(self, x: Tensor) -> Tensor:
        """What the kernel sees, [records, C_in * positions, places]."""
        config = self.config
        padding, dilation, stride = config.padding, config.dilation, config.stride
        if torch.compiler.is_exporting():
            return self._shifted(x)
        if len(config.kernel) == 2:
            return functional.unfold(x, config.kernel, dilation, padding, stride)
        # unfold knows pictures alone: a sequence is a picture one pixel high.
        flat = x.unsqueeze(2), (1, *config.kernel), (1, dilation), (0, padding), (1, stride)
        return functional.unfold(*flat)

    def _shifted(self, x: Tensor) -> Tensor:
        """The same as slices: exported, unfold gathers number by number, several times as long."""
        config = self.config
        space = config.output(tuple(x.shape[2:]))
        x = functional.pad(x, (config.padding, config.padding) * len(space))
        seen = []
        for at in product(*(range(size) for size in config.kernel)):
            starts = [one * config.dilation for one in at]
            ends = [a + (n - 1) * config.stride + 1 for a, n in zip(starts, space, strict=True)]
            where = (slice(a, b, config.stride) for a, b in zip(starts, ends, strict=True))
            seen.append(x[(slice(None), slice(None), *where)].flatten(2))
        return torch.stack(seen, 2).flatten(1, 2)

    def extra_repr(self) -> str:
        c = self.config
        return f"{c.channels}, {c.filters}, kernel={c.kernel}, stride={c.stride}, K={c.kernels}"
