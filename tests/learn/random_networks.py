# SPDX-License-Identifier: Apache-2.0
"""Random networks by kind, and the comparison of the engine's clipped sums with the oracle's.

`KINDS` maps a kind's name to a function that draws a network and a batch. Every network gives one
value a row or more; `row_losses` makes one loss a row of them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from oracle import clipped_sums, norms, per_record_gradients
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.learn.private import PrivateTraining

SECRET = bytes(range(32))
# The engine takes norms for this much longer, so that rounding never lets a gradient exceed C.
MARGIN = 4e-6


@dataclass
class Drawn:
    """A network and its batch: [records * rows, ...] each tensor."""

    model: nn.Module
    tensors: tuple[Tensor, ...]
    rows: int = 1


def row_losses(model: nn.Module, *tensors: Tensor) -> Tensor:
    out = model(*tensors)
    out = out[0] if isinstance(out, tuple) else out
    return out.sin().flatten(1).mean(1) + out.flatten(1).square().mean(1)


@dataclass
class Compared:
    """The engine's sums beside the oracle's, which are computed in float64.

    Attributes:
      error: largest relative error of a parameter's sum (`largest_error`).
      rounding: the same error of the oracle itself when run in float32, the precision of norms and
        sums: normalising two numbers, for example, is ill-posed for any implementation.
      clipped: share of (record, group) pairs that were longer than their threshold.
      longest: norm of the sum over the norm that its thresholds allow.
    """

    error: float
    rounding: float
    clipped: float
    longest: float


def compared(
    drawn: Drawn, *, clipping: str, bound: float | None = None, physical: int = 1000
) -> Compared:
    """One noiseless step of private training over all records, against the oracle.

    Without a bound, it is the median norm of the oracle's gradients, so that half are clipped.
    """
    gradients = record_gradients(drawn, torch.float64)
    lengths = norms(gradients)
    finite = lengths[torch.isfinite(lengths)]
    bound = bound or max(float(finite.median()), 1e-6)
    sums, groups = engine_sums(drawn, clipping=clipping, bound=bound, physical=physical)
    stated = [(names, limit / (1 + MARGIN)) for names, limit in groups]
    expected = clipped_sums(gradients, stated)
    own = clipped_sums(record_gradients(drawn, torch.float32), stated)
    over = [(norms(gradients, names) > limit).double().mean() for names, limit in groups]
    allowed = len(drawn.tensors[0]) // drawn.rows * sum(limit**2 for _, limit in groups) ** 0.5
    total = torch.stack([one.double().square().sum() for one in sums.values()]).sum().sqrt()
    return Compared(
        largest_error(sums, expected),
        largest_error(own, expected),
        float(torch.stack(over).mean()),
        float(total) / allowed,
    )


def record_gradients(drawn: Drawn, precision: torch.dtype) -> dict[str, Tensor]:
    """The oracle's gradients of every record, in this precision."""
    model = copy.deepcopy(drawn.model).to(precision)
    tensors = [one.to(precision) if one.is_floating_point() else one for one in drawn.tensors]

    def loss(model: nn.Module, *own: Tensor) -> Tensor:
        return row_losses(model, *own) / drawn.rows

    records = len(drawn.tensors[0]) // drawn.rows
    return per_record_gradients(model, loss, tensors, records=records)


