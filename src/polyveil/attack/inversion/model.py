# SPDX-License-Identifier: Apache-2.0
"""Model inversion: who has a classifier of people rebuilds what each of them looks like.

For each class the attacker seeks the record that the model is surest of, among those that resemble
his own records of other people. Whether the result shows the person is judged by a recogniser that
has nothing to do with the attacked model, which would recognise its own illusions.

Source: Fredrikson et al., CCS 2015; Zhang et al., CVPR 2020, https://arxiv.org/abs/1911.07135.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.guard import Guard
from polyveil.attack.inversion.climb import Climb, Peak, climb
from polyveil.attack.inversion.look import Look, deciding, explained, led_back
from polyveil.attack.inversion.persons import PersonJudge, Portrayed
from polyveil.attack.inversion.prior import Directions
from polyveil.attack.inversion.pseudonym import pseudonym
from polyveil.attack.inversion.reconstruction import found_p
from polyveil.attack.result import AttackResult, Curve, Effort, Exposed
from polyveil.attack.splits import prove_disjoint
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

Array: TypeAlias = NDArray[Any]
Recogniser: TypeAlias = Callable[[Inputs], Tensor]
"""Inputs to one score a class of the target, (n, classes): an evaluation model of its own."""

THREAT = Threat(
    "model inversion",
    attacker="someone who holds a classifier whose classes are people",
    access="the model's weights",
    knowledge="other people's records of the same kind",
    risk="inference",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an attempt brought, one row a class.

    Attributes:
      classes: (c,); target, open, null: what the search found in the target, in a model that shows
        every person openly, and in one whose weights are shuffled.
      recogniser: share of real records that the recogniser names rightly.
      queries: records that went through the target.
    """

    classes: Array
    target: Portrayed
    open: Portrayed
    null: Portrayed
    recogniser: float
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInversion:
    """All that the attacker has, and whom he attacks.

    Attributes:
      known: the attacker's records, of people who are no class of the target; labels are not used.
      gallery: records of the classes, labelled as the target labels them; the search never sees
        them, they only judge. Two a class or more.
      recogniser: judges reconstructions; None: the nearest record of the gallery.
      recogniser_trained_on, trained_on: records of the recogniser and of the target, if known:
        proven to be others.
      plan: how hard to search.
      seed: of starts and controls.
    """

    known: Examples
    gallery: Examples
    recogniser: Recogniser | None = field(default=None, repr=False)
    recogniser_trained_on: Examples | None = field(default=None, repr=False)
    trained_on: Examples | None = field(default=None, repr=False)
    plan: Climb = field(default_factory=Climb)
    seed: int = 0

    def __post_init__(self) -> None:
        _, counts = np.unique(self.gallery.labels.numpy(), return_counts=True)
        if len(counts) < 2 or counts.min() < 2:
            raise UsageError(
                f"gallery: {len(counts)} classes with {int(counts.min())} records or more; "
                "expected two classes or more with two records or more each."
            )
        if len(self.known) < 10:
            raise UsageError(f"known: {len(self.known)} records; expected 10 or more.")

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"model inversion, {self.plan.steps} steps, {len(self.known):,} records known"

    def attempt(self, target: Classifier) -> Evidence:
        """Searches the target, a model that shows everybody and one that knows nobody."""
        before = target.queries
        classes = self._classes()
        return Evidence(
            classes.numpy(),
            target=self._portray(target, classes),
            open=self._portray(self._showing(classes), classes),
            null=self._portray(_shuffled(target, self.seed), classes),
            recogniser=self._recogniser_accuracy(),
            queries=target.queries - before,
        )

    def analyse(self, evidence: Evidence) -> AttackResult:
        """Whether a recogniser names the person, and how close the reconstruction is."""
        judges = self._judges(evidence.target)
        looks = [self._recognised(evidence), *(self._close(one) for one in judges)]
        best, p_value = deciding(looks)
        return AttackResult(
            self.name, THREAT, best.measure, best.sentence, p_value=p_value,
            tolerance=best.tolerance,
            guards=(
                *self._proofs(),
                *evidence.target.guards(evidence.open, evidence.recogniser),
                evidence.null.nothing(self._judges(evidence.null)),
            ),
            measures=(
                *(look.measure for look in looks if look is not best),
                *(measure for one in judges for measure in one.measures()),
            ),
            curves=(_curve(evidence.target),),
            exposed=_exposed(evidence),
            effort=Effort(queries=evidence.queries, trials=len(looks)),
            not_tested=("priors learned by a generative network", "outputs without weights"),
            arrays={
                "classes": evidence.classes,
                "confidence": evidence.target.confidence,
                "recognised as": evidence.target.named,
                **{f"{name}/rebuilt": v for name, v in evidence.target.rebuilt.items()},
            },
        )  # fmt: skip

    def _portray(self, target: Classifier, classes: Tensor) -> Portrayed:
        values = {name: one.detach().cpu().float() for name, one in self.known.inputs.items()}
        directions = {
            name: Directions.of(one.flatten(1), self.plan.directions)
            for name, one in values.items()
        }
        shapes = {name: tuple(one.shape[1:]) for name, one in values.items()}
        peak = climb(target, classes, directions, shapes, self.plan, seed=self.seed)
        return _portrayed(peak, self._named(peak.inputs, classes))

    def _classes(self) -> Tensor:
        return torch.from_numpy(np.unique(self.gallery.labels.numpy()))

    def _named(self, inputs: Inputs, classes: Tensor, *, own: bool = False) -> Array:
        """Position in `classes` of who is recognised, (n,); `own`: `inputs` are the gallery, where
        no record is recognised by itself."""
        if self.recogniser is not None:
            return self.recogniser(inputs)[:, classes].argmax(1).numpy()
        alike = torch.zeros(len(next(iter(inputs.values()))), len(self.gallery))
        for name, values in inputs.items():
            mean = self.known.inputs[name].float().mean(0).flatten()
            shown, held = (
                nn.functional.normalize(one.float().flatten(1) - mean)
                for one in (values, self.gallery.inputs[name])
            )
            alike = alike + shown @ held.T
        if own:
            alike.fill_diagonal_(-torch.inf)
        nearest = self.gallery.labels[alike.argmax(1)]
        return np.asarray(torch.searchsorted(classes, nearest).numpy())

    def _recogniser_accuracy(self) -> float:
        classes = self._classes()
        truth = torch.searchsorted(classes, self.gallery.labels).numpy()
        return float((self._named(self.gallery.inputs, classes, own=True) == truth).mean())

    def _showing(self, classes: Tensor) -> Classifier:
        """A classifier whose weights are the people's mean records: an open book."""
        means = {
            name: torch.stack(
                [values[self.gallery.labels == one].float().mean(0) for one in classes]
            ).flatten(1)
            for name, values in self.gallery.inputs.items()
        }
        known = {name: values.float().flatten(1) for name, values in self.known.inputs.items()}
        size = int(classes.max()) + 1

        def distance(_: nn.Module, inputs: Inputs) -> Tensor:
            logits = torch.full((len(next(iter(inputs.values()))), size), -1e4)
            near = sum(
                torch.cdist(inputs[name].flatten(1), mean).square()
                / known[name].var(0).sum().clamp_min(1e-12)
                for name, mean in means.items()
            )
            return logits.index_copy(1, classes, -10 * torch.as_tensor(near))

        return Classifier(nn.Identity(), calling=distance)

    def _recognised(self, evidence: Evidence) -> Look:
        count = len(evidence.classes)
        hits = evidence.target.hits
        return led_back(
            "people", hits, count, chance=1 / count, p_value=found_p(hits, count, count),
            attacker=self._judge_name(), of=f"{count:,} people",
        )  # fmt: skip

    def _close(self, judge: PersonJudge) -> Look:
        return explained(
            judge.name, judge.share(), judge.p_value(), attacker=self._judge_name(),
            beside={"the person's own mean": judge.ceiling()},
        )  # fmt: skip

    def _judges(self, found: Portrayed) -> list[PersonJudge]:
        return [
            PersonJudge(
                name, rebuilt, self.gallery.inputs[name].numpy(), self.gallery.labels.numpy(),
                self.known.inputs[name].float().mean(0).numpy(), self.seed,
            )
            for name, rebuilt in found.rebuilt.items()
        ]  # fmt: skip

    def _judge_name(self) -> str:
        judge = "the nearest record" if self.recogniser is None else "a recogniser of its own"
        return f"white-box search, {len(self.known):,} records of other people; judged by {judge}"

    def _proofs(self) -> Iterator[Guard]:
        """The gallery may hold what the target was trained on, for both are the victims'."""
        parts = {"attacker": self.known.digests(), "gallery": self.gallery.digests()}
        yield prove_disjoint(parts).guard()
        others = {"recogniser's training": self.recogniser_trained_on}
        others["target's training"] = self.trained_on
        held = {name: one.digests() for name, one in others.items() if one is not None}
        if held:
            yield prove_disjoint({"attacker": parts["attacker"], **held}).guard()


