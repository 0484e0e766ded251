# SPDX-License-Identifier: Apache-2.0
"""Extraction: a thief teaches a model of his own with the target's answers to his own records.

He has labels of his own for these records, too, so that what the target gives him is what its
answers teach beyond them: a surrogate of the same recipe on the same records stands beside every
copy. A thief without labels gains more than is stated here.

An attack on integrity, not on privacy: what is taken is the owner's work, and a copy in which
attacks can be prepared unseen. By itself it says nothing about a person.

Source: Tramèr et al., USENIX Security 2016, https://arxiv.org/abs/1609.02943; Orekondy et al.,
"Knockoff Nets", CVPR 2019, https://arxiv.org/abs/1812.02766; Jagielski et al., USENIX Security
2020, https://arxiv.org/abs/1909.01838 (agreement beside accuracy).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil import _validate
from polyveil.attack.averaged import Averaged, steadied
from polyveil.attack.class_balance import same_classes
from polyveil.attack.classifier import Call, Classifier, call
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.extraction.answers import Answers
from polyveil.attack.extraction.judgement import judge
from polyveil.attack.extraction.stolen import Classes, Stolen, Transferred
from polyveil.attack.extraction.transfer import scattered, stepped
from polyveil.attack.paired import Hits
from polyveil.attack.plain_training import SoftRecipe
from polyveil.attack.result import AttackResult
from polyveil.attack.splits import SplitProof, prove_disjoint
from polyveil.errors import UsageError

BUDGETS = (100, 300, 1000, 3000)
TRANSFERRED = 500
"""Held-out records on which transfer is judged."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """Copies a classifier by asking it. An `Attack` whose target is a `Classifier`.

    Attributes:
      records: the thief's, under his own labels; at least as many as the greatest budget.
      held_out: records on which agreement is judged; nobody trained on them.
      recipe: how surrogates are trained, e.g. `PlainTraining(make, epochs=30).fitted`.
      budgets: queries, rising; each starts with the records of the smaller ones.
      answers: what the target lets out.
      trained_on: `Examples.digests` of the target's training records, if known: then it is proven
        that the thief holds none of them.
      twins: copies, and as many surrogates on his own labels, for each budget; at least two. The
        best of the latter is the baseline; the gain must stand out from what seeds alone do.
      step: of the samples that are transferred, in standard deviations; 0 for no transfer.
      tolerance: agreement beyond the baseline that still counts as nothing, as a share.
      calling: how a surrogate is called.
      seed: order of queries and training of the copies.
    """

    records: Examples = field(repr=False)
    held_out: Examples = field(repr=False)
    recipe: SoftRecipe = field(repr=False)
    budgets: tuple[int, ...] = BUDGETS
    answers: Answers = Answers()  # noqa: RUF009 - frozen
    trained_on: tuple[bytes, ...] = field(default=(), repr=False)
    twins: int = 2
    step: float = 0.5
    tolerance: float = 0.01
    calling: Call = call
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(2, twins=self.twins)
        _validate.at_least(1, held_out=len(self.held_out))
        _validate.not_negative(tolerance=self.tolerance, step=self.step)
        rising = list(self.budgets) == sorted(set(self.budgets)) and bool(self.budgets)
        if not rising or not 2 <= self.budgets[0] <= self.budgets[-1] <= len(self.records):
            raise UsageError(
                f"extraction: budgets {self.budgets} with {len(self.records):,} records of the "
                "thief; expected rising numbers from 2 on, the greatest at most his records."
            )

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"extraction from {self.answers.name}"

    @property
    def models(self) -> int:
        """Trainings that one attempt takes."""
        return 2 * len(self.budgets) * self.twins + 3

    @property
    def taught(self) -> int:
        """Records of all these trainings together: what an attempt costs, in units of the recipe's
        time for one record."""
        return 2 * self.twins * sum(self.budgets) + 2 * self.budgets[-1]

    def attempt(self, target: Classifier) -> Stolen:
        """Asks the target about each record, trains copies, their rivals and the controls.

        A target that answers at random is asked several times, and so are copies of it.
        """
        target = self._steady(target)
        order = np.random.default_rng(self.seed).permutation(len(self.records))
        queried = self.records.at(order[: self.budgets[-1]])
        logits = target.logits(queried.inputs)
        taught = self.answers(logits)
        own = _one_hot(queried.labels, logits.shape[1])
        copies, rivals = self._twins(queried, taught), self._twins(queried, own)
        dealt = taught[torch.randperm(len(taught), generator=_generator(self.seed))]
        asked, asked_again = self._said(target), self._said(target)
        return Stolen(
            budgets=self.budgets,
            answers=self.answers.name,
            target=asked,
            target_again=asked_again,
            labels=np.asarray(self.held_out.labels.numpy(force=True)),
            copies=np.stack([[self._said(one) for one in twins] for twins in copies]),
            own=np.stack([[self._said(one) for one in twins] for twins in rivals]),
            dealt=self._said(self._train(queried, dealt, self.budgets[-1])),
            constant=int(torch.bincount(taught.argmax(1)).argmax()),
            planted=self._planted(queried, own),
            fit=tuple(
                min(_fit(one, queried, taught, size) for one in twins)
                for twins, size in zip(copies, self.budgets, strict=True)
            ),
            splits=self._splits(),
            classes=same_classes(queried, self.held_out),
            transferred=self._transfer(target, copies[-1][0], rivals[-1][0]),
            models=self.models,
            repeats=target.answers if isinstance(target, Averaged) else 1,
        )

    def analyse(self, evidence: Stolen) -> AttackResult:
        """The budget with the greatest gain, paid for as that many trials."""
        return judge(self.name, evidence, tolerance=self.tolerance)

    def _twins(self, queried: Examples, taught: Tensor) -> list[list[Classifier]]:
        return [
            [self._train(queried, taught, size, at) for at in range(self.twins)]
            for size in self.budgets
        ]

    def _train(self, asked: Examples, taught: Tensor, size: int, at: int = 0) -> Classifier:
        inputs = asked.at(slice(0, size)).inputs
        return self._surrogate(inputs, taught[:size], self.seed + at)

    def _surrogate(self, inputs: Inputs, taught: Tensor, seed: int) -> Classifier:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module: nn.Module = self.recipe(inputs, taught, seed)
        return self._steady(Classifier(module, calling=self.calling))

    def _steady(self, model: Classifier) -> Classifier:
        return steadied(model, self.held_out.inputs, seed=self.seed)

    def _said(self, model: Classifier) -> Classes:
        return np.asarray(model.logits(self.held_out.inputs).argmax(1).numpy(force=True))

    def _planted(self, queried: Examples, own: Tensor) -> tuple[Classes, Classes]:
        """The positive control: a target of the same recipe, which calls every class by the next
        one's name, as no label of the thief does. Its own answers, and those of its copy."""
        half = len(queried) // 2
        first, second = queried.at(slice(0, half)), queried.at(slice(half, None))
        target = self._surrogate(first.inputs, own[:half].roll(1, 1), self.seed)
        taught = self.answers(target.logits(second.inputs))
        copy = self._surrogate(second.inputs, taught, self.seed + 1)
        return self._said(target), self._said(copy)

    def _splits(self) -> SplitProof:
        parts = {"thief": self.records.digests(), "held out": self.held_out.digests()}
        if self.trained_on:
            parts["target's training"] = list(self.trained_on)
        return prove_disjoint(parts)

    def _transfer(
        self, target: Classifier, copy: Classifier, rival: Classifier
    ) -> Transferred | None:
        some = self.held_out.at(slice(0, TRANSFERRED))
        moving = any(values.is_floating_point() for values in some.inputs.values())
        if not self.step or not moving:
            return None
        right = target.correct(some)
        if not bool(right.any()):
            return None
        some = some.at(right)

        def fooled(inputs: Inputs) -> Hits:
            return np.asarray(~target.correct(Examples(inputs, some.labels)).numpy(force=True))

        return Transferred(
            self.step,
            copy=fooled(stepped(copy, some, self.step)),
            rival=fooled(stepped(rival, some, self.step)),
            random=fooled(scattered(some, self.step, self.seed)),
        )


def _one_hot(labels: Tensor, classes: int) -> Tensor:
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise UsageError(
            f"extraction: labels {int(labels.min())} to {int(labels.max())} of the thief's "
            f"records, {classes} classes of the target; expected 0 to {classes - 1}."
        )
    return functional.one_hot(labels, classes).float()


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _fit(copy: Classifier, queried: Examples, taught: Tensor, size: int) -> float:
    """Share of its own queries on which a copy answers as it was taught."""
    said = copy.logits(queried.at(slice(0, size)).inputs).argmax(1)
    return float((said == taught[:size].argmax(1)).float().mean())
