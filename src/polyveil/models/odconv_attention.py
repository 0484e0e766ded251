# SPDX-License-Identifier: Apache-2.0
"""The four attentions of omni-dimensional dynamic convolution, from one squeezed descriptor.

    s = relu(norm(FC(mean over space of x))),  width max(floor(r C_in), 16)
    channel = sigmoid(FC(s)/T), filter = sigmoid(FC(s)/T), spatial = sigmoid(FC(s)/T),
    kernel = softmax(FC(s)/T)

An attention with nothing to choose is left out: spatial for a kernel of one position, kernel for
one kernel, filter for a depthwise convolution (there the channel attention already does it).

The norm is GroupNorm with one group, not the reference's BatchNorm: that one mixes records, which
private training refuses, and fails on a batch of one record.

T starts high, so that all kernels learn, and falls to 1 (`anneal`). T is kept with the weights: a
network that is loaded goes on where it was saved.

Source: Li, Zhou & Yao, ICLR 2022, https://openreview.net/forum?id=DmpCfq6Mg39
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError

HOT, COLD = 30.0, 1.0
ANNEALED_BY = 10.0
"""Epochs until the temperature has fallen from `HOT` to `COLD`."""

NARROWEST = 16
"""Least width of the descriptor."""


class Attentions(NamedTuple):
    """What one record's convolution is weighted by; None: nothing to choose, all ones.

    Attributes:
      channel: float32 [records, C_in], in (0, 1): input channels.
      filter: float32 [records, C_out], in (0, 1): output channels.
      spatial: float32 [records, positions of the kernel], in (0, 1).
      kernel: float32 [records, kernels], >= 0, rows sum to 1.
    """

    channel: Tensor
    filter: Tensor | None
    spatial: Tensor | None
    kernel: Tensor | None


class OmniAttention(nn.Module):
    """float32 [records, C_in, *space] -> `Attentions`; every record alone.

    Args:
      channels: C_in.
      filters: C_out; 0: no filter attention.
      positions: of the kernel, 9 for 3 x 3; 1: no spatial attention.
      kernels: how many there are to choose from; 1: no kernel attention.
      reduction: descriptor's width as a share of C_in, at least 16 in all.
    """

    temperature: Tensor

    def __init__(
        self, channels: int, filters: int, positions: int, kernels: int, reduction: float
    ) -> None:
        super().__init__()
        width = max(math.floor(reduction * channels), NARROWEST)
        self.squeeze = nn.Linear(channels, width, bias=False)
        self.norm = nn.GroupNorm(1, width)
        self.channel = _head(width, channels)
        self.filter = _head(width, filters) if filters else None
        self.spatial = _head(width, positions) if positions > 1 else None
        self.kernel = _head(width, kernels) if kernels > 1 else None
        self.register_buffer("temperature", torch.tensor(COLD))

    def forward(self, x: Tensor) -> Attentions:
        s = functional.relu(self.norm(self.squeeze(x.flatten(2).mean(2))))
        return Attentions(
            torch.sigmoid(self.channel(s) / self.temperature),
            None if self.filter is None else torch.sigmoid(self.filter(s) / self.temperature),
            None if self.spatial is None else torch.sigmoid(self.spatial(s) / self.temperature),
            None if self.kernel is None else torch.softmax(self.kernel(s) / self.temperature, 1),
        )

    def set_temperature(self, temperature: float) -> None:
        """From now on: high makes all attentions equal, 1 is that of use.

        Raises:
          UsageError: not a finite number > 0.
        """
        if not (math.isfinite(temperature) and temperature > 0):
            raise UsageError(f"temperature: {temperature!r}; expected a finite number > 0.")
        self.temperature.fill_(temperature)


def temperature_at(epoch: float) -> float:
    """The reference's schedule: straight from 30 at epoch 0 to 1 at epoch 10 and after.

    Args:
      epoch: epochs that are done, >= 0; fractions count.

    Raises:
      UsageError: not a finite number >= 0.
    """
    if not (math.isfinite(epoch) and epoch >= 0):
        raise UsageError(f"epoch: {epoch!r}; expected a finite number >= 0.")
    return COLD + (HOT - COLD) * max(0.0, 1 - epoch / ANNEALED_BY)


def anneal(network: nn.Module, epoch: float) -> float:
    """Sets the temperature of every dynamic convolution in `network`; call before each epoch.

    It depends on the epoch alone, which is public. A network without one is left as it is.

    Returns:
      The temperature.
    """
    temperature = temperature_at(epoch)
    for module in network.modules():
        if isinstance(module, OmniAttention):
            module.set_temperature(temperature)
    return temperature


def _head(width: int, outputs: int) -> nn.Linear:
    head = nn.Linear(width, outputs)
    nn.init.kaiming_normal_(head.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(head.bias)
    return head
