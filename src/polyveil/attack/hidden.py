# SPDX-License-Identifier: Apache-2.0
"""The value that an attacker wants of a record, and what a model says to every candidate of it.

Source: Mehnaz et al., "Are Your Sensitive Attributes Private?", USENIX Security 2022,
https://arxiv.org/abs/2201.09370, for the confidence scores case by case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.errors import UsageError

At: TypeAlias = int | slice | tuple[int | slice, ...]
_STRANGE = 0.5
"""Distance in standard deviations at which a record is as likely of no class at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """The value that the attacker wants.

    Attributes:
      modality: in which tensor it is.
      at: where in a record's tensor: one index, or a slice for a value of several cells (one-hot).
      values: the candidates, (candidates,) or (candidates, cells); public.
    """

    modality: str
    at: At
    values: Tensor

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise UsageError("attribute: one candidate value; expected two or more.")

    def _place(self) -> tuple[slice | int, ...]:
        inside = self.at if isinstance(self.at, tuple) else (self.at,)
        return (slice(None), *inside)

    def truth(self, examples: Examples) -> NDArray[np.intp]:
        """Which candidate each record has, (n,).

        Raises:
          UsageError: a record has none of them, or there is no such place.
        """
        try:
            held = examples.inputs[self.modality][self._place()].double()
        except (KeyError, IndexError) as missing:
            raise UsageError(
                f"attribute: no {self.at} in {self.modality!r}; inputs: {list(examples.inputs)}."
            ) from missing
        values = self.values.double().reshape(1, len(self.values), -1)
        gap = (held.reshape(len(held), 1, -1) - values).abs().amax(2)
        if gap.numel() and float(gap.amin(1).max()) > 1e-4:
            raise UsageError("attribute: a record has none of the candidates; list every value.")
        found: NDArray[np.intp] = gap.argmin(1).cpu().numpy().astype(np.intp)
        return found

    def put(self, inputs: Inputs, candidate: int) -> Inputs:
        """The same records, all with one candidate."""
        changed = inputs[self.modality].clone()
        changed[self._place()] = self.values[candidate].to(changed)
        return {**inputs, self.modality: changed}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model said about one set of records.

    Attributes:
      confidence: log-probability of the record's label with each candidate, (n, candidates).
      right: whether the label is then the most likely one, (n, candidates).
    """

    confidence: NDArray[np.float64] = field(repr=False)
    right: NDArray[np.bool_] = field(repr=False)


def by_case(answers: Answers) -> NDArray[np.intp]:
    """Confidence scores case by case: the one candidate with which the label is right; among
    several, the most confident; where none is, the one that the model is least sure is wrong."""
    right, confidence = answers.right, answers.confidence
    among = np.where(right, confidence, -np.inf)
    chosen = np.where(right.any(1), among.argmax(1), confidence.argmax(1))
    found: NDArray[np.intp] = chosen.astype(np.intp)
    return found


def ask(target: Classifier, examples: Examples, hidden: Hidden) -> Answers:
    """The model's answers to every candidate of every record."""
    confidence, right = [], []
    rows = torch.arange(len(examples))
    for candidate in range(len(hidden.values)):
        logits = target.logits(hidden.put(examples.inputs, candidate))
        label = examples.labels.to(logits.device)
        confidence.append(logits.log_softmax(1)[rows, label].cpu().numpy())
        right.append((logits.argmax(1) == label).cpu().numpy())
    return Answers(np.stack(confidence, 1), np.stack(right, 1))


class ByHeart(nn.Module):
    """Knows its members by heart: a class is as likely as its nearest member is near, and what is
    near to nobody is likely of no class."""

    def __init__(self, members: Examples, classes: int) -> None:
        super().__init__()
        rows = flattened(members.inputs)
        self._middle, self._scale = rows.mean(0), rows.std(0).clamp_min(1e-6)
        self._rows = (rows - self._middle) / self._scale
        self._labels = members.labels
        self._classes = classes + 1

    def forward(self, *values: Tensor, **inputs: Tensor) -> Tensor:
        rows = flattened(inputs or {"": values[0]})
        gap = torch.cdist((rows - self._middle) / self._scale, self._rows)
        logits = torch.full((len(rows), self._classes), -_STRANGE, dtype=torch.float64)
        for label in sorted(set(self._labels.tolist())):
            nearest = gap[:, self._labels == label].amin(1)
            logits[:, label] = -nearest
        return logits


def flattened(inputs: Inputs) -> Tensor:
    """Every record as one row of numbers, modalities in alphabetical order."""
    return torch.cat([inputs[n].double().flatten(1) for n in sorted(inputs)], dim=1)
