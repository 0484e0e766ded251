# SPDX-License-Identifier: Apache-2.0
"""What every search for adversarial inputs is, and how one is run over many records.

A search climbs for one batch. Batches, restarts with the best kept for each record, the model's
mode and the seeds are the same for all of them and live here.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from polyveil import _validate
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.ascent import undisturbed
from polyveil.attack.evasion.budget import Budgets, check
from polyveil.attack.evasion.loss import LossName, margin
from polyveil.attack.examples import Examples
from polyveil.attack.missing import where_there

BATCH = 128


class Search(Protocol):
    """One way to look for an error of the model within budgets."""

    @property
    def name(self) -> str:
        """As a report prints it, e.g. "PGD, margin, 20 steps"."""
        ...

    @property
    def loss(self) -> LossName | None:
        """The loss whose gradient it follows; None where it sees outputs only (black box)."""
        ...

    @property
    def rounds(self) -> int:
        """Restarts in all, the best of which counts for each record; at least 1."""
        ...

    @property
    def passes(self) -> int:
        """Passes over the model that one round costs at most, averaging aside."""
        ...

    def climb(
        self,
        target: Classifier,
        piece: Examples,
        budgets: Budgets,
        *,
        averaging: int,
        generator: torch.Generator,
        at: int,
    ) -> dict[str, Tensor]:
        """Modality -> adversarial values of the attacked modalities, for one batch, round `at`."""
        ...

    def harder(self) -> Search:
        """The same search with twice the effort and no less than ten steps."""
        ...


def perturb(
    search: Search,
    target: Classifier,
    examples: Examples,
    budgets: Budgets,
    *,
    averaging: int = 1,
    seed: int = 0,
    batch: int = BATCH,
) -> dict[str, Tensor]:
    """Adversarial inputs of all records, every modality; those without a budget untouched, and so
    is what stands in the place of a modality that a record lacks.

    Args:
      averaging: passes averaged in each gradient; more than one for a model with randomness.
      seed: of starts and of the model's own randomness; the global state is left as it was.
      batch: records at once.

    Raises:
      UsageError: the budgets do not fit the inputs.
    """
    check(budgets, examples.inputs)
    _validate.at_least(1, averaging=averaging, batch=batch)
    generator = torch.Generator(device=examples.labels.device).manual_seed(seed)
    found: dict[str, list[Tensor]] = {name: [] for name in budgets}
    with undisturbed(target.module, seed):
        for piece in examples.pieces(batch):
            best = _best(search, target, piece, budgets, averaging, generator)
            for name, values in best.items():
                found[name].append(values)
    made = {
        name: where_there(examples.inputs, name, torch.cat(parts))
        for name, parts in found.items()
        if parts
    }
    return {name: made.get(name, values) for name, values in examples.inputs.items()}


def _best(
    search: Search,
    target: Classifier,
    piece: Examples,
    budgets: Budgets,
    averaging: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The best of all rounds for each record; later rounds see only who still stands."""
    best = search.climb(target, piece, budgets, averaging=averaging, generator=generator, at=0)
    if search.rounds == 1:
        return best
    reached = _margins(target, piece, best, averaging)
    for at in range(1, search.rounds):
        rows = torch.nonzero(reached <= 0).squeeze(1)
        if not len(rows):
            break
        standing = piece.at(rows)
        more = search.climb(
            target, standing, budgets, averaging=averaging, generator=generator, at=at
        )
        gained = _margins(target, standing, more, averaging)
        better = gained > reached[rows]
        reached[rows[better]] = gained[better]
        for name, values in more.items():
            best[name][rows[better]] = values[better]
    return best


def _margins(
    target: Classifier, piece: Examples, values: dict[str, Tensor], averaging: int
) -> Tensor:
    given = {**piece.inputs, **values}
    logits = torch.stack([target.logits(given) for _ in range(averaging)]).mean(0)
    return margin(logits, piece.labels, piece.labels)
