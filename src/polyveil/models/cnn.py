# SPDX-License-Identifier: Apache-2.0
"""A small convolution network that learns well under clipped, noised gradients.

Stages of two 3 x 3 convolutions and a 2 x 2 mean pool, one hidden layer, one output layer.
Tanh by default: bounded activations keep gradients small, so that clipping loses less. GroupNorm
looks at one record at a time.

By default three stages for 32 x 32 pixels or more, else two; about 0.5 million parameters.

Source: Papernot et al., AAAI 2021, https://arxiv.org/abs/2007.14191 (tanh);
Tramèr & Boneh, ICLR 2021, https://arxiv.org/abs/2011.11660 (the same shape as baseline).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models import checks

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
NORMS = ("group", "none")
GROUP_WIDTH = 8


@dataclass(frozen=True, slots=True)
class CNNConfig:
    """Shape of the network; public facts, checked on construction.

    Attributes:
      image: (channels, height, width) in pixels.
      classes: number of classes.
      widths: channels of each stage, multiples of 8; every stage halves height and width.
      hidden: units of the hidden layer; 0: none.
      activation: "tanh", "relu" or "gelu".
      norm: "group" (GroupNorm, 8 channels a group) or "none". BatchNorm is refused.
    """

    image: tuple[int, int, int]
    classes: int
    widths: tuple[int, ...] = ()
    hidden: int = 128
    activation: str = "tanh"
    norm: str = "group"

    def __post_init__(self) -> None:
        checks.image_shape("image", self.image)
        checks.at_least("classes", self.classes, 1)
        checks.at_least("hidden", self.hidden, 0)
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.normalisation(self.norm, NORMS)
        if not self.widths:
            usual = (32, 64, 128) if min(self.image[1:]) >= 32 else (32, 64)
            object.__setattr__(self, "widths", usual)
        if any(width < 1 or width % GROUP_WIDTH for width in self.widths):
            raise UsageError(f"widths: {self.widths}; expected multiples of {GROUP_WIDTH}.")
        if min(self.image[1:]) >> len(self.widths) < 1:
            raise UsageError(
                f"widths: {len(self.widths)} stages halve {self.image[1]} x {self.image[2]} pixels "
                "below one. Use fewer stages."
            )


class CNN(nn.Module):
    """float32 images [records, channels, height, width] -> logits [records, classes]."""

    def __init__(self, config: CNNConfig) -> None:
        super().__init__()
        self.config = config
        channels, height, width = config.image
        self.stages = nn.Sequential(
            *(stage(a, b, config) for a, b in pairwise((channels, *config.widths)))
        )
        halved = len(config.widths)
        features = config.widths[-1] * (height >> halved) * (width >> halved)
        self.hidden = nn.Sequential()
        if config.hidden:
            activation = ACTIVATIONS[config.activation]()
            self.hidden = nn.Sequential(nn.Linear(features, config.hidden), activation)
        self.head = nn.Linear(config.hidden or features, config.classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.hidden(self.stages(images).flatten(1)))
        return logits


def stage(channels: int, width: int, config: CNNConfig) -> nn.Sequential:
    """Two convolutions of `width` channels, each normalised and activated, then a mean pool."""
    layers: list[nn.Module] = []
    for inputs in (channels, width):
        layers.append(nn.Conv2d(inputs, width, 3, padding=1))
        if config.norm == "group":
            layers.append(nn.GroupNorm(width // GROUP_WIDTH, width))
        layers.append(ACTIVATIONS[config.activation]())
    return nn.Sequential(*layers, nn.AvgPool2d(2))
