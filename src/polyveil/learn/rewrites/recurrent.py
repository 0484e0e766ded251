# SPDX-License-Identifier: Apache-2.0
"""torch's recurrent layers, written so that a record's recurrent gradient is one product.

The recurrent weight is used once a time step, and a record's gradient is the sum over all steps:
its norm exists only for the sum. So the whole sequence is one operation, `scan`, whose backward
pass collects the earlier states h [records, steps, hidden] and the gradients of the hidden gates
[records, steps, gates]: one linear contribution with `steps` tokens a record. The input products
of all steps are one `F.linear`. What follows a step's product is written out by hand, with its
derivatives computed for all steps at once, because a graph of small operations costs more than
the products themselves.

Same parameters, same options and same output as nn.RNN, nn.GRU, nn.LSTM and their cells. Packed
sequences are refused: their rows are not one record's. Pad, and mask the loss.

Source: Hochreiter & Schmidhuber 1997; Cho et al. 2014, https://arxiv.org/abs/1406.1078; gate
order and formulas as in torch's documentation of each layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812
from torch.overrides import handle_torch_function, has_torch_function

from polyveil.errors import NotPrivate
from polyveil.learn.contribution import ClipRule, Contribution, PerRecord, joined_per_record
from polyveil.learn.rewrites.steps import STEPS, Steps
from polyveil.learn.rules.elementwise import trainable
from polyveil.learn.rules.linear import LinearContribution
from polyveil.learn.use import Rule, Use


def scan(
    kind: str,
    gates: Tensor,
    states: tuple[Tensor, ...],
    weight: Tensor,
    bias: Tensor | None,
    projection: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """One layer and direction of a recurrent network over whole sequences.

    Args:
      kind: a key of `STEPS`.
      gates: the input's part of the gates, [rows, steps, gates], input bias included.
      states: the first hidden state [rows, hidden], and for an LSTM the first cell state.
      weight: recurrent weight [gates, hidden].
      bias: recurrent bias [gates], or None.
      projection: an LSTM's [projected, hidden], or None.

    Returns:
      The outputs of all steps [rows, steps, hidden]; for an LSTM also the last cell state.
    """
    parameters = (weight, bias, projection)
    if has_torch_function((gates, *parameters)):
        watched: tuple[Tensor, ...] = handle_torch_function(
            scan, (gates, *parameters), kind, gates, states, weight, bias, projection
        )
        return watched
    found = _Scan.apply(STEPS[kind], None, (), None, gates, *parameters, *states)  # type: ignore[no-untyped-call]
    return found if isinstance(found, tuple) else (found,)


def scan_rule(
    use: Use, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, ...]:
    """The rule for `scan`, which is called with positional arguments alone."""
    kind, gates, states, *parameters = args
    values = [None if one is None else one.detach() for one in parameters]
    kept = tuple(one if trainable(one) else None for one in parameters)
    found = _Scan.apply(STEPS[kind], use, kept, use.anchor, gates, *values, *states)  # type: ignore[no-untyped-call]
    return found if isinstance(found, tuple) else (found,)


class _Scan(torch.autograd.Function):
    """Runs the steps; hands the parameters' part to `use`, or to autograd where there is none."""

    @staticmethod
    def forward(
        ctx: Any,
        steps: type[Steps],
        use: Use | None,
        kept: tuple[nn.Parameter | None, ...],
        anchor: Tensor | None,
        gates: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        projection: Tensor | None,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        with torch.autocast(gates.device.type, enabled=False):
            first = tuple(one.to(gates.dtype) for one in states)
            values = (_as(gates, one) for one in (bias, projection))
            ctx.steps = steps(gates, weight.to(gates.dtype), first, *values)
            found = ctx.steps.forward()
        ctx.use, ctx.kept, ctx.types = use, kept, [one.dtype for one in states]
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(gradients[0].device.type, enabled=False):
            steps = ctx.steps
            inputs, states = steps.backward(*gradients)
            parts: tuple[Tensor | None, ...] = (None, None, None)
            if ctx.use is None:
                parts = steps.parameter_gradients()
            else:
                ctx.use.add(_contribution(ctx.use.records, ctx.kept, steps))
        earlier = tuple(one.to(kind) for one, kind in zip(states, ctx.types, strict=True))
        return None, None, None, None, inputs, *parts, *earlier


def _as(like: Tensor, value: Tensor | None) -> Tensor | None:
    return None if value is None else value.to(like.dtype)


def _contribution(
    records: int, kept: tuple[nn.Parameter | None, ...], steps: Steps
) -> Contribution:
    weight, bias, projection = kept
    earlier, hidden = _by_record(records, steps.earlier), _by_record(records, steps.hidden)
    found: list[Contribution] = []
    if weight is not None:
        parameters = (weight,) if bias is None else (weight, bias)
        found.append(LinearContribution(parameters, earlier, hidden))
    elif bias is not None:
        found.append(PerRecord((bias,), (hidden.float().sum(1),)))
    if projection is not None and steps.unprojected is not None and steps.projected is not None:
        factors = (_by_record(records, one) for one in (steps.unprojected, steps.projected))
        found.append(LinearContribution((projection,), *factors))
    return found[0] if len(found) == 1 else Together(found)


def _by_record(records: int, steps_first: Tensor) -> Tensor:
    """[steps, records * r, width] -> [records, r * steps, width]."""
    return steps_first.transpose(0, 1).reshape(records, -1, steps_first.shape[-1])


class Together:
    """Contributions to different parameters from one use, as one."""

    def __init__(self, parts: list[Contribution]) -> None:
        """Args: parts: at least one, with no parameter in common."""
        self._parts = parts

    @property
    def parameters(self) -> tuple[nn.Parameter, ...]:
        return tuple(parameter for part in self._parts for parameter in part.parameters)

    @property
    def records(self) -> int:
        return self._parts[0].records

    def squared_norms(self) -> Tensor:
        return torch.stack([part.squared_norms() for part in self._parts]).sum(0)

    def weighted_sum(self, weights: Tensor) -> tuple[Tensor, ...]:
        return tuple(total for part in self._parts for total in part.weighted_sum(weights))

    def clipped(self, rule: ClipRule) -> tuple[Tensor, tuple[Tensor, ...]]:
        norms = self.squared_norms()
        return norms, self.weighted_sum(rule(norms))

    def per_record(self) -> tuple[Tensor, ...]:
        return tuple(gradient for part in self._parts for gradient in part.per_record())

    def joined(self, other: Contribution) -> Contribution:
        return joined_per_record(self, other)


def recurrent(module: nn.RNNBase, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
    """The forward of nn.RNN, nn.GRU and nn.LSTM, every option of it, on a padded batch.

    Raises:
      NotPrivate: a packed sequence, or input without a batch dimension.
    """
    if not isinstance(input, Tensor) or input.dim() != 3:
        came = tuple(input.shape) if isinstance(input, Tensor) else type(input).__name__
        raise NotPrivate(
            f"{type(module).__name__}: {came}; expected a padded batch of three dimensions. "
            "Pad the sequences and mask their ends in the loss."
        )
    x = input if module.batch_first else input.transpose(0, 1)
    first = _first_states(module, x, hx)
    last: list[tuple[Tensor, ...]] = []
    for layer in range(module.num_layers):
        found = []
        for direction in range(1 + module.bidirectional):
            place = layer * (1 + module.bidirectional) + direction
            out, ends = _one_direction(module, x, layer, direction, [one[place] for one in first])
            found.append(out)
            last.append(ends)
        x = found[0] if len(found) == 1 else torch.cat(found, dim=-1)
        if module.dropout and layer + 1 < module.num_layers:
            x = F.dropout(x, module.dropout, module.training)
    states = tuple(torch.stack(one) for one in zip(*last, strict=True))
    out = x if module.batch_first else x.transpose(0, 1)
    return out, states if module.mode == "LSTM" else states[0]


def _first_states(module: nn.RNNBase, x: Tensor, hx: Any) -> tuple[Tensor, ...]:
    """Hidden state, and for an LSTM cell state, of every layer and direction; zero if not given."""
    if hx is not None:
        return tuple(hx) if module.mode == "LSTM" else (hx,)
    count = module.num_layers * (1 + module.bidirectional)
    hidden = x.new_zeros(count, x.shape[0], module.proj_size or module.hidden_size)
    if module.mode != "LSTM":
        return (hidden,)
    return hidden, x.new_zeros(count, x.shape[0], module.hidden_size)


def _one_direction(
    module: nn.RNNBase, x: Tensor, layer: int, direction: int, first: list[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs of all steps, and the states after the last one."""
    end = f"_l{layer}{'_reverse' * direction}"

    def named(name: str) -> Any:
        return getattr(module, name + end, None)

    gates = F.linear(x.flip(1) if direction else x, named("weight_ih"), named("bias_ih"))
    parameters = (named("weight_hh"), named("bias_hh"), named("weight_hr"))
    out, *cell = scan(module.mode, gates, tuple(first), *parameters)
    ends = (out[:, -1], *cell)
    return out.flip(1) if direction else out, ends


def recurrent_cell(module: nn.RNNCellBase, input: Tensor, hx: Any = None) -> Any:
    """The forward of nn.RNNCell, nn.GRUCell and nn.LSTMCell on a batch.

    Raises:
      NotPrivate: input without a batch dimension.
    """
    if input.dim() != 2:
        raise NotPrivate(
            f"{type(module).__name__}: {tuple(input.shape)}; expected a batch of two dimensions."
        )
    if hx is None:
        zero = input.new_zeros(input.shape[0], module.hidden_size)
        hx = (zero, zero) if isinstance(module, nn.LSTMCell) else zero
    hidden = hx[0] if isinstance(module, nn.LSTMCell) else hx
    given = F.linear(input, module.weight_ih, module.bias_ih)
    gates = F.linear(hidden, module.weight_hh, module.bias_hh)
    if isinstance(module, nn.LSTMCell):
        i, f, g, o = (given + gates).chunk(4, dim=1)
        cell = f.sigmoid() * hx[1] + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell
    if isinstance(module, nn.GRUCell):
        (r, z, n), (hr, hz, hn) = given.chunk(3, dim=1), gates.chunk(3, dim=1)
        new = torch.tanh(n + (r + hr).sigmoid() * hn)
        return new + (z + hz).sigmoid() * (hidden - new)
    return torch.tanh(given + gates) if module.nonlinearity == "tanh" else (given + gates).relu()


RULES: dict[Callable[..., Any], Rule] = {scan: scan_rule}

REWRITES: dict[type[nn.Module], Callable[..., Any]] = {
    **dict.fromkeys((nn.RNN, nn.GRU, nn.LSTM), recurrent),
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), recurrent_cell),
}
