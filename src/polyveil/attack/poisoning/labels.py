# SPDX-License-Identifier: Apache-2.0
"""Wrong labels: a contributor who makes the model worse, for all classes or for one.

Labels go to the next class, always the same, since a network shrugs off labels that are wrong in
every direction. Where one class is the aim, only its records are touched, and only its errors are
judged.

Source: Biggio et al., ICML 2012, https://arxiv.org/abs/1206.6389.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.poisoning.plan import Classes, Outcome, Poison, chosen
from polyveil.attack.threat import Threat

THREAT = Threat(
    id="poisoning",
    attacker="a contributor of training data who wants the model to err",
    access="hands in a share of the training records, with labels of his choice",
    knowledge="the task and its classes; neither the model nor the other records",
    kind="integrity",
)


@dataclass(frozen=True, slots=True)
class FlippedLabels:
    """Hands in records of the task under the label of the next class. A `Plan`.

    Attributes:
      classes: how many there are; at least two.
      source: only records of this class; None for all.
    """

    classes: int
    source: int | None = None

    def __post_init__(self) -> None:
        _validate.at_least(2, classes=self.classes)
        if self.source is not None and not 0 <= self.source < self.classes:
            raise ValueError(f"expected source in [0, {self.classes}), got {self.source}.")

    @property
    def name(self) -> str:
        """As a report prints it."""
        aim = "" if self.source is None else f" of class {self.source}"
        return f"poisoning, flipped labels{aim}"

    @property
    def goal(self) -> str:
        """What is reached on a judged record."""
        return "errors" if self.source is None else f"errors on class {self.source}"

    @property
    def threat(self) -> Threat:
        """The attacker."""
        return THREAT

    @property
    def not_tested(self) -> tuple[str, ...]:
        """What a reader could believe was tried."""
        return ("poison optimised against this training (gradient matching, bilevel optimisation)",)

    def poisoned(self, train: Examples, test: Examples, rate: float, seed: int) -> Poison:
        """Labels of a share of the records moved to the next class; inputs stay."""
        labels = train.labels.numpy(force=True).copy()
        open_to_him = np.ones(len(labels), bool) if self.source is None else labels == self.source
        rows = chosen(np.flatnonzero(open_to_him), rate, len(train), seed)
        labels[rows] = (labels[rows] + 1) % self.classes
        return Poison(Examples(train.inputs, train.labels.new_tensor(labels)), rows)

    def control(self, train: Examples, test: Examples, seed: int) -> Poison:
        """Nine tenths of what may be flipped: then the wrong label is what there is to learn."""
        share = 1.0 if self.source is None else float((train.labels == self.source).float().mean())
        return self.poisoned(train, test, 0.9 * share, seed)

    def judged(self, test: Examples) -> Examples:
        """All held-out records, or those of the class that is the aim."""
        return test if self.source is None else test.at(test.labels == self.source)

    def unaided(self, test: Examples) -> None:
        """The attacker does nothing at test time."""
        return

    def clean(self, test: Examples) -> Examples:
        """All held-out records."""
        return test

    def reached(self, answers: Classes, labels: Classes) -> Hits:
        """Where the model errs."""
        return np.asarray(answers != labels)

    def health(self, test: Examples, twin_right: Hits, twin_judged: Hits) -> tuple[Guard, ...]:
        """None beside those of every plan."""
        return ()

    def sentence(self, outcome: Outcome) -> str:
        """The outcome for a reader who is no engineer."""
        whom = "" if self.source is None else f" on records of class {self.source}"
        return (
            f"Whoever hands in {outcome.contribution} with wrong labels moves the model's errors"
            f"{whom} from {outcome.anyway:.1%} to {outcome.reached.estimate:.1%} of "
            f"{outcome.reached.n:,} held-out records."
        )
