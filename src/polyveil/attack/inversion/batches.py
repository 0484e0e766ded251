# SPDX-License-Identifier: Apache-2.0
"""What batches rebuilt from gradients show: by closeness, by identity, beside every baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard
from polyveil.attack.inversion.look import NEGLIGIBLE, Look, explained, led_back
from polyveil.attack.inversion.reconstruction import (
    Floats,
    assigned,
    errors,
    found_p,
    nearest,
    pairing_p,
    psnr,
    r_squared,
)
from polyveil.interval import Interval, bootstrap

Array: TypeAlias = NDArray[Any]
REBUILT = 0.5
"""R² that a control which must succeed has to reach."""
MISTAKEN = 1e-3
"""p-value below which the null control counts as having found something."""


@dataclass(frozen=True, slots=True)
class Searched:
    """How the search went.

    Attributes:
      costs: of each batch, after each step; empty if nothing was searched for.
      more: final cost of the first batch with twice the steps or more; None likewise.
      small: R² from a plain gradient of one record on a small net.
      undefended: R² from a plain gradient on the target's network; None if it is plain anyway.
    """

    costs: tuple[tuple[float, ...], ...]
    more: float | None
    small: float
    undefended: float | None

    def guards(self) -> Iterator[Guard]:
        """Was the attack strong enough?"""
        yield Guard(
            "positive control", "false comfort", self.small >= REBUILT,
            f"from a plain gradient of one record on a small net it rebuilds R² {self.small:.2f}",
        )  # fmt: skip
        if self.undefended is not None:
            yield Guard(
                "works without the defence", "false comfort", self.undefended >= REBUILT / 2,
                f"from an unprotected gradient of this network it rebuilds R² "
                f"{self.undefended:.2f}",
            )  # fmt: skip
        if self.more is not None:
            once = self.costs[0][-1]
            # A tenth of a cost of 1e-4 rebuilds nothing more that one could see.
            enough = self.more >= 0.9 * once or once < 1e-3
            yield Guard(
                "more effort changes nothing", "false comfort", enough,
                f"more steps bring the mismatch of the gradients from {once:.3g} to "
                f"{self.more:.3g}",
            )  # fmt: skip


@dataclass(frozen=True)
class BatchJudge:
    """One modality of one attempt.

    Attributes:
      name: of the modality.
      rebuilt: (k, ...), batch after batch; gallery: (n, ...), all victims.
      rows: (k,) of the gallery, in the order of `rebuilt` up to the order inside a batch.
      known: (m, ...), the attacker's own records.
      batch: records of one; attacker: as a measure names him; seed: of bootstrap and permutations.
    """

    name: str
    rebuilt: Array
    gallery: Array
    rows: NDArray[np.intp]
    known: Array
    batch: int
    attacker: str
    seed: int

    @cached_property
    def error(self) -> Floats:
        """Of each record, against what fits it best inside its batch, (k,)."""
        return errors(self.originals, assigned(self.originals, self.rebuilt, self.batch))

    @cached_property
    def without(self) -> Floats:
        """Of the attacker's mean, (k,)."""
        return errors(self.originals, np.broadcast_to(self.mean, self.originals.shape))

    @property
    def originals(self) -> Array:
        """Of the batches, (k, ...)."""
        return self.gallery[self.rows]

    @property
    def mean(self) -> Array:
        """The attacker's own, (...)."""
        return np.asarray(self.known.mean(0))

    @property
    def share(self) -> float:
        """R² over all records."""
        total = float(self.without.sum())
        return 1 - float(self.error.sum()) / total if total > 0 else 0.0

    @property
    def each(self) -> Floats:
        """R² of each record alone."""
        return 1 - self.error / np.maximum(self.without, 1e-12)

    def looks(self) -> list[Look]:
        """By closeness and by identity."""
        p_value = pairing_p(self.originals, self.rebuilt, batch=self.batch, seed=self.seed)
        closeness = explained(
            self.name, self._explains(self.error), p_value, beside={}, attacker=self.attacker
        )
        hits, looked, among = self._hits(self.rows), len(self.rows), len(self.gallery)
        identity = led_back(
            self.name, hits, looked, chance=self.batch / among,
            p_value=found_p(hits, looked, among, batch=self.batch),
            attacker=self.attacker, of=f"{among:,} records",
        )  # fmt: skip
        return [closeness, identity]

    def measures(self) -> list[Measure]:
        """RE and PSNR beside the mean's; the worst record."""
        span = float(self.known.max() - self.known.min()) or 1.0
        units = psnr(self.error, span=span).reshape(-1, self.batch).mean(1)
        return [
            Measure(
                f"RE of rebuilt {self.name}", float(self.error.mean()), unit="squared input units",
                better="higher", baseline={"attacker's mean": float(self.without.mean())},
                attacker=self.attacker,
            ),
            Measure(
                f"PSNR of rebuilt {self.name}", bootstrap(units, seed=self.seed), unit="dB",
                better="lower", attacker=self.attacker,
                baseline={"attacker's mean": float(psnr(self.without, span=span).mean())},
            ),
            Measure(
                f"R² of the best rebuilt {self.name}", float(self.each.max()), unit="",
                better="lower", attacker=self.attacker,
            ),
        ]  # fmt: skip

    def null(self) -> Guard:
        """Each batch's reconstruction held against the next batch, of which it knows nothing."""
        others = np.roll(self.rows, self.batch)
        originals = self.gallery[others]
        wrong = errors(originals, assigned(originals, self.rebuilt, self.batch))
        without = errors(originals, np.broadcast_to(self.mean, originals.shape))
        nothing = r_squared(wrong, without, self._batches(), seed=self.seed)
        # Closer than the attacker's mean to anybody is no accusation, if his mean is of other
        # people: what counts is whether they are closer to these than to any.
        close = nothing.low > NEGLIGIBLE and (
            pairing_p(originals, self.rebuilt, batch=self.batch, seed=self.seed) <= MISTAKEN
        )
        hits, looked = self._hits(others), len(others)
        p_value = found_p(hits, looked, len(self.gallery), batch=self.batch)
        return Guard(
            f"null control ({self.name})", "false alarm",
            not close and p_value > MISTAKEN,
            f"of another batch the same reconstructions rebuild R² {nothing.estimate:.3f} and "
            f"re-identify {hits} of {looked:,}",
        )  # fmt: skip

    def arrays(self) -> dict[str, Array]:
        """Per record; secret."""
        return {
            f"{self.name}/original": self.originals,
            f"{self.name}/rebuilt": assigned(self.originals, self.rebuilt, self.batch),
            f"{self.name}/error": self.error,
        }

    def _hits(self, rows: NDArray[np.intp]) -> int:
        """Records of each batch that one of its reconstructions points at, each counted once."""
        points = nearest(self.rebuilt, self.gallery, self.mean).reshape(-1, self.batch)
        inside = rows.reshape(-1, self.batch)
        return sum(len(np.intersect1d(a, b)) for a, b in zip(points, inside, strict=True))

    def _explains(self, error: Floats) -> Interval:
        return r_squared(error, self.without, self._batches(), seed=self.seed)

    def _batches(self) -> Array:
        return np.arange(len(self.rows)) // self.batch
