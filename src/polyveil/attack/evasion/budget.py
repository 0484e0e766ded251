# SPDX-License-Identifier: Apache-2.0
"""How much an attacker may change in each modality, and whether he kept to it.

Each modality has a budget of its own: a tenth of a picture's range and a tenth of a spectrogram's
are different numbers and different harms. A modality without a budget stays untouched to the bit,
so that one mapping says everything about an attack on one modality or on several at once.

Source: norm balls within a box as in Madry et al., ICLR 2018, https://arxiv.org/abs/1706.06083
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Inputs
from polyveil.attack.missing import rows_there
from polyveil.errors import UsageError

Norm: TypeAlias = Literal["linf", "l2"]
SHARE = 8 / 255
"""Default strength as a share of a modality's range: what pictures are usually attacked with. A
choice, not a finding; whether people notice it depends on the modality."""
_STRIDE = 2.5
"""A walk of steps x step = 2.5 epsilon reaches the border from anywhere and may turn (Madry)."""
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be done to one modality.

    Attributes:
      norm: "linf" bounds each value, "l2" the Euclidean length over the record's values.
      epsilon: the bound, in the units of the inputs, > 0.
      box: lowest and highest value that can occur; None where there is no such limit.
      step: of the iterative searches, in the same units; None for 2.5 epsilon / steps.
      mask: broadcastable to one record, 1 where values may change, 0 elsewhere; None for all.
    """

    norm: Norm
    epsilon: float
    box: tuple[float, float] | None = (0.0, 1.0)
    step: float | None = None
    mask: Tensor | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise ValueError(f"expected norm 'linf' or 'l2', got {self.norm!r}.")
        _validate.positive(epsilon=self.epsilon)
        if self.step is not None:
            _validate.positive(step=self.step)
        if self.box is not None and not self.box[0] < self.box[1]:
            raise ValueError(f"expected a box (low, high) with low < high, got {self.box}.")

    def stride(self, steps: int) -> float:
        """The step of a search of so many steps."""
        return self.step if self.step is not None else _STRIDE * self.epsilon / steps

    def scaled(self, factor: float) -> Budget:
        """The same budget at another strength."""
        step = None if self.step is None else self.step * factor
        return replace(self, epsilon=self.epsilon * factor, step=step)

    def unbounded(self, values: Tensor) -> Budget:
        """Everything that the box allows: an attack that fails even so is a broken attack."""
        low, high = self.box or (float(values.min()), float(values.max()))
        width = max(high - low, self.epsilon)
        reach = width * values[0].numel() ** 0.5 if self.norm == "l2" else width
        return replace(self, epsilon=reach, step=None, mask=None)

    def used(self, values: Tensor, origin: Tensor) -> Tensor:
        """Share of epsilon that each record's change takes: float64 (n,)."""
        delta = (values.double() - origin.double()).flatten(1)
        order = float("inf") if self.norm == "linf" else 2.0
        reach: Tensor = torch.linalg.vector_norm(delta, ord=order, dim=1)
        return reach / self.epsilon

    @property
    def sentence(self) -> str:
        """E.g. "each value by at most 0.0314, within 0 to 1"."""
        what = "each value by at most" if self.norm == "linf" else "in all by at most (L2)"
        within = "" if self.box is None else f", within {self.box[0]:.4g} to {self.box[1]:.4g}"
        return f"{what} {self.epsilon:.4g}{within}" + ("" if self.mask is None else ", masked")


Budgets: TypeAlias = Mapping[str, Budget]
"""Modality -> budget; modalities that are not in it stay untouched."""


def default_budget(values: Tensor, *, norm: Norm = "linf", share: float = SHARE) -> Budget:
    """A budget from data alone: the box that the values span, a share of its width as strength.

    Values that lie in [0, 1] get that box, others their least and greatest value. Under "l2" the
    strength is what a change of `share` in each hundredth value amounts to.

    Raises:
      UsageError: there is no record.
    """
    if not values.numel():
        raise UsageError("evasion: no values to take a budget from; expected at least one record.")
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    width = (high - low) or 1.0
    reach = share * width
    if norm == "l2":
        reach *= max(values[0].numel() / 100.0, 1.0) ** 0.5
    return Budget(norm, reach, (low, low + width))


def default_budgets(inputs: Inputs, *, norm: Norm = "linf", share: float = SHARE) -> Budgets:
    """`default_budget` for every modality of real numbers; token ids and other integers get none.

    Fillers of records that lack a modality say nothing of its range; one that nobody has gets none.

    Raises:
      UsageError: there is no modality of real numbers.
    """
    found = {
        name: default_budget(rows_there(inputs, name), norm=norm, share=share)
        for name, values in inputs.items()
        if values.is_floating_point() and rows_there(inputs, name).numel()
    }
    if not found:
        raise UsageError(
            f"evasion: {', '.join(inputs)} hold integers, which have no small change; expected a "
            "modality of real numbers. Attack the model from its embeddings on, and call the "
            "figure an upper bound."
        )
    return found


def check(budgets: Budgets, inputs: Inputs) -> None:
    """Refuses budgets that do not fit the inputs.

    Raises:
      UsageError: no budget, an unknown modality, one of integers (text), or a mask of another
        shape.
    """
    if not budgets:
        raise UsageError("evasion: no budget; expected at least one modality -> Budget(...).")
    for name, budget in budgets.items():
        if name not in inputs:
            raise UsageError(
                f"evasion: budget for {name!r}, which the model does not take; it takes "
                f"{', '.join(inputs)}."
            )
        values = inputs[name]
        if not values.is_floating_point():
            raise UsageError(
                f"{name}: {values.dtype} (token ids?) has no small change in a norm. Leave it out "
                "of the budgets to keep it untouched, or attack the model from its embeddings on "
                "and call the figure an upper bound."
            )
        if budget.mask is not None:
            _check_mask(name, budget.mask, values)


def _check_mask(name: str, mask: Tensor, values: Tensor) -> None:
    record = values.shape[1:]
    try:
        mask.expand(record)
    except RuntimeError as wrong:
        raise UsageError(
            f"{name}: mask {tuple(mask.shape)}; expected one that broadcasts to a record, "
            f"{tuple(record)}."
        ) from wrong


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether adversarial inputs are within the rules, measured afterwards.

    Attributes:
      used: modality -> greatest share of epsilon that a record's change takes.
      outside: modality -> share of adversarial values outside its box.
      untouched: modalities without a budget are the same to the bit.
    """

    used: Mapping[str, float]
    outside: Mapping[str, float]
    untouched: bool

    @property
    def within(self) -> bool:
        """No rule was broken by more than rounding."""
        fits = all(share <= 1.0 + 100 * _ROUNDING for share in self.used.values())
        return fits and self.untouched and not any(self.outside.values())


def kept(budgets: Budgets, inputs: Inputs, origin: Inputs) -> Kept:
    """Measures adversarial inputs against the budgets they were made under."""
    return Kept(
        {
            name: float(budget.used(inputs[name], origin[name]).max()) if len(inputs[name]) else 0.0
            for name, budget in budgets.items()
        },
        {name: outside(rows_there(inputs, name), one.box) for name, one in budgets.items()},
        all(torch.equal(inputs[name], origin[name]) for name in inputs if name not in budgets),
    )


def outside(values: Tensor, box: tuple[float, float] | None) -> float:
    """Share of values beyond the box by more than rounding."""
    if box is None or not values.numel():
        return 0.0
    slack = _ROUNDING * (box[1] - box[0])
    return float(((values < box[0] - slack) | (values > box[1] + slack)).double().mean())
