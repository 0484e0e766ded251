# SPDX-License-Identifier: Apache-2.0
"""What a membership audit is made on: whose records, which shadow models, which controls.

Prepared once, asked once for each target; every attack then reads the same answers:

    shadows = train_shadows(recipe, candidates, 64, seed=1, seconds=60)
    twin = train_twin(recipe, candidates, seed=2)
    study = prepare(candidates, shadows=shadows, twin=twin, key=secret)
    answers = study.ask(Classifier(model))
    results = [one.analyse(one.score(answers)) for one in (Lira(study), Rmia(study))]
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from polyveil.attack.averaged import steadied
from polyveil.attack.classifier import BATCH, Call, Classifier, call
from polyveil.attack.examples import Examples
from polyveil.attack.membership.answers import Answers, View
from polyveil.attack.membership.blind import blind_scores
from polyveil.attack.membership.candidates import Candidates
from polyveil.attack.membership.shadow_models import Shadows, Twin
from polyveil.attack.membership.signal import Floats, Labels, Signals, signals, stacked
from polyveil.attack.splits import SplitProof, prove_disjoint
from polyveil.errors import UsageError


@dataclass(frozen=True, slots=True)
class Study:
    """Candidates, and all that is known before a target is asked; made by `prepare`.

    Attributes:
      candidates: see there.
      keep: bool (models, pool).
      shadows, twin: signals of shadow models (models, pool) and twin (pool,); None without.
      population_shadows, twin_population: the same on the population.
      twin_keep: bool (pool,).
      blind: (pool,) scores of an attacker without a model.
      proof, pseudonyms: see `Answers`.
      models, seconds: networks trained, and how long that took.
    """

    candidates: Candidates
    keep: NDArray[np.bool_] = field(repr=False)
    blind: Floats = field(repr=False)
    proof: SplitProof
    pseudonyms: tuple[str, ...] = field(repr=False)
    shadows: Signals | None = field(default=None, repr=False)
    population_shadows: Signals | None = field(default=None, repr=False)
    twin: Signals | None = field(default=None, repr=False)
    twin_population: Signals | None = field(default=None, repr=False)
    twin_keep: NDArray[np.bool_] | None = field(default=None, repr=False)
    models: int = 0
    seconds: float = 0.0

    def ask(self, target: Classifier) -> Answers:
        """The target's answers to every record, each asked once; several times, and averaged, if
        it answers at random, as shadow models of its kind are."""
        before = target.queries
        pool, population = self.candidates.pool, self.candidates.population
        view = View(
            _answered(target, pool),
            _labels(pool),
            self.shadows,
            self.keep,
            None if population is None else _answered(target, population),
            self.population_shadows,
        )
        return Answers(
            view,
            self.candidates.is_member,
            self.proof,
            self.pseudonyms,
            twin=self.twin,
            twin_keep=self.twin_keep,
            twin_population=self.twin_population,
            blind=self.blind,
            queries=target.queries - before,
            models=self.models,
            seconds=self.seconds,
        )


def prepare(
    candidates: Candidates,
    *,
    shadows: Shadows | None = None,
    twin: Twin | None = None,
    key: bytes,
    calling: Call = call,
    batch: int = BATCH,
    seed: int = 0,
) -> Study:
    """Asks the shadow models, proves the split, pseudonymises, and tries without a model.

    Args:
      shadows: trained on these candidates; without, only the population attack can be made.
      twin: positive control; without, a shadow model plays it.
      key: secret of the audit, for pseudonyms and split proof.
      calling, batch: how shadow models and twin are called, as for `Classifier`.
      seed: of the blind attacker.

    Raises:
      UsageError: shadow models or twin were trained on another pool.
    """
    pool, population = candidates.pool, candidates.population
    keep = np.zeros((0, len(pool)), dtype=np.bool_) if shadows is None else shadows.keep
    for name, mask in (("shadow models", keep), ("twin", None if twin is None else twin.keep)):
        if mask is not None and mask.shape[-1] != len(pool):
            raise UsageError(
                f"{name}: keep-mask over {mask.shape[-1]} records, the pool has {len(pool)}; "
                "expected them to be trained on the same candidates."
            )

    def asked(module: nn.Module, records: Examples) -> Signals:
        return _answered(Classifier(module, calling=calling, batch=batch), records)

    models = () if shadows is None else shadows.models
    digests = {name: part.digests() for name, part in candidates.parts().items()}
    return Study(
        candidates,
        keep,
        blind_scores(pool, candidates.is_member, seed=seed),
        prove_disjoint(digests, key=key),
        _pseudonyms(digests["members"] + digests["non-members"], key),
        shadows=stacked([asked(one, pool) for one in models]) if models else None,
        population_shadows=(
            stacked([asked(one, population) for one in models]) if models and population else None
        ),
        twin=None if twin is None else asked(twin.model, pool),
        twin_population=asked(twin.model, population) if twin and population else None,
        twin_keep=None if twin is None else twin.keep,
        models=len(models) + (twin is not None),
        seconds=sum(one.seconds for one in (shadows, twin) if one is not None),
    )


def _answered(target: Classifier, records: Examples) -> Signals:
    steady = steadied(target, records.inputs)
    return signals(steady.logits(records.inputs).cpu().numpy(), _labels(records))


def _labels(records: Examples) -> Labels:
    found: Labels = records.labels.cpu().numpy()
    return found


def _pseudonyms(digests: list[bytes], key: bytes) -> tuple[str, ...]:
    """Keyed: whoever has the report cannot test whether a record of his is meant."""
    named = (hmac.new(key, b"record" + digest, hashlib.sha256) for digest in digests)
    return tuple(f"record {one.hexdigest()[:8]}" for one in named)
