# SPDX-License-Identifier: Apache-2.0
"""Inversion of gradients: who sees one update of joint training rebuilds the records behind it.

Labels and the inputs of a first linear layer are read off in closed form; everything else is
searched for by matching gradients. What the attacker gets is set beside his mean record, and
beside the same attack on an unprotected gradient: a poor reconstruction only speaks for a defence
if the attack succeeds without it.

Source: Zhu et al., NeurIPS 2019, https://arxiv.org/abs/1906.08935; Geiping et al., NeurIPS 2020,
https://arxiv.org/abs/2003.14053; see `closed_form`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.attack.inversion.batches import BatchJudge, Searched
from polyveil.attack.inversion.closed_form import labels_of
from polyveil.attack.inversion.leaked import Gradient, GradientSource
from polyveil.attack.inversion.look import deciding
from polyveil.attack.inversion.matching import Search, match
from polyveil.attack.inversion.pseudonym import exposed
from polyveil.attack.inversion.rebuilding import MATCHING, METHODS, Batch, ranges_of, rebuild
from polyveil.attack.inversion.reconstruction import assigned, flat
from polyveil.attack.result import AttackResult, Curve, Effort
from polyveil.attack.splits import SplitProof, prove_disjoint
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

Array: TypeAlias = NDArray[Any]
ENOUGH = 100
"""Steps below which a search is not even compared with twice its own, but with so many."""
REHEARSALS = 3
"""Gradients of single records of his own by which the attacker learns what a guess is worth."""

THREAT = Threat(
    "gradient inversion",
    attacker="an aggregator or a participant of joint training who is curious",
    access="the update of one participant for one batch, and the network's weights",
    knowledge="other people's records of the same kind, and how many records were in the batch",
    risk="inference",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an attempt brought.

    Attributes:
      rebuilt: modality -> (batches * records, ...), in the order of `rows`.
      rows: of the victims whose gradients leaked.
      methods: of each batch, how most of it was rebuilt.
      searched: how the search went.
      labels_right: share of labels that were read off the gradients; NaN if they were given.
      queries: effort.
    """

    rebuilt: Mapping[str, Array] = field(repr=False)
    rows: NDArray[np.intp] = field(repr=False)
    methods: tuple[str, ...]
    searched: Searched
    labels_right: float
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientInversion:
    """All that the attacker has, and whom he attacks.

    Attributes:
      known: the attacker's records: their mean and range, never the victims'.
      victims: the gallery in which a reconstruction looks for its original; batches are drawn from
        it at random.
      records: in each batch; batches: attacked, each with one gradient.
      labels_known: labels are given and need not be read off the gradient.
      search: how hard to search; methods: which ways are tried.
      seed: of batches, noise and starts.
    """

    known: Examples
    victims: Examples
    records: int = 1
    batches: int = 8
    labels_known: bool = False
    search: Search = field(default_factory=Search)
    methods: tuple[str, ...] = METHODS
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(1, records=self.records)
        # With one batch there would be no other one for the null control.
        _validate.at_least(2, batches=self.batches)
        _validate.at_least(max(10, 2 * self.records), known=len(self.known))
        if len(self.victims) < 2 * self.records * self.batches:
            raise UsageError(
                f"victims: {len(self.victims)} records for {self.batches} batches of "
                f"{self.records}; expected twice as many, so that a gallery holds others too."
            )
        if not set(self.methods) <= set(METHODS) or not self.methods:
            raise UsageError(f"methods: {self.methods}; expected of {METHODS}.")

    @property
    def name(self) -> str:
        """As a report prints it."""
        steps = f", {self.search.steps} steps" if MATCHING in self.methods else ""
        return f"gradient inversion, batches of {self.records}, {' and '.join(self.methods)}{steps}"

    def attempt(self, target: GradientSource) -> Evidence:
        """Rebuilds every batch, then a control that must succeed and once more with more effort."""
        before = target.queries
        order = np.random.default_rng(self.seed).permutation(len(self.victims))
        rows = order[: self.records * self.batches]
        draw = torch.Generator().manual_seed(self.seed)
        batches: list[Batch] = []
        right = []
        for at in range(self.batches):
            batch = self.victims.at(rows[at * self.records : (at + 1) * self.records])
            leaked = target.leaked(batch, draw)
            labels = self._labels(target, leaked, batch)
            right.append(_shared(labels, batch.labels))
            batches.append(self._rebuild(target, leaked, labels, at))
            if at == 0:
                first = leaked, labels
        trust = self._trust(target, draw)
        return Evidence(
            {
                name: _shrunk(torch.cat([one.inputs[name] for one in batches]), values, trust[name])
                for name, values in self.known.inputs.items()
            },
            rows,
            tuple(one.method for one in batches),
            self._controls(target, batches, *first),
            float("nan") if self.labels_known else float(np.mean(right)),
            target.queries - before,
        )

    def analyse(self, evidence: Evidence) -> AttackResult:
        """Each modality by closeness and by identity; the strongest look decides."""
        judges = [
            BatchJudge(
                name, rebuilt, self.victims.inputs[name].numpy(), evidence.rows,
                self.known.inputs[name].numpy(), self.records, self._attacker(), self.seed,
            )
            for name, rebuilt in evidence.rebuilt.items()
        ]  # fmt: skip
        looks = [look for judge in judges for look in judge.looks()]
        best, p_value = deciding(looks)
        digests = self.victims.at(evidence.rows).digests()
        each = np.max([judge.each for judge in judges], axis=0)
        return AttackResult(
            self.name, THREAT, best.measure, best.sentence, p_value=p_value,
            tolerance=best.tolerance,
            guards=(
                self._proof().guard(),
                *evidence.searched.guards(),
                *(judge.null() for judge in judges),
            ),
            measures=(
                *(look.measure for look in looks if look is not best),
                *(measure for judge in judges for measure in judge.measures()),
            ),
            curves=tuple(_curves(evidence.searched)),
            exposed=exposed(digests, each, "of what sets this record apart was rebuilt"),
            effort=Effort(queries=evidence.queries, trials=len(looks)),
            not_tested=("several updates of the same records", "a server that alters the network"),
            notes=tuple(_notes(evidence)),
            arrays={
                "rows": evidence.rows,
                **{key: value for judge in judges for key, value in judge.arrays().items()},
            },
        )  # fmt: skip

    def _labels(self, target: GradientSource, leaked: Gradient, batch: Examples) -> Tensor:
        if self.labels_known:
            return batch.labels
        chances = torch.softmax(target.outputs(self.known.inputs), 1).mean(0)
        found = labels_of(leaked, chances, len(batch))
        if found is None:
            raise UsageError(
                "gradient: the last trainable parameter is no bias of the classes, from which "
                "labels are read off. Pass labels_known=True."
            )
        return found

    def _rebuild(self, target: GradientSource, leaked: Gradient, labels: Tensor, at: int) -> Batch:
        return rebuild(
            target,
            leaked,
            labels,
            self.known.inputs,
            self.search,
            self.methods,
            seed=self.seed + at,
        )

    def _trust(self, target: GradientSource, draw: torch.Generator) -> dict[str, float]:
        """How far from his mean the attacker should go, in (0, 1]: he knows the defence, so that he
        can leak records of his own and see what a reconstruction is worth."""
        worth: dict[str, list[Array]] = {name: [] for name in self.known.inputs}
        for at in range(REHEARSALS if self.records == 1 else 1):
            own, rest = self._aside(at)
            leaked = target.leaked(own, draw)
            like = replace(self, known=rest)
            rebuilt = like._rebuild(target, leaked, own.labels, self.batches + at)
            for name, values in rebuilt.inputs.items():
                mean = rest.inputs[name].mean(0).numpy()
                truth = own.inputs[name].numpy()
                step = flat(assigned(truth, values.numpy(), self.records) - mean)
                length = np.maximum(np.square(step).sum(1), 1e-12)
                worth[name].append((step * flat(truth - mean)).sum(1) / length)
        return {name: _cautious(np.concatenate(found)) for name, found in worth.items()}

    def _aside(self, at: int) -> tuple[Examples, Examples]:
        """A batch of the attacker's own records, and the rest of them."""
        chosen = torch.zeros(len(self.known), dtype=torch.bool)
        chosen[at * self.records : (at + 1) * self.records] = True
        return self.known.at(chosen), self.known.at(~chosen)

    def _controls(
        self, target: GradientSource, batches: list[Batch], leaked: Gradient, labels: Tensor
    ) -> Searched:
        """The same attack where it must succeed, undefended, and once more with more steps."""
        small = GradientSource(_small(self.known, self.seed))
        plain = self._explained(small, 1, only_search=True)
        open_ = self._explained(target.undefended(), self.records) if target.release else None
        more = None
        if batches[0].match is not None:
            harder = replace(self.search, steps=max(2 * self.search.steps, ENOUGH))
            ranges = ranges_of(self.known.inputs)
            more = match(target, leaked, labels, ranges, harder, seed=self.seed).cost
        return Searched(
            costs=tuple(one.match.costs for one in batches if one.match is not None),
            more=more,
            small=plain,
            undefended=open_,
        )

    def _explained(
        self, source: GradientSource, records: int, *, only_search: bool = False
    ) -> float:
        """R² on a batch of the attacker's own records with plain gradients, of the best modality;
        the records are held out of his mean."""
        own, rest = replace(self, records=records)._aside(0)
        methods = (MATCHING,) if only_search and MATCHING in self.methods else self.methods
        like = replace(self, known=rest, methods=methods)
        leaked = source.plain(own.inputs, own.labels)
        rebuilt = like._rebuild(source, leaked, own.labels, 0)
        return max(
            BatchJudge(
                name, values.numpy(), own.inputs[name].numpy(), np.arange(records),
                rest.inputs[name].numpy(), records, "", self.seed,
            ).share
            for name, values in rebuilt.inputs.items()
        )  # fmt: skip

    def _attacker(self) -> str:
        return f"{' and '.join(self.methods)}, {len(self.known):,} records of other people"

    def _proof(self) -> SplitProof:
        return prove_disjoint({"attacker": self.known.digests(), "victims": self.victims.digests()})


