# SPDX-License-Identifier: Apache-2.0
"""Wide residual network with GroupNorm (WRN-16-k): the strongest known DP-SGD from scratch.

At full size (WRN-40-4, CIFAR-10, augmentation multiplicity, tens of thousands of large batches)
it reached 81.4 % at ε = 8. Its weight standardisation is left out here: it changes weights in the
forward pass, which per-record gradients would have to follow.

Source: De et al. 2022, https://arxiv.org/abs/2204.13650;
Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models import checks

STEM = 16


@dataclass(frozen=True, slots=True)
class WideResNetConfig:
    """Shape of the network; public facts, checked on construction.

    Attributes:
      image: (channels, height, width) in pixels, at least 4 x 4.
      classes: number of classes.
      depth: layers, 6 n + 4 with n blocks in each of the three stages.
      widen: k; stages have 16 k, 32 k and 64 k channels.
      groups: groups of GroupNorm, a divisor of 16.
    """

    image: tuple[int, int, int]
    classes: int
    depth: int = 16
    widen: int = 4
    groups: int = 16

    def __post_init__(self) -> None:
        checks.image_shape("image", self.image)
        for option in ("classes", "widen", "groups"):
            checks.at_least(option, getattr(self, option), 1)
        if self.depth < 10 or (self.depth - 4) % 6:
            raise UsageError(f"depth: {self.depth}; expected 10, 16, 22, ... (6 n + 4).")
        if STEM % self.groups:
            raise UsageError(f"groups: {self.groups}; expected a divisor of {STEM}.")
        if min(self.image[1:]) < 4:
            raise UsageError(f"image: {self.image}; expected 4 x 4 pixels or more.")


class WideResNet(nn.Module):
    """float32 images [records, channels, height, width] -> logits [records, classes]."""

    def __init__(self, config: WideResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Conv2d(config.image[0], STEM, 3, padding=1)
        blocks: list[nn.Module] = []
        inputs = STEM
        for stage in range(3):
            outputs = STEM * config.widen << stage
            for place in range((config.depth - 4) // 6):
                stride = 2 if stage and not place else 1
                blocks.append(ResidualBlock(inputs, outputs, stride, config.groups))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.GroupNorm(config.groups, inputs)
        self.head = nn.Linear(inputs, config.classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = functional.relu(self.norm(self.blocks(self.stem(images))))
        logits: Tensor = self.head(maps.mean((2, 3)))
        return logits


class ResidualBlock(nn.Module):
    """Normalise, activate, convolve, twice, beside a shortcut; both sides start alike in size."""

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(groups, inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        self.second_norm = nn.GroupNorm(groups, outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, maps: Tensor) -> Tensor:
        active = functional.relu(self.first_norm(maps))
        past = maps if isinstance(self.shortcut, nn.Identity) else self.shortcut(active)
        out: Tensor = past + self.second(functional.relu(self.second_norm(self.first(active))))
        return out
