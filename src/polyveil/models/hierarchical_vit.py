# SPDX-License-Identifier: Apache-2.0
"""The hierarchical vision transformer of Yang 2024 (system S5), with all its switches.

Image -> (convolution ->) patches -> tokens. Stages of equal-width blocks; in each stage the first
block attends locally (gated attention that starts as a convolution), the rest globally; between
stages the tokens are max-pooled in one dimension; the head reads the mean token. No class token.

Where the paper is silent or contradicts itself, and what we chose:
- Widths, depths: Table 3 fits 12 blocks of 64 x heads (9.9, 38 and 86 million parameters for 4, 8
  and 12 heads), so heads set the width here too: width = heads x head_width.
- Patches: 14 x 14 pixels there; an option here, since a CIFAR image has 32.
- Equations 5 and 6 show no residual connections; without them such a network does not train, and
  the architectures it builds on have them.
- "A convolution module is added": where is not said. Here a 3 x 3 convolution, GroupNorm and GELU
  before the patches (`stem_width` channels; 0 leaves it out).
- "Without layer normalization" in prediction: read as none in front of the head (`head_norm`).
- Position: a learned vector for every token, anew in each stage, because pooling shifts tokens.
- The order of tokens, which one-dimensional pooling depends on: `order`.
- "GELD" is read as GELU, the "MLP head" as one linear layer.
- Noise after the softmax and in normalisation is called differential privacy there; it is a
  REGULARISER and gives none (`regulariser`).

Source: Yang, Traitement du Signal 41(3), 2024, https://doi.org/10.18280/ts.410333; built on
Pan et al. 2021 (pooling), d'Ascoli et al. 2021 (gated attention).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.attention import GatedAttention, GlobalAttention
from polyveil.models.block import Block, positions
from polyveil.models.pooling import ORDERS, Grid, pool_tokens
from polyveil.models.regulariser import REMARK, Normalisation

ATTENTIONS = ("threshold", "multi-head", "hierarchical")


@dataclass(frozen=True, slots=True)
class HierarchicalViTConfig:
    """Every switch of the network; public facts, checked on construction.

    Attributes:
      image: (channels, height, width) in pixels.
      classes: number of classes.
      patch: side of a patch in pixels; divides height and width.
      heads: attention heads of every block; the paper compares 4, 8 and 12.
      head_width: size of one head; a token has heads x head_width numbers.
      depths: blocks of each stage; tokens halve between stages.
      mlp_ratio: hidden units of a block's linear layers, in multiples of the width.
      attention: "hierarchical" (first block of a stage gated, the rest global), "threshold" (all
        gated) or "multi-head" (all global).
      order: "raster" or "z-curve", the order of the tokens that pooling merges.
      stem_width: channels of a 3 x 3 convolution before the patches; 0: none.
      head_norm: normalise tokens before the mean that the head reads.
      map_noise: noise on attention maps while training. A regulariser; no privacy.
      norm_noise: noise in mean and deviation of normalisation. A regulariser; no privacy.
    """

    image: tuple[int, int, int]
    classes: int
    patch: int = 4
    heads: int = 4
    head_width: int = 24
    depths: tuple[int, ...] = (2, 2)
    mlp_ratio: int = 2
    attention: str = "hierarchical"
    order: str = "z-curve"
    stem_width: int = 32
    head_norm: bool = True
    map_noise: float = 0.0
    norm_noise: float = 0.0

    def __post_init__(self) -> None:
        checks.image_shape("image", self.image)
        checks.patch_fits(self.image, self.patch)
        for option in ("classes", "heads", "head_width", "mlp_ratio"):
            checks.at_least(option, getattr(self, option), 1)
        checks.one_of("attention", self.attention, ATTENTIONS)
        checks.one_of("order", self.order, ORDERS)
        checks.at_least("stem_width", self.stem_width, 0)
        checks.noise_scale("map_noise", self.map_noise)
        checks.noise_scale("norm_noise", self.norm_noise)
        if not self.depths or min(self.depths) < 1:
            raise UsageError(f"depths: {self.depths}; expected one block or more in every stage.")
        if 2 ** (len(self.depths) - 1) > len(self.grid()):
            raise UsageError(
                f"depths: {len(self.depths)} stages halve {len(self.grid())} tokens below one. "
                "Use fewer stages or smaller patches."
            )

    @property
    def width(self) -> int:
        """Numbers in one token."""
        return self.heads * self.head_width

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences that belong on a model card."""
        return (REMARK,) if self.map_noise or self.norm_noise else ()

    def grid(self) -> Grid:
        """Where the tokens of the first stage lie."""
        _, height, width = self.image
        return Grid.of(height // self.patch, width // self.patch, self.order)

    def gated(self, block: int) -> bool:
        """Whether the block with this place in its stage has gated attention."""
        return self.attention == "threshold" or (self.attention == "hierarchical" and block == 0)


class HierarchicalViT(nn.Module):
    """float32 images [records, channels, height, width] -> logits [records, classes]."""

    def __init__(self, config: HierarchicalViTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = PatchEmbedding(config)
        grids = [config.grid()]
        for _ in config.depths[1:]:
            grids.append(grids[-1].pooled())
        self.stages = nn.ModuleList(
            Stage(config, depth, grid) for depth, grid in zip(config.depths, grids, strict=True)
        )
        self.norm = Normalisation(config.width) if config.head_norm else nn.Identity()
        self.head = nn.Linear(config.width, config.classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.stages[0](self.embed(images))
        for stage in self.stages[1:]:
            tokens = stage(pool_tokens(tokens))
        logits: Tensor = self.head(self.norm(tokens).mean(1))
        return logits


class PatchEmbedding(nn.Module):
    """Images [records, channels, height, width] -> tokens [records, T, width], in grid order."""

    place: Tensor

    def __init__(self, config: HierarchicalViTConfig) -> None:
        super().__init__()
        channels = config.stem_width or config.image[0]
        self.stem = convolution_stem(config) if config.stem_width else nn.Identity()
        self.patches = nn.Conv2d(channels, config.width, config.patch, stride=config.patch)
        columns = config.image[2] // config.patch
        place = config.grid().raster_indices(columns)
        self.register_buffer("place", place, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.patches(self.stem(images)).flatten(2)
        return patches[:, :, self.place].transpose(1, 2)


def convolution_stem(config: HierarchicalViTConfig) -> nn.Sequential:
    """3 x 3 convolution, GroupNorm (one group for every 8 channels where it divides), GELU."""
    groups = config.stem_width // 8 if config.stem_width % 8 == 0 else 1
    return nn.Sequential(
        nn.Conv2d(config.image[0], config.stem_width, 3, padding=1),
        nn.GroupNorm(groups, config.stem_width),
        nn.GELU(),
    )


class Stage(nn.Module):
    """Adds positions, then runs the blocks of one stage; [records, T, width] in and out."""

    def __init__(self, config: HierarchicalViTConfig, depth: int, grid: Grid) -> None:
        super().__init__()
        self.position = positions(len(grid), config.width)
        self.blocks = nn.ModuleList(make_block(config, place, grid) for place in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.position
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


def make_block(config: HierarchicalViTConfig, place: int, grid: Grid) -> Block:
    """The block at `place` of a stage whose tokens lie on `grid`."""
    attention: nn.Module
    if config.gated(place):
        attention = GatedAttention(config.width, config.heads, grid, config.map_noise)
    else:
        attention = GlobalAttention(config.width, config.heads, config.map_noise)
    return Block(attention, config.width, config.mlp_ratio, config.norm_noise)
