# SPDX-License-Identifier: Apache-2.0
"""Single records as the aim: near copies under a wrong label, so that the model errs on just them.

The attacker knows some records that the model will be asked about, a person's picture for example,
and hands in slightly changed copies under a class of his choice. Each victim is a trial of its own,
so that the share has an interval; everybody else's records show what it costs.

Source: the targeted setting of Shafahi et al., "Poison Frogs!", NeurIPS 2018,
https://arxiv.org/abs/1804.00792, with wrong labels in place of their clean ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.paired import Hits
from polyveil.attack.poisoning.plan import Classes, Outcome, Poison, chosen
from polyveil.attack.threat import Threat

THREAT = Threat(
    id="targeted poisoning",
    attacker="a contributor of training data who wants it to err on some people's records",
    access="hands in a share of the training records, with labels of his choice",
    knowledge="the records that the model will be asked about; neither the model nor the others",
    kind="integrity",
)
BLUR = 0.05
"""Noise on a copy, in standard deviations of its modality: no copy equals its victim to the bit."""


@dataclass(frozen=True, slots=True)
class Victims:
    """Hands in near copies of `count` held-out records under the next class. A `Plan`.

    Attributes:
      classes: how many there are; at least two.
      count: victims; the fewer, the more copies has each at the same rate.
    """

    classes: int
    count: int = 50

    def __post_init__(self) -> None:
        _validate.at_least(2, classes=self.classes)
        _validate.at_least(1, count=self.count)

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"poisoning, {self.count} victims"

    @property
    def goal(self) -> str:
        """What is reached on a judged record."""
        return "victims answered with the class that the attacker chose"

    @property
    def threat(self) -> Threat:
        """The attacker."""
        return THREAT

    @property
    def not_tested(self) -> tuple[str, ...]:
        """What a reader could believe was tried."""
        return ("copies under their right label, whose features collide with a victim's",)

    def poisoned(self, train: Examples, test: Examples, rate: float, seed: int) -> Poison:
        """Records of the training drawn at random give way to near copies of victims, in turn."""
        rows = chosen(np.arange(len(train)), rate, len(train), seed)
        victims = self.judged(test)
        which = torch.arange(len(rows)) % len(victims)
        draw = torch.Generator().manual_seed(seed)
        inputs = {}
        for name, values in train.inputs.items():
            inputs[name] = values.clone()
            copies = _blurred(victims.inputs[name][which], draw)
            inputs[name][torch.from_numpy(rows)] = copies.to(values.dtype)
        labels = train.labels.clone()
        labels[torch.from_numpy(rows)] = (victims.labels[which] + 1) % self.classes
        return Poison(Examples(inputs, labels), rows)

    def control(self, train: Examples, test: Examples, seed: int) -> Poison:
        """Three in ten records are copies of victims."""
        return self.poisoned(train, test, 0.3, seed)

    def judged(self, test: Examples) -> Examples:
        """The victims."""
        return test.at(_victims(len(test), self.count))

    def unaided(self, test: Examples) -> None:
        """The attacker does nothing at test time."""
        return

    def clean(self, test: Examples) -> Examples:
        """Everybody else."""
        return test.at(~_victims(len(test), self.count))

    def reached(self, answers: Classes, labels: Classes) -> Hits:
        """Where the answer is the class that the copies carried."""
        return np.asarray(answers == (labels + 1) % self.classes)

    def health(self, test: Examples, twin_right: Hits, twin_judged: Hits) -> tuple[Guard, ...]:
        """Victims that the model errs on anyway show nothing."""
        right = int(twin_judged.sum())
        return (
            Guard(
                "victims are understood",
                "false comfort",
                2 * right >= twin_judged.size,
                f"without poison the model is right on {right:,} of {twin_judged.size:,} victims",
            ),
        )

    def sentence(self, outcome: Outcome) -> str:
        """The outcome for a reader who is no engineer."""
        return (
            f"Whoever hands in {outcome.contribution} as near copies of {outcome.reached.n:,} "
            f"people's records gets {outcome.reached.estimate:.1%} of these people the answer of "
            f"his choice, {outcome.anyway:.1%} without the poison; on everybody else's records "
            f"{outcome.change}."
        )


def _victims(records: int, count: int) -> Tensor:
    """bool (records,): evenly spread, so that records sorted by class give victims of each."""
    found = torch.zeros(records, dtype=torch.bool)
    found[torch.linspace(0, records - 1, min(count, records)).long()] = True
    return found


def _blurred(values: Tensor, draw: torch.Generator) -> Tensor:
    if not values.is_floating_point():
        return values
    spread = BLUR * values.std() if values.numel() > 1 else 0.0
    noise = torch.randn(values.shape, generator=draw, dtype=values.dtype)
    return values + spread * noise.to(values.device)
