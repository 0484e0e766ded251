# SPDX-License-Identifier: Apache-2.0
"""Several searches on the same records; for each record the worst of them counts.

Searches that are compared with each other (a single step with many steps) see all records; the
others see those that still stand, which costs less and answers the same question: who breaks what
all before left whole.

Source: Croce & Hein, ICML 2020, https://arxiv.org/abs/2003.01690
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.apgd import APGD
from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.fgsm import FGSM
from polyveil.attack.evasion.judge import judged
from polyveil.attack.evasion.loss import LossName
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.evasion.random_search import RandomSearch
from polyveil.attack.evasion.search import Search, perturb
from polyveil.attack.examples import Examples

QUICK: tuple[Search, ...] = (FGSM(), PGD(10), PGD(10, "margin"), RandomSearch(50))
"""About 70 passes a record that withstands."""
STANDARD: tuple[Search, ...] = (
    FGSM(),
    PGD(20),
    PGD(20, "margin"),
    APGD(30, "cross-entropy"),
    APGD(30, "dlr"),
    RandomSearch(100),
)
"""About 200 passes a record that withstands."""
THOROUGH: tuple[Search, ...] = (
    FGSM(),
    PGD(40, restarts=2),
    PGD(40, "margin", restarts=2),
    APGD(100, "cross-entropy"),
    APGD(100, "dlr"),
    APGD(100, "targeted dlr", restarts=9),
    RandomSearch(1000),
)
"""About 2,300 passes a record that withstands; close to the published ensemble."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one search did.

    Attributes:
      name, loss: of the search; loss None for a black box.
      single_step: one step only.
      tried: bool (n,), the records it was given.
      broken: bool (n,), those on which the model then erred.
    """

    name: str
    loss: LossName | None
    single_step: bool
    tried: Tensor
    broken: Tensor


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst of all searches, record by record.

    Attributes:
      inputs: modality -> (n, ...), where the model erred most often; the record itself where it
        never did.
      broken: bool (n,); of a random model judged afresh at `inputs`.
      share: float64 (n,), share of passes wrong at `inputs`.
      trials: of each search, in order.
    """

    inputs: dict[str, Tensor]
    broken: Tensor
    share: Tensor
    trials: tuple[Trial, ...]


def worst_of(
    members: tuple[Search, ...],
    target: Classifier,
    examples: Examples,
    budgets: Budgets,
    *,
    averaging: int = 1,
    passes: int = 1,
    seed: int = 0,
    batch: int = 128,
) -> Worst:
    """Runs the searches on records that the model reads rightly.

    Args:
      averaging: passes in each gradient.
      passes: answers by which the outcome is judged, with other randomness than the search's.
    """
    inputs = {name: values.clone() for name, values in examples.inputs.items()}
    broken = torch.zeros_like(examples.labels, dtype=torch.bool)
    share = torch.zeros(len(examples), dtype=torch.float64, device=broken.device)
    trials: list[Trial] = []
    iterated = False
    for at, member in enumerate(members):
        # The first iterative search is measured against the single step, on all records.
        every = member.passes == 1 or not iterated
        iterated = iterated or member.passes > 1
        rows = torch.nonzero(~broken | every).squeeze(1)
        tried = torch.zeros_like(broken)
        fell = torch.zeros_like(broken)
        if len(rows):
            tried[rows] = True
            piece = examples.at(rows)
            found = perturb(
                member, target, piece, budgets, averaging=averaging, seed=seed + at, batch=batch
            )
            verdict = judged(target, found, piece.labels, passes=passes, seed=seed + 500 + at)
            fell[rows] = verdict.wrong
            worse = torch.nonzero(verdict.share > share[rows]).squeeze(1)
            share[rows[worse]] = verdict.share[worse]
            for name in budgets:
                inputs[name][rows[worse]] = found[name][worse]
            broken |= fell
        trials.append(Trial(member.name, member.loss, member.passes == 1, tried, fell))
    if passes > 1:
        # The worst of several random judgements is partly luck: asked once more, it is not.
        final = judged(target, inputs, examples.labels, passes=passes, seed=seed + 900)
        broken, share = final.wrong, final.share
    return Worst(inputs, broken, share, tuple(trials))
