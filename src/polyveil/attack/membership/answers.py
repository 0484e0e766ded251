# SPDX-License-Identifier: Apache-2.0
"""All that was asked, once: the target's and the shadow models' answers to the same records.

Every membership attack reads these arrays and asks nothing more, so that five attacks cost the
queries of one and are compared on the same evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.membership.signal import Floats, Labels, Signals
from polyveil.attack.splits import SplitProof
from polyveil.errors import UsageError

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class View:
    """One model seen by an attacker; who is a member he does not see.

    Attributes:
      target: signals (n,) of the model under attack.
      labels: (n,).
      shadows: signals (models, n) of models that are not the target; None without any.
      keep: bool (models, n): what each was trained on.
      population: signals (z,) of the target on records that nobody asks about; None without any.
      population_shadows: signals (models, z).
    """

    target: Signals
    labels: Labels = field(repr=False)
    shadows: Signals | None
    keep: Bools = field(repr=False)
    population: Signals | None
    population_shadows: Signals | None

    @property
    def models(self) -> int:
        """How many shadow models there are."""
        return len(self.keep)

    def needed_shadows(self, attack: str) -> Signals:
        """The shadow models' signals.

        Raises:
          UsageError: there are none.
        """
        if self.shadows is None or self.models < 2:
            raise UsageError(
                f"{attack}: {self.models} shadow models; expected 2 or more. Train some with "
                "train_shadows, or use the population attack, which needs none."
            )
        return self.shadows

    def needed_population(self, attack: str) -> Signals:
        """The target's signals on the population.

        Raises:
          UsageError: there is none.
        """
        if self.population is None:
            raise UsageError(
                f"{attack}: no population; expected records that are neither members nor "
                "non-members. Give some, or set some aside with Candidates.set_aside."
            )
        return self.population

    def without(self, models: tuple[int, ...], target: int) -> View:
        """Shadow model `target` played as the target, the named ones being out of the game."""
        if self.shadows is None:
            raise UsageError("membership: there is no shadow model that could play the target.")
        rest = np.array([row for row in range(self.models) if row not in models], dtype=np.intp)
        others = self.population_shadows
        return View(
            self.shadows[target],
            self.labels,
            self.shadows[rest] if len(rest) else None,
            self.keep[rest],
            None if others is None else others[target],
            None if others is None or not len(rest) else others[rest],
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """A view of the real target, who was a member, and what the controls need.

    Attributes:
      view: of the target.
      is_member: bool (n,).
      twin: signals (n,) of a model that is known to remember; None without one.
      twin_keep: bool (n,): what the twin remembers.
      twin_population: signals (z,).
      blind: (n,) cross-validated scores of an attacker who sees records but no model.
      proof: that members, non-members and population share no record.
      pseudonyms: one a record, keyed.
      queries: records that went through the target.
      models: networks trained for this: shadow models and twin.
      seconds: their training took.
    """

    view: View
    is_member: Bools = field(repr=False)
    proof: SplitProof
    pseudonyms: tuple[str, ...] = field(repr=False)
    twin: Signals | None = None
    twin_keep: Bools | None = field(default=None, repr=False)
    twin_population: Signals | None = None
    blind: Floats | None = field(default=None, repr=False)
    queries: int = 0
    models: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.view.labels)
        if self.is_member.shape != (n,) or self.view.keep.shape[1:] != (n,):
            raise UsageError(
                f"membership: {n} records, is_member {self.is_member.shape}, keep-mask "
                f"{self.view.keep.shape}; expected (n,) and (models, n) over the same records."
            )

    def twin_view(self) -> View | None:
        """The twin played as the target, all shadow models in the game."""
        if self.twin is None:
            return None
        view = self.view
        return View(
            self.twin,
            view.labels,
            view.shadows,
            view.keep,
            self.twin_population,
            view.population_shadows,
        )

    def innocents(self) -> Iterator[tuple[Bools, View]]:
        """The first pair of shadow models, each played as the target with its pair left out.

        Yields what each was trained on. The two together saw every record exactly once, and did
        not see it exactly once.
        """
        if self.view.shadows is None or self.view.models < 2:
            return
        for target in (0, 1):
            yield self.view.keep[target], self.view.without((0, 1), target)
