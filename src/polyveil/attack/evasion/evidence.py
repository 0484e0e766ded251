# SPDX-License-Identifier: Apache-2.0
"""What an evasion attack leaves behind, record by record, before anyone judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.evasion.budget import Budgets
from polyveil.attack.evasion.health import Health
from polyveil.attack.evasion.loss import LossName

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MemberOutcome:
    """One search: which records it was given and which it broke, both bool (n,).

    Attributes:
      name, loss, single_step: see `ensemble.Trial`.
    """

    name: str
    loss: LossName | None
    single_step: bool
    tried: Flags
    broken: Flags


@dataclass(frozen=True, slots=True)
class EvasionEvidence:
    """Row i of every array is record i.

    Attributes:
      labels: int64 (n,).
      right: bool (n,), the model is right on the record as it is.
      broken: bool (n,), it is right and a search made it err.
      noisy: bool (n,), it is right and random noise of the full budget made it err.
      error: float64 (n,), share of answers that are wrong after the attack: 0 or 1 unless random.
      clean_error: the same before it.
      radius: float64 (n,), smallest share of the budget found to work, inf for none, nan where the
        model was wrong anyway or radii were not asked for.
      members: the searches in order.
      passes: answers of the model by which a record was judged.
      draws: random changes that the noise attacker tried.
      health: figures of the target that the guards judge.
      budgets: what the attacker was allowed.
      untouched: modalities that he was not.
      incomplete: some records lack a modality; he cannot take one away or add one.
      classes: of the model.
      queries: records that went through the target.
      adversarial: modality -> (n, ...), empty unless they were to be kept.
    """

    labels: NDArray[np.int64]
    right: Flags
    broken: Flags
    noisy: Flags
    error: NDArray[np.float64]
    clean_error: NDArray[np.float64]
    radius: NDArray[np.float64]
    members: tuple[MemberOutcome, ...]
    passes: int
    draws: int
    health: Health
    budgets: Budgets
    untouched: tuple[str, ...]
    classes: int
    queries: int
    incomplete: bool = False
    adversarial: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
