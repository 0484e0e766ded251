# SPDX-License-Identifier: Apache-2.0
"""Inversion of embeddings: who holds the vectors rebuilds the records that they were made from.

The attacker queries the defended embedding with records of his own, learns the way back (one
decoder a modality, several kinds, the best on his own held-out people), and applies it to vectors
of people whom neither he nor the embedding has seen. What he gets is set beside what he had before:
his own mean.

Source: Mai et al., TPAMI 2018, https://arxiv.org/abs/1703.00832; Dosovitskiy & Brox, CVPR 2016,
https://arxiv.org/abs/1506.02753; Song & Raghunathan, CCS 2020, https://arxiv.org/abs/2004.00053.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyveil import _validate
from polyveil.attack.examples import Examples
from polyveil.attack.guard import Guard
from polyveil.attack.inversion.controls import Parts, health
from polyveil.attack.inversion.decoder import Decoder, Pairs, Ridge, pieces
from polyveil.attack.inversion.encoder import Encoder
from polyveil.attack.inversion.evidence import Rebuilt, Views
from polyveil.attack.inversion.judgement import Judge
from polyveil.attack.inversion.look import deciding
from polyveil.attack.inversion.network import Convolutional, Perceptron
from polyveil.attack.inversion.pseudonym import exposed
from polyveil.attack.result import AttackResult, Curve, Effort
from polyveil.attack.splits import SplitProof, prove_disjoint
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

Array: TypeAlias = NDArray[Any]
Recogniser: TypeAlias = Callable[[Array], Array]
"""Values of one modality (n, ...) to features (n, f) by which two of them are compared."""

THREAT = Threat(
    "embedding inversion",
    attacker="someone who receives embeddings of people, and can embed records of his own",
    access="the embedding as a black box, and the victims' embeddings",
    knowledge="other people's records of the same kind",
    risk="inference",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an attempt brought.

    Attributes:
      rebuilt: modality -> what became of it.
      people: (n,), who is in a victim's record; digests: hex, by which reports name records.
      proof: that the parts share no record; shared_people: people in both sides' parts.
      random: two queries of a record differ; repeats: queries averaged a record.
      queries, models: effort.
    """

    rebuilt: Mapping[str, Rebuilt]
    people: Array = field(repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    proof: SplitProof
    shared_people: int
    random: bool
    repeats: int
    queries: int
    models: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingInversion:
    """All that the attacker has, and whom he attacks.

    Attributes:
      known: the attacker's records, of people who are not among the victims.
      victims: whose embeddings he holds; his decoder never sees the records.
      known_people, victim_people: (n,) who is in each; None: each record is a person. Whole people
        are held out, and the two sets must share nobody.
      trained_on: records that the embedding was trained on, if known: proven to be others.
      decoders: kinds tried; the best on held-out records of the attacker is used.
      repeats: queries averaged for each record if the embedding is random, the victims' too. 1: he
        got each victim's vector once.
      labels_known: the attacker knows the victims' labels, so that the mean of a class is what he
        has without the target.
      recognisers: modality -> features to re-identify by; without one, the values themselves.
      seed: of splits, decoders and the target's own noise.
    """

    known: Examples
    victims: Examples
    known_people: Array | None = field(default=None, repr=False)
    victim_people: Array | None = field(default=None, repr=False)
    trained_on: Examples | None = field(default=None, repr=False)
    decoders: tuple[Decoder, ...] = (Ridge(), Perceptron(), Convolutional())
    repeats: int = 1
    labels_known: bool = False
    recognisers: Mapping[str, Recogniser] = field(default_factory=dict, repr=False)
    seed: int = 0

    def __post_init__(self) -> None:
        _validate.at_least(1, repeats=self.repeats, decoders=len(self.decoders))
        _validate.at_least(20, known=len(self.known), victims=len(self.victims))
        for name, records, who in (
            ("known", self.known, self.known_people),
            ("victim", self.victims, self.victim_people),
        ):
            if who is not None and np.asarray(who).shape != (len(records),):
                raise UsageError(
                    f"{name}_people: {np.asarray(who).shape} for {len(records)} records; expected "
                    "one person a record."
                )
        if self.known.inputs.keys() != self.victims.inputs.keys():
            raise UsageError(
                f"modalities: {sorted(self.known.inputs)} of the attacker, "
                f"{sorted(self.victims.inputs)} of the victims; expected the same."
            )

    @property
    def name(self) -> str:
        """As a report prints it."""
        return f"embedding inversion, {len(self.known):,} records known, " + ", ".join(
            one.name for one in self.decoders
        )

    def attempt(self, target: Encoder) -> Evidence:
        """Trains the decoders and rebuilds every modality of the victims."""
        before = target.queries
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            random = target.is_random(self.known.inputs)
            repeats = self.repeats if random else 1
            seen = target.embed(self.known.inputs, repeats=repeats)
            held = target.embed(self.victims.inputs, repeats=repeats)
            once = None
            if repeats > 1:
                once = target.embed(self.known.inputs), target.embed(self.victims.inputs)
        parts = self._split()
        rebuilt = {
            name: self._modality(name, seen, held, parts, once) for name in self.known.inputs
        }
        return Evidence(
            rebuilt,
            people=_people(self.victim_people, len(self.victims)),
            digests=tuple(self.victims.digests()),
            proof=self._proof(),
            shared_people=self._shared_people(),
            random=random,
            repeats=repeats,
            queries=target.queries - before,
            models=sum(len(one.health.errors) + 2 for one in rebuilt.values()),
        )

    def analyse(self, evidence: Evidence) -> AttackResult:
        """Each modality by closeness and by identity; the strongest look decides."""
        judges = [self._judge(name, one, evidence) for name, one in evidence.rebuilt.items()]
        looks = [look for judge in judges for look in judge.looks()]
        best, p_value = deciding(looks)
        each = np.max([judge.each for judge in judges], axis=0)
        return AttackResult(
            self.name, THREAT, best.measure, best.sentence, p_value=p_value,
            tolerance=best.tolerance,
            guards=(
                evidence.proof.guard(),
                _other_people(evidence.shared_people),
                *(guard for judge in judges for guard in judge.guards()),
            ),
            measures=(
                *(look.measure for look in looks if look is not best),
                *(measure for judge in judges for measure in judge.measures()),
            ),
            curves=tuple(_curves(evidence)),
            exposed=exposed(evidence.digests, each, "of what sets this record apart was rebuilt"),
            effort=Effort(queries=evidence.queries, models=evidence.models, trials=len(looks)),
            not_tested=("decoders that use the embedding's weights",),
            notes=tuple(_notes(evidence)),
            arrays={
                "people": evidence.people,
                **{key: value for judge in judges for key, value in judge.arrays().items()},
            },
        )  # fmt: skip

    def _judge(self, name: str, one: Rebuilt, evidence: Evidence) -> Judge:
        return Judge(
            name, one, evidence.people,
            classes=self.victims.labels.numpy() if self.labels_known else None,
            features=self.recognisers.get(name, _as_it_is), known=len(self.known), seed=self.seed,
        )  # fmt: skip

    def _modality(
        self,
        name: str,
        seen: Tensor,
        held: Tensor,
        parts: Parts,
        once: tuple[Tensor, Tensor] | None,
    ) -> Rebuilt:
        original = self.known.inputs[name].detach().cpu().to(torch.float32)
        victims = self.victims.inputs[name].detach().cpu().to(torch.float32)
        pairs = Pairs(seen, original)
        fitted = {
            one: parts.fit(one, pairs, seed=self.seed)
            for one in self.decoders
            if one.suits(pairs.shape)
        }
        if not fitted:
            raise UsageError(f"{name}: no decoder suits {pairs.shape}; pass Ridge().")
        chosen = min(fitted, key=lambda one: fitted[one].error)
        single = None
        if once is not None:
            way = parts.fit(chosen, Pairs(once[0], original), seed=self.seed)
            single = way.reconstruct(once[1]).numpy()
        return Rebuilt(
            originals=victims.numpy(),
            rebuilt=fitted[chosen].reconstruct(held).numpy(),
            decoder=chosen.name,
            mean=original.mean(0).numpy(),
            views=Views(
                by_class=self._by_class(original),
                nearest=original[_closest(seen, held)].numpy(),
                single=single,
            ),
            health=health(chosen, fitted, pairs, parts, len(victims), seed=self.seed),
        )

    def _by_class(self, original: Tensor) -> Array | None:
        """The attacker's mean of each victim's class; None where there are no classes."""
        labels = self.known.labels
        classes = set(labels.tolist())
        if len(classes) < 2:
            return None
        mean = original.mean(0)
        means = {one: original[labels == one].mean(0) for one in classes}
        return torch.stack([means.get(int(one), mean) for one in self.victims.labels]).numpy()

    def _split(self) -> Parts:
        """Rows of the attacker's records to learn from, and of those held out: whole people."""
        who = _people(self.known_people, len(self.known))
        names, whose = np.unique(who, return_inverse=True)
        order = np.random.default_rng(self.seed).permutation(len(names))
        held = np.isin(whose, order[: max(1, len(names) // 5)])
        return Parts(*(torch.from_numpy(np.flatnonzero(rows)) for rows in (~held, held)))

    def _proof(self) -> SplitProof:
        parts = {"attacker": self.known.digests(), "victims": self.victims.digests()}
        if self.trained_on is not None:
            parts["training of the embedding"] = self.trained_on.digests()
        return prove_disjoint(parts)

    def _shared_people(self) -> int:
        if self.known_people is None or self.victim_people is None:
            return 0
        return len(np.intersect1d(self.known_people, self.victim_people))


def _people(who: Array | None, count: int) -> Array:
    return np.arange(count) if who is None else np.asarray(who)


def _closest(seen: Tensor, held: Tensor) -> Tensor:
    deviation = seen.std(0, correction=0).clamp_min(1e-12)
    return torch.cat(
        [torch.cdist(part / deviation, seen / deviation).argmin(1) for part in pieces(held)]
    )


def _as_it_is(values: Array) -> Array:
    return values


def _other_people(shared: int) -> Guard:
    said = f"{shared:,} people are on both sides" if shared else "nobody is on both sides"
    return Guard("disjoint people", "false alarm", not shared, f"attacker and victims: {said}")


def _curves(evidence: Evidence) -> Iterator[Curve]:
    for name, one in evidence.rebuilt.items():
        for kind, course in one.health.errors.items():
            if len(course) > 1:
                yield Curve(
                    f"{kind} decoder, {name}", tuple(float(at + 1) for at in range(len(course))),
                    course, x_label="epoch", y_label="error on held-out attacker records",
                    chance=(one.health.held_mean_error,) * len(course),
                )  # fmt: skip


def _notes(evidence: Evidence) -> Iterator[str]:
    if evidence.random and evidence.repeats == 1:
        yield (
            "The embedding is random and each victim's was seen once; an attacker who may ask "
            "again averages the noise away (repeats)."
        )
    elif evidence.random:
        yield f"The embedding is random; {evidence.repeats} queries a record were averaged."
    for name, one in evidence.rebuilt.items():
        yield f"{name}: the {one.decoder} decoder was best on the attacker's held-out records."