def _portrayed(peak: Peak, named: Array) -> Portrayed:
    return Portrayed(
        {name: values.numpy() for name, values in peak.inputs.items()},
        confidence=peak.confidence.numpy(),
        named=named,
        losses=peak.losses,
    )


def _shuffled(target: Classifier, seed: int) -> Classifier:
    """The same network with the entries of every weight in another order: it knows nobody."""
    draw = torch.Generator().manual_seed(seed)
    twin = copy.copy(target)
    twin.module, twin.queries = copy.deepcopy(target.module), 0
    with torch.no_grad():
        for one in twin.module.parameters():
            order = torch.randperm(one.numel(), generator=draw)
            one.copy_(one.flatten()[order].reshape(one.shape))
    return twin


def _curve(found: Portrayed) -> Curve:
    steps = tuple(float(at + 1) for at in range(len(found.losses)))
    return Curve(
        "search", steps, found.losses, x_label="step", y_label="loss of the class in the target"
    )


def _exposed(evidence: Evidence) -> tuple[Exposed, ...]:
    own = np.flatnonzero(evidence.target.named == np.arange(len(evidence.classes)))
    return tuple(
        Exposed(
            pseudonym(str(evidence.classes[at]).encode()).replace("record", "person"),
            float(evidence.target.confidence[at]), "recognised in what the model gave away",
        )
        for at in own[:5]
    )  # fmt: skip
