# SPDX-License-Identifier: Apache-2.0
"""The time steps of recurrent networks, forward and backward, written out.

Time is dimension 0 in here, so that a step is one contiguous slice. Going back, everything that
does not depend on the next step is computed for all steps at once; a step is then a few
elementwise operations and one product.

Source: the formulas of torch.nn.RNN, GRU and LSTM; Werbos 1990 (backpropagation through time).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Steps(Protocol):
    """One layer and direction over a whole batch of sequences.

    Attributes, filled by `backward`:
      earlier: hidden states before every step [steps, rows, projected or hidden].
      hidden: gradients of the hidden part of the gates [steps, rows, gates].
      unprojected, projected: an LSTM's outputs before its projection [steps, rows, hidden], and
        the gradients after it [steps, rows, projected]; None without projection.
    """

    earlier: Tensor
    hidden: Tensor
    unprojected: Tensor | None
    projected: Tensor | None

    def __init__(
        self,
        gates: Tensor,
        weight: Tensor,
        states: tuple[Tensor, ...],
        bias: Tensor | None,
        projection: Tensor | None,
    ) -> None:
        """Args: gates [rows, steps, gates], the input's part; states before the first step."""
        ...

    def forward(self) -> tuple[Tensor, ...]:
        """Outputs of all steps [rows, steps, hidden]; for an LSTM also the last cell state."""
        ...

    def backward(self, *gradients: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Gradients of what forward returned -> of the input gates [rows, steps, gates] and of
        the first states."""
        ...

    def parameter_gradients(self) -> tuple[Tensor | None, ...]:
        """After backward: of weight, bias and projection, summed over all rows."""
        ...


class _Common:
    """What the three kinds share."""

    unprojected: Tensor | None = None
    projected: Tensor | None = None

    def __init__(
        self,
        gates: Tensor,
        weight: Tensor,
        states: tuple[Tensor, ...],
        bias: Tensor | None,
        projection: Tensor | None,
    ) -> None:
        self._gates = self._started(gates, bias).transpose(0, 1).contiguous()
        self._weight, self._projection = weight, projection
        self._states, self._has_bias = states, bias is not None
        # h before step t lies at t, h after it at t + 1.
        self._path = gates.new_empty(gates.shape[1] + 1, *states[0].shape)
        self._path[0] = states[0]
        self.earlier = self._path[:-1]
        self.hidden = self._gates

    def _started(self, gates: Tensor, bias: Tensor | None) -> Tensor:
        """What every step starts from: the input's part and the recurrent bias."""
        return gates if bias is None else gates + bias

    def _out(self) -> Tensor:
        return self._path[1:].transpose(0, 1).clone()

    def parameter_gradients(self) -> tuple[Tensor | None, ...]:
        gates, path = self.hidden.flatten(0, 1), self.earlier.flatten(0, 1)
        projected = None
        if self.projected is not None and self.unprojected is not None:
            projected = self.projected.flatten(0, 1).mT @ self.unprojected.flatten(0, 1)
        return gates.mT @ path, gates.sum(0) if self._has_bias else None, projected


class _Rnn(_Common):
    """h' = f(gates + W h), f = tanh or max(0, .)."""

    def _activate(self, total: Tensor) -> Tensor:
        return total.tanh_()

    def _slopes(self) -> Tensor:
        return 1 - self._path[1:].square()

    def forward(self) -> tuple[Tensor, ...]:
        back = self._weight.mT
        for step, gates in enumerate(self._gates):
            self._path[step + 1] = self._activate(torch.addmm(gates, self._path[step], back))
        return (self._out(),)

    def backward(self, *gradients: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        outer, slopes = gradients[0].transpose(0, 1), self._slopes()
        hidden = torch.empty_like(slopes)
        later = torch.zeros_like(self._path[0])
        for step in range(len(slopes) - 1, -1, -1):
            torch.mul(later.add_(outer[step]), slopes[step], out=hidden[step])
            later = hidden[step] @ self._weight
        self.hidden = hidden
        return hidden.transpose(0, 1), (later,)


class _ReluRnn(_Rnn):
    def _activate(self, total: Tensor) -> Tensor:
        return total.relu_()

    def _slopes(self) -> Tensor:
        return (self._path[1:] > 0).to(self._path.dtype)


class _Gru(_Common):
    """r, z = σ(.); n = tanh(x_n + r (W_n h + b_n)); h' = n + z (h - n).

    The recurrent bias of n stands inside the product with r, so it is added step by step.
    """

    def _started(self, gates: Tensor, bias: Tensor | None) -> Tensor:
        self._bias = bias
        return gates

    def forward(self) -> tuple[Tensor, ...]:
        size, back = self._path.shape[-1], self._weight.mT
        self._kept = torch.empty_like(self._gates)  # r, z, n
        self._inner = torch.empty_like(self._path[1:])  # W_n h + b_n
        for step, gates in enumerate(self._gates):
            before, kept = self._path[step], self._kept[step]
            product = before @ back
            if self._bias is not None:
                product += self._bias
            torch.add(gates[:, : 2 * size], product[:, : 2 * size], out=kept[:, : 2 * size])
            kept[:, : 2 * size].sigmoid_()
            r, z, n = kept.chunk(3, dim=1)
            self._inner[step] = product[:, 2 * size :]
            torch.addcmul(gates[:, 2 * size :], r, self._inner[step], out=n)
            torch.lerp(n.tanh_(), before, z, out=self._path[step + 1])
        return (self._out(),)

    def backward(self, *gradients: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        outer = gradients[0].transpose(0, 1)
        r, z, n = self._kept.chunk(3, dim=-1)
        to_n = (1 - z) * (1 - n.square())
        to_z = (self.earlier - n) * z * (1 - z)
        to_r = to_n * self._inner * r * (1 - r)
        slopes = torch.stack([to_r, to_z, to_n * r], dim=2)  # [steps, rows, 3, hidden]
        hidden, totals = torch.empty_like(slopes), torch.empty_like(to_n)
        later = torch.zeros_like(self._path[0])
        for step in range(len(outer) - 1, -1, -1):
            torch.add(later, outer[step], out=totals[step])
            torch.mul(slopes[step], totals[step][:, None], out=hidden[step])
            later = torch.addmm(totals[step] * z[step], hidden[step].flatten(1), self._weight)
        inputs = hidden.clone()
        torch.mul(totals, to_n, out=inputs[:, :, 2])
        self.hidden = hidden.flatten(2)
        return inputs.flatten(2).transpose(0, 1), (later,)


class _Lstm(_Common):
    """i, f, o = σ(.), g = tanh(.); c' = f c + i g; h' = o tanh(c'), projected if asked."""

    def forward(self) -> tuple[Tensor, ...]:
        size, back = self._states[1].shape[-1], self._weight.mT
        self._kept = torch.empty_like(self._gates)  # i, f, g, o
        steps, rows = self._gates.shape[:2]
        self._cells = self._gates.new_empty(steps + 1, rows, size)
        self._cells[0] = self._states[1]
        self._squashed = torch.empty_like(self._cells[1:])  # tanh(c')
        full = self._path if self._projection is None else torch.empty_like(self._cells)
        for step, gates in enumerate(self._gates):
            kept, cell = self._kept[step], self._cells[step + 1]
            torch.addmm(gates, self._path[step], back, out=kept)
            i, f, g, o = kept.chunk(4, dim=1)
            kept[:, : 2 * size].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, self._cells[step], out=cell).addcmul_(i, g)
            torch.mul(o, torch.tanh(cell, out=self._squashed[step]), out=full[step + 1])
            if self._projection is not None:
                torch.mm(full[step + 1], self._projection.mT, out=self._path[step + 1])
        self.unprojected = None if self._projection is None else full[1:]
        return self._out(), self._cells[-1].clone()

    def backward(self, *gradients: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        outer = gradients[0].transpose(0, 1)
        i, f, g, o = self._kept.chunk(4, dim=-1)
        to_cell = o * (1 - self._squashed.square())
        by_cell = torch.stack(
            [g * i * (1 - i), self._cells[:-1] * f * (1 - f), i * (1 - g.square())], dim=2
        )
        by_out = self._squashed * o * (1 - o)
        hidden = self._kept.new_empty(*self._kept.shape[:2], 4, o.shape[-1])
        totals = torch.empty_like(self.earlier)
        later, cell = torch.zeros_like(self._path[0]), gradients[1].clone()
        for step in range(len(outer) - 1, -1, -1):
            total = torch.add(later, outer[step], out=totals[step])
            full = total if self._projection is None else total @ self._projection
            cell.addcmul_(full, to_cell[step])
            torch.mul(by_cell[step], cell[:, None], out=hidden[step, :, :3])
            torch.mul(by_out[step], full, out=hidden[step, :, 3])
            cell.mul_(f[step])
            later = hidden[step].flatten(1) @ self._weight
        self.hidden = hidden.flatten(2)
        self.projected = None if self._projection is None else totals
        return self.hidden.transpose(0, 1), (later, cell)


# By the names that torch's layers give their kind (`mode`).
STEPS: dict[str, type[Steps]] = {
    "RNN_TANH": _Rnn,
    "RNN_RELU": _ReluRnn,
    "GRU": _Gru,
    "LSTM": _Lstm,
}
