# SPDX-License-Identifier: Apache-2.0
"""What a network costs: parameters, and floating-point operations of one forward pass.

Counted by watching the operations that actually run (torch dispatch): matrix products,
convolutions and attention, one multiply-add = two operations, and Fourier transforms at
5 n log2 n each. NOT counted: elementwise work, normalisation, softmax, pooling; on networks like
these a few per cent. Papers often print multiply-adds as "FLOPs": compare `multiply_adds` then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from polyveil.models import checks


@dataclass(frozen=True, slots=True)
class ModuleCost:
    """One module, everything inside it included.

    Attributes:
      name: path in the network; "" is the whole.
      kind: class of the module.
      parameters: trainable numbers, each counted once though it may be shared.
      flops: floating-point operations for one image.
    """

    name: str
    kind: str
    parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one image costs, for the whole network and for every module.

    Attributes:
      parameters: trainable numbers.
      flops: floating-point operations of one forward pass of one image (multiply-add = 2).
      modules: the table, in the order of the network, parents before children.
    """

    parameters: int
    flops: int
    modules: tuple[ModuleCost, ...]

    @property
    def multiply_adds(self) -> int:
        """Half the operations: what many papers call FLOPs."""
        return self.flops // 2

    def table(self, depth: int = 2) -> str:
        """Markdown table of modules at most `depth` levels down."""
        lines = ["| module | kind | parameters | MFLOPs |", "|---|---|---|---|"]
        for row in self.modules:
            if not row.name or row.name.count(".") < depth:
                mega = f"{row.flops / 1e6:,.3f}"
                lines.append(f"| {row.name or 'all'} | {row.kind} | {row.parameters:,} | {mega} |")
        return "\n".join(lines)


def cost(
    model: nn.Module, input_shape: tuple[int, int, int] | Mapping[str, tuple[int, ...]]
) -> Cost:
    """Cost of one forward pass of one record, in evaluation mode.

    Args:
      model: maps images [N, channels, height, width] to logits, or a dict of tensors [N, *shape]
        to anything; left in the mode it was in.
      input_shape: (channels, height, width), or modality -> shape.
    """
    if not isinstance(input_shape, Mapping):
        checks.image_shape("input_shape", input_shape)
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    record: Tensor | dict[str, Tensor] = (
        {name: torch.zeros(1, *shape, device=device) for name, shape in input_shape.items()}
        if isinstance(input_shape, Mapping)
        else torch.zeros(1, *input_shape, device=device)
    )
    training = model.training
    counter = FlopCounterMode(display=False, custom_mapping=_MISSING)
    model.eval()
    try:
        with torch.no_grad(), counter:
            model(record)
    finally:
        model.train(training)
    return Cost(_parameters(model), counter.get_total_flops(), _modules(model, counter))


def _modules(model: nn.Module, counter: FlopCounterMode) -> tuple[ModuleCost, ...]:
    root, counted = type(model).__name__, counter.get_flop_counts()

    def flops(name: str, module: nn.Module) -> int:
        path = f"{root}.{name}" if name else "Global"
        if path in counted:
            return sum(counted[path].values())
        # A container that is never called itself, such as ModuleList, costs what it holds.
        return sum(flops(f"{name}.{child}", one) for child, one in module.named_children())

    return tuple(
        ModuleCost(name, type(module).__name__, _parameters(module), flops(name, module))
        for name, module in model.named_modules()
    )


def _parameters(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters() if one.requires_grad)


def _fourier(shape: Any, dim: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """5 n log2 n for every transform of n points over the dimensions `dim`."""
    points = math.prod(shape[axis] for axis in dim)
    return int(math.prod(shape) * 5 * math.log2(max(points, 1)))


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Q K' and the map times V for [records, heads, T, d]; torch counts this only on a GPU."""
    records, heads, rows, width = query
    return 2 * int(records * heads * rows * key[2] * (width + value[3]))


_MISSING: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._fft_c2c: _fourier,
    torch.ops.aten._fft_r2c: _fourier,
    torch.ops.aten._fft_c2r: _fourier,
}