def largest_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Of any parameter: largest difference over the largest expected entry of that parameter.

    Entries below 1/1000 of the largest of all parameters count as that: some true gradients are
    zero, and what is left of them is rounding.
    """
    most = max(float(one.abs().max()) for one in expected.values())
    return max(
        float((found[name].double() - one).abs().max())
        / max(float(one.abs().max()), 1e-3 * most, 1e-30)
        for name, one in expected.items()
    )


def engine_sums(
    drawn: Drawn, *, clipping: str, bound: float, physical: int = 1000, autocast: bool = False
) -> tuple[dict[str, Tensor], list[tuple[list[str], float]]]:
    """Clipped sums by parameter name, and the groups (names, threshold) that were clipped."""
    model, rows = copy.deepcopy(drawn.model), drawn.rows
    names = {parameter: name for name, parameter in model.named_parameters()}
    data = tuple(one.unflatten(0, (-1, rows)) for one in drawn.tensors)
    records = len(data[0])
    private = PrivateTraining(
        model,
        torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1),
        data,
        batch_size=records,
        epochs=1,
        noise_multiplier=0.0,
        clipping=clipping,  # type: ignore[arg-type]
        thresholds=bound,
        physical_batch=physical,
        views=rows,
        secret=SECRET,
    )
    for batch in private.batches(1):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            losses = row_losses(model, *(one.flatten(0, 1) for one in batch))
        private.backward(losses)
    groups = [
        ([names[one] for one in group.parameters], private.thresholds[group.name])
        for group in private._grouping.groups
    ]
    found = {names[p]: p.grad.detach() * records for p in names if p.grad is not None}
    return found, groups


def _records(draw: random.Random) -> int:
    return draw.randint(1, 6)


def linear(draw: random.Random) -> Drawn:
    widths = [draw.randint(1, 17) for _ in range(draw.randint(2, 4))]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, bias=draw.random() < 0.7), nn.Tanh()]
    tokens = [draw.randint(1, 5) for _ in range(draw.randint(0, 2))]
    return Drawn(nn.Sequential(*layers), (torch.randn(_records(draw), *tokens, widths[0]),))


def convolution(draw: random.Random) -> Drawn:
    dimensions, groups = draw.randint(1, 3), draw.choice([1, 1, 2, 3])
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
    first, second = groups * draw.randint(1, 4), groups * draw.randint(1, 4)
    size = {1: 17, 2: 9, 3: 7}[dimensions] + draw.randint(0, 3)
    layer = kind(
        first,
        second,
        draw.randint(1, 3),
        stride=draw.randint(1, 2),
        padding=draw.randint(0, 2),
        dilation=draw.randint(1, 2),
        groups=groups,
        bias=draw.random() < 0.7,
        padding_mode=draw.choice(["zeros", "zeros", "circular", "reflect"]),
    )
    last = kind(second, draw.randint(1, 4), 1)
    x = torch.randn(_records(draw), first, *[size] * dimensions)
    return Drawn(nn.Sequential(layer, nn.Tanh(), last), (x,))


class Embedded(nn.Module):
    def __init__(self, words: int, width: int, out: int, padding: int | None) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width, padding_idx=padding)
        self.head = nn.Linear(width, out)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(torch.tanh(self.table(words)))


def embedding(draw: random.Random) -> Drawn:
    words = draw.randint(2, 12)
    padding = draw.choice([None, 0])
    shape = (_records(draw), *[draw.randint(1, 6) for _ in range(draw.randint(0, 2))])
    model = Embedded(words, draw.randint(1, 9), draw.randint(1, 5), padding)
    return Drawn(model, (torch.randint(words, shape),))


class OwnAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in self.qkv(x).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2)) + x


def own_attention(draw: random.Random) -> Drawn:
    heads = draw.choice([1, 2, 3])
    width = heads * draw.randint(1, 5)
    x = torch.randn(_records(draw), draw.randint(1, 7), width)
    return Drawn(OwnAttention(width, heads), (x,))


class TorchAttention(nn.Module):
    def __init__(self, width: int, heads: int, cross: bool, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, **options)
        self.cross = cross

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        y = y if self.cross else x
        if self.attention.batch_first:
            return self.attention(x, y, y, need_weights=False)[0]
        x, y = x.transpose(0, 1), y.transpose(0, 1)
        return self.attention(x, y, y)[0].transpose(0, 1)


def torch_attention(draw: random.Random) -> Drawn:
    heads = draw.choice([1, 2, 3])
    width, cross = heads * draw.randint(1, 5), draw.random() < 0.5
    options: dict[str, Any] = {"batch_first": draw.random() < 0.5, "bias": draw.random() < 0.7}
    options["add_bias_kv"] = draw.random() < 0.3
    if cross and draw.random() < 0.5:
        options["kdim"] = options["vdim"] = draw.randint(1, 8)
    other = options.get("kdim", width)
    records = _records(draw)
    x = torch.randn(records, draw.randint(1, 6), width)
    y = torch.randn(records, draw.randint(1, 6), other)
    return Drawn(TorchAttention(width, heads, cross, **options), (x, y))


class TokensFirst(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.transpose(0, 1)).transpose(0, 1)


def transformer(draw: random.Random) -> Drawn:
    heads, batch_first = draw.choice([1, 2]), draw.random() < 0.6
    width = heads * draw.randint(2, 5)
    layer = nn.TransformerEncoderLayer(
        width,
        heads,
        draw.randint(2, 12),
        dropout=0.0,
        activation=draw.choice(["relu", "gelu"]),
        batch_first=batch_first,
        norm_first=draw.random() < 0.5,
    )
    encoder = nn.TransformerEncoder(
        layer, draw.randint(1, 2), nn.LayerNorm(width), enable_nested_tensor=False
    )
    model = nn.Sequential(encoder) if batch_first else TokensFirst(encoder)
    return Drawn(model, (torch.randn(_records(draw), draw.randint(2, 6), width),))


def normalisation(draw: random.Random) -> Drawn:
    groups = draw.choice([1, 2, 3])
    channels, sides = groups * draw.randint(1, 4), [draw.randint(3, 5), draw.randint(2, 5)]
    layer = draw.choice(
        [
            nn.LayerNorm([channels, *sides]),
            nn.LayerNorm(sides[-1], bias=False),
            nn.GroupNorm(groups, channels),
            nn.InstanceNorm2d(channels, affine=True),
            nn.RMSNorm(sides[-1]),
        ]
    )
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 1.0)
    model = nn.Sequential(nn.Conv2d(2, channels, 1), layer, nn.PReLU(draw.choice([1, channels])))
    return Drawn(model, (torch.randn(_records(draw), 2, *sides),))


def recurrent(draw: random.Random) -> Drawn:
    kind = draw.choice([nn.LSTM, nn.GRU, nn.RNN])
    hidden = draw.randint(2, 9)
    options: dict[str, Any] = {"bidirectional": draw.random() < 0.4, "bias": draw.random() < 0.8}
    if kind is nn.LSTM and draw.random() < 0.3:
        options["proj_size"] = draw.randint(1, hidden - 1)
    width, batch_first = draw.randint(1, 7), draw.random() < 0.6
    layer = kind(width, hidden, draw.randint(1, 2), batch_first=batch_first, **options)
    model = OutputOf(layer) if batch_first else TokensFirst(OutputOf(layer))
    return Drawn(model, (torch.randn(_records(draw), draw.randint(1, 9), width),))


class OutputOf(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)[0]


class CellLoop(nn.Module):
    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return state[0] if isinstance(state, tuple) else state


def cells(draw: random.Random) -> Drawn:
    kind = draw.choice([nn.LSTMCell, nn.GRUCell, nn.RNNCell])
    width = draw.randint(1, 6)
    x = torch.randn(_records(draw), draw.randint(1, 5), width)
    return Drawn(CellLoop(kind(width, draw.randint(1, 7))), (x,))


class TiedWords(nn.Module):
    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(words, width), nn.Linear(width, words)
        self.head.weight = self.table.weight

    def forward(self, words: Tensor) -> Tensor:
        return self.head(torch.tanh(self.table(words)))


class Twice(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.times = layer, 2

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = torch.tanh(self.layer(x))
        return x


def reused(draw: random.Random) -> Drawn:
    records, width = _records(draw), draw.randint(1, 7)
    which = draw.choice(["words", "linear", "convolution", "norm", "recurrent"])
    if which == "words":
        words = draw.randint(2, 9)
        return Drawn(TiedWords(words, width), (torch.randint(words, (records, 4)),))
    if which == "linear":
        return Drawn(Twice(nn.Linear(width, width)), (torch.randn(records, 3, width),))
    if which == "norm":
        layer = nn.Sequential(nn.LayerNorm(width + 1), nn.PReLU())
        return Drawn(Twice(layer), (torch.randn(records, 3, width + 1),))
    if which == "recurrent":
        model = Twice(OutputOf(nn.GRU(width, width, batch_first=True)))
        return Drawn(model, (torch.randn(records, 3, width),))
    return Drawn(Twice(nn.Conv2d(width, width, 3, padding=1)), (torch.randn(records, width, 5, 4),))


class TokenNetwork(nn.Module):
    """Class token, positions, layer scale, a temperature: parameters outside of layers."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, tokens + 1, width))
        self.scale = nn.Parameter(torch.rand(width))
        self.temperature = nn.Parameter(torch.tensor(1.3))
        self.gate = nn.Parameter(torch.randn(tokens + 1, 1))
        self.mix = OwnAttention(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        x = x + self.scale * self.mix(x) / self.temperature
        return torch.where(x > 0, x, x * self.gate)[:, 0]


def tokens(draw: random.Random) -> Drawn:
    width, count = draw.randint(1, 9), draw.randint(1, 6)
    return Drawn(TokenNetwork(width, count), (torch.randn(_records(draw), count, width),))


class Uncovered(nn.Module):
    """Weights that are computed from parameters: no rule knows them."""

    def __init__(self, width: int, way: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width))
        self.scale = nn.Parameter(torch.randn(width))
        self.temperature = nn.Parameter(torch.tensor(0.3))
        self.inner, self.way = nn.Linear(width, width), way

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "normalised":
            weight = F.normalize(self.weight, dim=1) * self.scale[:, None]
        elif self.way == "softmax":
            weight = torch.softmax(self.weight / self.temperature.exp(), dim=-1)
        else:
            weight = self.weight @ self.weight.mT
        return torch.tanh(self.inner(F.linear(x, weight, self.scale))) * self.temperature.exp()


