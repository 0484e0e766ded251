# SPDX-License-Identifier: Apache-2.0
"""What a theft leaves behind: the answers of target, copies and rivals to the same records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.splits import SplitProof

Classes: TypeAlias = NDArray[np.int64]
"""(held out,): one class a record."""


@dataclass(frozen=True, eq=False)
class Transferred:
    """Whether the target errs on samples that were made against another model.

    Attributes:
      step: size, in standard deviations of a modality.
      copy, rival, random: bool, by record on which the target is right otherwise: made against
        the copy, against a surrogate on the thief's own labels, or against nothing.
    """

    step: float
    copy: Hits = field(repr=False)
    rival: Hits = field(repr=False)
    random: Hits = field(repr=False)


@dataclass(frozen=True, eq=False)
class Stolen:
    """Answers of all models to the held-out records.

    Attributes:
      budgets, answers: queries, and the form of what came back.
      target, target_again: its answers, asked twice.
      labels: the truth.
      copies: (budgets, twins, held out), taught by the target; the first was meant, the others
        differ from it by their seed.
      own: (budgets, twins, held out), taught by the thief's labels.
      dealt: taught by answers that were dealt to the wrong records, greatest budget.
      constant: the answer that the target gives most often to the thief.
      planted: answers of a target that no label of the thief resembles, and of its copy.
      fit: by budget, share of its own queries that the copy answers as it was taught.
      splits: thief, held out, and the target's training if it was named.
      classes: whether the thief's records have the classes that are judged.
      transferred: None where it was not tried.
      models: trainings that it took.
      repeats: answers averaged for each query; more than one for a random target.
    """

    budgets: tuple[int, ...]
    answers: str
    target: Classes = field(repr=False)
    target_again: Classes = field(repr=False)
    labels: Classes = field(repr=False)
    copies: NDArray[np.int64] = field(repr=False)
    own: NDArray[np.int64] = field(repr=False)
    dealt: Classes = field(repr=False)
    constant: int
    planted: tuple[Classes, Classes] = field(repr=False)
    fit: tuple[float, ...]
    splits: SplitProof
    classes: Guard
    transferred: Transferred | None
    models: int
    repeats: int = 1

    @property
    def agreeing(self) -> NDArray[np.bool_]:
        """(budgets, held out): the copy answers as the target."""
        return np.asarray(self.copies[:, 0] == self.target)

    @property
    def agreeing_own(self) -> NDArray[np.bool_]:
        """(budgets, twins, held out): so does a surrogate on the thief's own labels."""
        return np.asarray(self.own == self.target)

    @property
    def always(self) -> Hits:
        """(held out,): so does a model that gives but one answer."""
        return np.asarray(self.target == self.constant)

    @property
    def best_own(self) -> NDArray[np.bool_]:
        """(budgets, held out): of the twin that agrees most often."""
        best = self.agreeing_own.mean(2).argmax(1)
        return np.stack([twins[at] for twins, at in zip(self.agreeing_own, best, strict=True)])
