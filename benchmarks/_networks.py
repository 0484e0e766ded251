# SPDX-License-Identifier: Apache-2.0
"""The networks on which training is timed, written so that every peer runs its fast path.

Opacus and fastDP know a layer by its exact class, and a parameter outside a layer they know sends
Opacus's whole network to a slower path. So the vision transformer of `polyveil.models` is put
together anew from the same parts: positions in a module of their own, LayerNorm by its name.
Everybody, plain and ours included, gets this same network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polyveil.models.cnn import CNN, CNNConfig
from polyveil.models.regulariser import Normalisation
from polyveil.models.vit import ViT, ViTConfig

IMAGE = (3, 32, 32)
WIDTHS = {"vit": 128, "vit384": 384}
NETWORKS = ("vit", "cnn", "vit384")


class Position(nn.Module):
    """Adds a learned vector to every token."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(start.detach().clone())

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.weight


class LayeredViT(nn.Module):
    """`polyveil.models.vit.ViT`, every parameter inside a layer of its own."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        source = ViT(config)
        self.patches = source.patches
        self.position = Position(source.position)
        self.blocks = nn.Sequential(*source.blocks)
        self.norm = source.norm
        self.head = source.head
        _name_norms(self)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.position(self.patches(images).flatten(2).transpose(1, 2))
        return self.head(self.norm(self.blocks(tokens)).mean(1))


def _name_norms(model: nn.Module) -> None:
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, Normalisation):
                setattr(module, name, nn.LayerNorm(child.width))


def network(kind: str) -> nn.Module:
    """'vit' (0.8 million parameters, 64 tokens), 'vit384' (the same, width 384), 'cnn'."""
    torch.manual_seed(0)
    if kind == "cnn":
        return CNN(CNNConfig(IMAGE, 10))
    return LayeredViT(ViTConfig(IMAGE, 10, width=WIDTHS[kind]))


def example(kind: str, batch: int, device: str) -> tuple[Tensor, Tensor]:
    """A batch of noise with labels: what is in a picture does not change the time."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(batch, *IMAGE, generator=generator)
    return inputs.to(device), torch.randint(0, 10, (batch,), generator=generator).to(device)
