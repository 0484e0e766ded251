# SPDX-License-Identifier: Apache-2.0
"""Attention over tokens: global, or gated between where things are and what they are.

`GlobalAttention` is plain multi-head self-attention. `GatedAttention` is the paper's threshold
attention (gated positional attention of ConViT): head h looks with the map

    (1 - s(gate_h)) softmax(Q K' / sqrt(d)) + s(gate_h) softmax(v_h' r_ij),    s the sigmoid,

where r_ij = (|δ|², δ_down, δ_right) holds the fixed offset δ from token i to token j. The gate is
the learnable threshold between local and global. A convex mix of two maps has rows that sum to 1,
so the paper's `normalize` needs no step of its own.

At the start it is a convolution: v_h = -strength (1, -2Δ_down, -2Δ_right), so that head h looks at
offset Δ_h, one cell of a kernel of rows x columns = heads (4: 2 x 2, 8: 2 x 4, 12: 3 x 4), and
the values pass unchanged.

Everything that reads a parameter is a linear layer or a broadcast sum with dimension 0 the record:
per-record gradients need no special case, at the price of computing the positional map (which
depends on parameters alone) once a record.

Source: d'Ascoli et al., ICML 2021, https://arxiv.org/abs/2103.10697 (gate 1, strength 1 at the
start; kernels that are no square, and for pooled tokens a step of one token, are our choice).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.models.pooling import Grid
from polyveil.models.regulariser import MapNoise

GATE, STRENGTH = 1.0, 1.0


class GlobalAttention(nn.Module):
    """Multi-head self-attention; float32 [records, T, width] -> the same shape.

    Args:
      width: size of a token; a multiple of `heads`.
      heads: number of heads.
      noise: standard deviation of noise on the maps; a regulariser, no privacy.
    """

    def __init__(self, width: int, heads: int, noise: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.noise = MapNoise(noise)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = split_heads(self.query_key_value(tokens), self.heads)
        if self.noise.active:
            mixed = self.noise(content_map(query, key)) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.output(join_heads(mixed))
        return out


class GatedAttention(nn.Module):
    """Attention that starts as a convolution; float32 [records, T, width] -> the same shape.

    Args:
      width: size of a token; a multiple of `heads`.
      heads: number of heads, the cells of the initial kernel.
      grid: where the T tokens lie.
      noise: standard deviation of noise on the maps; a regulariser, no privacy.
    """

    offsets: Tensor

    def __init__(self, width: int, heads: int, grid: Grid, noise: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.position = nn.Linear(3, heads, bias=False)
        self.gate = nn.Parameter(torch.full((heads, 1, 1), GATE))
        self.noise = MapNoise(noise)
        self.register_buffer("offsets", relative_places(grid), persistent=False)
        self.start_as_convolution()

    def start_as_convolution(self) -> None:
        """Set position, gate and values so that head h looks at its cell of the kernel."""
        width = self.output.in_features
        cells = torch.tensor(kernel_cells(self.heads), dtype=torch.float32)
        with torch.no_grad():
            self.gate.fill_(GATE)
            self.position.weight[:, :1] = -STRENGTH
            self.position.weight[:, 1:] = 2 * STRENGTH * cells
            self.query_key_value.weight[2 * width :] = torch.eye(width)

    def maps(self, query: Tensor, key: Tensor) -> Tensor:
        """Attention maps [records, heads, T, T] for queries and keys [records, heads, T, d]."""
        records, tokens = query.shape[0], query.shape[2]
        # Expanded, not broadcast: dimension 0 of whatever meets a parameter is the record.
        rows = self.offsets.expand(records, -1, -1)
        scores = self.position(rows).transpose(1, 2).reshape(records, -1, tokens, tokens)
        gate = torch.sigmoid(query.new_zeros(records, self.heads, 1, 1) + self.gate)
        content = content_map(query, key)
        mixed: Tensor = content + gate * (scores.softmax(-1) - content)
        return mixed

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = split_heads(self.query_key_value(tokens), self.heads)
        mixed = self.noise(self.maps(query, key)) @ value
        out: Tensor = self.output(join_heads(mixed))
        return out


def kernel_cells(heads: int) -> list[tuple[int, int]]:
    """(down, right) of each head's cell in the most square kernel of `heads` cells."""
    rows = next(n for n in range(math.isqrt(heads), 0, -1) if heads % n == 0)
    columns = heads // rows
    return [(i - rows // 2, j - columns // 2) for i in range(rows) for j in range(columns)]


def relative_places(grid: Grid) -> Tensor:
    """float32 [1, T * T, 3]: (|δ|², δ_down, δ_right) from token i to token j, i major."""
    places = grid.places()
    offsets = places[None, :, :] - places[:, None, :]
    squared = offsets.square().sum(-1, keepdim=True)
    return torch.cat([squared, offsets], dim=-1).flatten(0, 1).unsqueeze(0)


def content_map(query: Tensor, key: Tensor) -> Tensor:
    """softmax(Q K' / sqrt(d)) for [records, heads, T, d]."""
    return (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(-1)


def split_heads(joint: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """[records, T, 3 * width] -> query, key and value, each [records, heads, T, width / heads]."""
    apart = joint.reshape(*joint.shape[:2], 3, heads, -1)
    query, key, value = apart.permute(2, 0, 3, 1, 4).unbind(0)
    return query, key, value


def join_heads(mixed: Tensor) -> Tensor:
    """[records, heads, T, d] -> [records, T, heads * d]."""
    return mixed.transpose(1, 2).flatten(2)