def fall_back(draw: random.Random) -> Drawn:
    records, width = _records(draw), draw.randint(1, 7)
    x = torch.randn(records, draw.randint(1, 4), width)
    which = draw.choice(["own", "transposed", "bilinear"])
    if which == "transposed":
        model = nn.Sequential(
            nn.ConvTranspose2d(2, 3, 3, stride=draw.randint(1, 2)), nn.Tanh(), nn.Conv2d(3, 2, 1)
        )
        return Drawn(model, (torch.randn(records, 2, 4, 5),))
    if which == "bilinear":
        return Drawn(nn.Bilinear(width, width, 3), (x, x.flip(1)))
    way = draw.choice(["normalised", "softmax", "square"])
    return Drawn(nn.Sequential(Uncovered(width, way), nn.Linear(width, 2)), (x,))


class Residual(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inside = Residual(width, depth - 1) if depth > 1 else nn.Linear(width, width)
        self.scale = nn.Parameter(torch.rand(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.tanh(self.inside(self.norm(x)))


def nested(draw: random.Random) -> Drawn:
    width = draw.randint(2, 8)
    model = nn.Sequential(
        Residual(width, draw.randint(1, 4)), nn.ModuleList([nn.Linear(width, 3)])[0]
    )
    return Drawn(model, (torch.randn(_records(draw), draw.randint(1, 4), width),))


def frozen(draw: random.Random) -> Drawn:
    drawn = draw.choice([linear, convolution, own_attention, recurrent, nested, tokens])(draw)
    parameters = list(drawn.model.parameters())
    for parameter in parameters:
        parameter.requires_grad_(draw.random() < 0.5)
    draw.choice(parameters).requires_grad_(True)
    return drawn


def several_rows(draw: random.Random) -> Drawn:
    kinds = [linear, convolution, embedding, torch_attention, normalisation, recurrent, tokens]
    drawn, rows = draw.choice([*kinds, fall_back])(draw), draw.randint(2, 3)
    tensors = tuple(one.repeat_interleave(rows, 0) for one in drawn.tensors)
    noisy = (one + torch.randn_like(one) if one.is_floating_point() else one for one in tensors)
    return Drawn(drawn.model, tuple(noisy), rows)


KINDS: dict[str, Callable[[random.Random], Drawn]] = {
    "linear": linear,
    "convolution 1-3D": convolution,
    "embedding": embedding,
    "attention, own": own_attention,
    "attention, torch's": torch_attention,
    "transformer, torch's": transformer,
    "Layer-, Group-, Instance-, RMSNorm, PReLU": normalisation,
    "LSTM, GRU, RNN": recurrent,
    "recurrent cells": cells,
    "tied and reused weights": reused,
    "tokens, positions, scales": tokens,
    "fall-back": fall_back,
    "nested": nested,
    "partly frozen": frozen,
    "2-3 rows a record": several_rows,
}


def network(kind: str, seed: int, precision: torch.dtype = torch.float32) -> Drawn:
    """The network of a kind and a seed, and its batch."""
    torch.manual_seed(seed)
    drawn = KINDS[kind](random.Random(seed))
    tensors = tuple(one.to(precision) if one.is_floating_point() else one for one in drawn.tensors)
    return Drawn(drawn.model.to(precision), tensors, drawn.rows)