def _cautious(worth: Array) -> float:
    """Two standard errors below the mean of few rehearsals, in (0, 1]; never quite 0: a direction
    that is hardly worth a step may still point at someone."""
    error = float(worth.std(ddof=1)) / np.sqrt(len(worth))
    return float(np.clip(worth.mean() - 2 * error, 1e-3, 1.0))


def _shared(found: Tensor, labels: Tensor) -> float:
    """Share of labels that were found, order aside."""
    counts = [torch.bincount(one, minlength=int(labels.max()) + 1) for one in (found, labels)]
    size = min(len(one) for one in counts)
    return float(torch.minimum(counts[0][:size], counts[1][:size]).sum()) / len(labels)


def _shrunk(rebuilt: Tensor, known: Tensor, share: float) -> Array:
    mean = known.mean(0)
    return (mean + share * (rebuilt - mean)).numpy()


def _small(known: Examples, seed: int) -> nn.Module:
    """A net whose plain gradient gives a record away to any search that is not too short."""
    size = sum(values[0].numel() for values in known.inputs.values())
    classes = max(2, int(known.labels.max()) + 1)

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(size, 64), nn.Sigmoid(), nn.Linear(64, classes))

        def forward(self, *one: Tensor, **several: Tensor) -> Tensor:
            parts = one or tuple(several.values())
            logits: Tensor = self.layers(torch.cat([part.flatten(1) for part in parts], 1))
            return logits

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Small()


def _curves(searched: Searched) -> Iterator[Curve]:
    for at, costs in enumerate(searched.costs[:3]):
        yield Curve(
            f"batch {at + 1}", tuple(float(step) for step in range(len(costs))), costs,
            x_label="step", y_label="1 - cosine of the gradients",
        )  # fmt: skip


def _notes(evidence: Evidence) -> Iterator[str]:
    if not np.isnan(evidence.labels_right):
        yield f"{evidence.labels_right:.0%} of the labels were read off the gradients."
    counts = {one: evidence.methods.count(one) for one in dict.fromkeys(evidence.methods)}
    yield "Batches by what rebuilt them: " + ", ".join(f"{k} {v}" for k, v in counts.items()) + "."
    if evidence.searched.undefended is not None:
        yield (
            f"From an unprotected gradient of this network the same attack rebuilds R² "
            f"{evidence.searched.undefended:.2f} of records of the attacker's own."
        )
