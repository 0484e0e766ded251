# SPDX-License-Identifier: Apache-2.0
"""What a service lets out of each answer: the less, the less a thief is taught by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from polyveil import _validate

Form: TypeAlias = Literal["probabilities", "rounded", "top-1", "label"]


@dataclass(frozen=True, slots=True)
class Answers:
    """The form in which a target answers.

    Attributes:
      form: "probabilities" of all classes; the same "rounded"; "top-1", the likeliest class and its
        probability; "label", the likeliest class alone.
      decimals: of "rounded".
    """

    form: Form = "probabilities"
    decimals: int = 1

    def __post_init__(self) -> None:
        _validate.at_least(0, decimals=self.decimals)
        if self.form not in ("probabilities", "rounded", "top-1", "label"):
            raise ValueError(
                f"expected form probabilities, rounded, top-1 or label, got {self.form!r}."
            )

    @property
    def name(self) -> str:
        """e.g. "probabilities rounded to one decimal"."""
        places = "one decimal" if self.decimals == 1 else f"{self.decimals} decimals"
        said = {
            "probabilities": "all probabilities",
            "rounded": f"probabilities rounded to {places}",
            "top-1": "the likeliest class and its probability",
            "label": "the likeliest class alone",
        }
        return said[self.form]

    def __call__(self, logits: Tensor) -> Tensor:
        """What a thief can best believe after the answer: probabilities, float32 (n, classes).

        A rounded answer is scaled back to one (a row of zeros says nothing: all classes alike);
        what top-1 leaves over goes to the other classes in equal parts.
        """
        exact = logits.softmax(1)
        classes = exact.shape[1]
        best, first = exact.max(1, keepdim=True)
        if self.form == "label":
            return functional.one_hot(first[:, 0], classes).float()
        if self.form == "top-1":
            rest = ((1 - best) / (classes - 1)).expand(-1, classes)
            return rest.scatter(1, first, best).float()
        if self.form == "rounded":
            coarse = exact.round(decimals=self.decimals)
            total = coarse.sum(1, keepdim=True)
            return torch.where(total > 0, coarse / total.clamp_min(1e-12), 1 / classes).float()
        return exact.float()
