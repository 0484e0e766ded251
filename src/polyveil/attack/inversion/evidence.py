# SPDX-License-Identifier: Apache-2.0
"""What an inversion brought back for one modality, and how well its attacker was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Views:
    """Other ways to guess a victim's record, (n, ...) each.

    Attributes:
      by_class: the attacker's mean of the victim's class; None without classes.
      nearest: the attacker's record whose embedding is nearest.
      single: rebuilt from a single query of a random embedding; None if no more were asked.
    """

    by_class: Array | None
    nearest: Array
    single: Array | None


@dataclass(frozen=True, slots=True)
class Health:
    """Of the attacker's training; errors are mean squared, on his own held-out records.

    Attributes:
      errors: kind of decoder -> after each epoch; converged: whether it had stopped falling.
      held_error: of the chosen decoder; held_mean_error: of predicting the mean.
      clear_error: of the same decoder on an embedding that hides nothing; clear_best: the least
        that an embedding of this size allows.
      null: victims "rebuilt" from noise.
    """

    errors: Mapping[str, tuple[float, ...]]
    converged: Mapping[str, bool]
    held_error: float
    held_mean_error: float
    clear_error: float
    clear_best: float
    null: Array = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One modality of all victims. Secret.

    Attributes:
      originals, rebuilt: (n, ...), row i of both the same victim.
      decoder: which was chosen; mean: the attacker's own, (...).
    """

    originals: Array = field(repr=False)
    rebuilt: Array = field(repr=False)
    decoder: str
    mean: Array = field(repr=False)
    views: Views = field(repr=False)
    health: Health
