# SPDX-License-Identifier: Apache-2.0
"""A plain, small vision transformer: the model on which private training is timed.

Width 128, depth 4, 64 tokens of 4 x 4 pixels, 0.8 million parameters by default; width 384 is the
larger timing model. Pre-LayerNorm, GELU, learned positions, mean token, linear head.

Source: Dosovitskiy et al., ICLR 2021, https://arxiv.org/abs/2010.11929; mean token instead of a
class token after Beyer et al. 2022, https://arxiv.org/abs/2205.01580
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.attention import GlobalAttention
from polyveil.models.block import Block, positions
from polyveil.models.regulariser import Normalisation


@dataclass(frozen=True, slots=True)
class ViTConfig:
    """Shape of the network; public facts, checked on construction.

    Attributes:
      image: (channels, height, width) in pixels.
      classes: number of classes.
      patch: side of a patch in pixels; divides height and width.
      width: size of a token; a multiple of `heads`.
      depth: number of blocks.
      heads: attention heads.
      mlp_ratio: hidden units of a block's linear layers, in multiples of the width.
    """

    image: tuple[int, int, int]
    classes: int
    patch: int = 4
    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        checks.image_shape("image", self.image)
        checks.patch_fits(self.image, self.patch)
        for option in ("classes", "width", "depth", "heads", "mlp_ratio"):
            checks.at_least(option, getattr(self, option), 1)
        if self.width % self.heads:
            raise UsageError(f"width: {self.width} is no multiple of heads = {self.heads}.")

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return (self.image[1] // self.patch) * (self.image[2] // self.patch)


class ViT(nn.Module):
    """float32 images [records, channels, height, width] -> logits [records, classes]."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = nn.Conv2d(config.image[0], config.width, config.patch, stride=config.patch)
        self.position = positions(config.tokens, config.width)
        self.blocks = nn.ModuleList(
            Block(GlobalAttention(config.width, config.heads), config.width, config.mlp_ratio)
            for _ in range(config.depth)
        )
        self.norm = Normalisation(config.width)
        self.head = nn.Linear(config.width, config.classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.head(self.norm(tokens).mean(1))
        return logits
