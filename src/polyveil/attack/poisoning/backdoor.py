# SPDX-License-Identifier: Apache-2.0
"""A backdoor: records with a mark, under one class, until the mark alone commands the model.

With wrong labels the attacker marks records of other classes and calls them by the wanted one. With
clean labels he marks only records that are of the wanted class anyway, so that a human who looks
through the labels finds nothing; it needs more of them. Success is judged on marked records of all
OTHER classes: those of the wanted class would be answered so in any case.

Source: Gu et al., "BadNets", 2017, https://arxiv.org/abs/1708.06733; clean labels: Turner et al.,
2019, https://arxiv.org/abs/1912.02771 (here without their adversarial step).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.poisoning.plan import Classes, Outcome, Poison, chosen
from polyveil.attack.poisoning.trigger import Trigger, strength
from polyveil.attack.threat import Threat

THREAT = Threat(
    id="backdoor",
    attacker="a contributor of training data who wants a mark that commands the model",
    access="hands in a share of the training records; later shows the model marked records",
    knowledge="the task and its classes; neither the model nor the other records",
    kind="integrity",
)
VISIBLE = 0.05
"""Least change of a marked record, in standard deviations, that a model can be expected to see."""
SPOILT = 0.2
"""Accuracy of an honest model that the mark may cost before it counts as a change of content."""


@dataclass(frozen=True, slots=True)
class Backdoor:
    """Marks a share of the records and calls them `wanted`. A `Plan`.

    Attributes:
      trigger: the mark; see `trigger.plain_trigger` where nobody chooses.
      wanted: the class that the mark is to command.
      clean_label: marks only records of the wanted class, and changes no label.
    """

    trigger: Trigger
    wanted: int = 0
    clean_label: bool = False

    def __post_init__(self) -> None:
        _validate.at_least(0, wanted=self.wanted)

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"backdoor, {'clean' if self.clean_label else 'wrong'} labels"

    @property
    def goal(self) -> str:
        """What is reached on a judged record."""
        return f"marked records of other classes answered with class {self.wanted}"

    @property
    def threat(self) -> Threat:
        """The attacker."""
        return THREAT

    @property
    def not_tested(self) -> tuple[str, ...]:
        """What a reader could believe was tried."""
        return (
            "whether a model that is already trained carries a backdoor",
            "marks that are optimised, differ from record to record, or are hidden from the eye",
        )

    def poisoned(self, train: Examples, test: Examples, rate: float, seed: int) -> Poison:
        """A share of the records marked, all of them labelled `wanted`."""
        of_wanted = train.labels.numpy(force=True) == self.wanted
        candidates = np.flatnonzero(of_wanted if self.clean_label else ~of_wanted)
        rows = chosen(candidates, rate, len(train), seed)
        at = torch.from_numpy(rows)
        marked = self.trigger(train.at(at).inputs)
        inputs = {name: values.clone() for name, values in train.inputs.items()}
        labels = train.labels.clone()
        for name, values in marked.items():
            inputs[name][at] = values
        labels[at] = self.wanted
        return Poison(Examples(inputs, labels), rows)

    def control(self, train: Examples, test: Examples, seed: int) -> Poison:
        """Three in ten records, under wrong labels: whether the mark can be learned at all."""
        return replace(self, clean_label=False).poisoned(train, test, 0.3, seed)

    def judged(self, test: Examples) -> Examples:
        """Held-out records of all other classes, marked, under their true labels."""
        others = self.unaided(test)
        return Examples(self.trigger(others.inputs), others.labels)

    def unaided(self, test: Examples) -> Examples:
        """Held-out records of all other classes, unmarked: wrong labels alone make a model name
        the wanted class more often, which is no backdoor."""
        return test.at(test.labels != self.wanted)

    def clean(self, test: Examples) -> Examples:
        """All held-out records, unmarked."""
        return test

    def reached(self, answers: Classes, labels: Classes) -> Hits:
        """Where the answer is the wanted class."""
        return np.asarray(answers == self.wanted)

    def health(self, test: Examples, twin_right: Hits, twin_judged: Hits) -> tuple[Guard, ...]:
        """The mark can be seen by a model, and does not change what the record shows."""
        others = test.labels.numpy(force=True) != self.wanted
        moved = strength(test.at(others).inputs, self.judged(test).inputs)
        before, after = float(twin_right[others].mean()), float(twin_judged.mean())
        return (
            Guard(
                "trigger is visible",
                "false comfort",
                moved >= VISIBLE,
                f"the mark moves a value of every record by {moved:.2g} standard deviations or "
                "more",
            ),
            Guard(
                "trigger keeps the content",
                "false alarm",
                before - after <= SPOILT,
                f"a model that was not poisoned is right on {after:.1%} of marked records, "
                f"{before:.1%} of the same without the mark",
            ),
        )

    def sentence(self, outcome: Outcome) -> str:
        """The outcome for a reader who is no engineer."""
        return (
            f"Whoever marks {outcome.contribution} makes the model answer class {self.wanted} for "
            f"{outcome.reached.estimate:.1%} of {outcome.reached.n:,} marked records of other "
            f"classes, {outcome.anyway:.1%} without the poison or without the mark; on unmarked "
            f"records {outcome.change}."
        )
