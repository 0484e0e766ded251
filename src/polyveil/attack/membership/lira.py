# SPDX-License-Identifier: Apache-2.0
"""LiRA: is the target's margin that of a model that saw the record, or of one that did not?

Over models the margin phi of one record is about normal. Shadow models with and without it give
two normal densities (online), or one (offline), and the target's own margin is judged by them.

| Score | Formula | Needs |
|---|---|---|
| online | log N(phi; mu_in, s_in) - log N(phi; mu_out, s_out) | models with and without |
| offline | -log(1 - Phi((phi - mu_out) / s_out)), one-sided | models without |

With few shadow models a spread of each record's own is mostly noise, so that below 64 one spread
is pooled over all records. The centre is the median, which one odd model does not move.

Source: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570, section V; conventions
(median, spread about it) as in TensorFlow Privacy's advanced_mia, with which scores agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.attack.membership.answers import Bools, View
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.signal import Floats
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

THREAT = Threat(
    "membership",
    "someone who wants to know whether a person's record was used",
    "the model's probabilities, one query a record",
    "records like the training data, and how the model was trained",
    risk="inference",
)
Side: TypeAlias = Literal["online", "offline"]
Spread: TypeAlias = Literal["auto", "pooled", "each"]

ENOUGH = 64
"""Shadow models from which on each record's own spread is used."""
_TINY = 1e-30


@dataclass(frozen=True, slots=True)
class Normal:
    """Margins of one kind of model: centre of each record (n,), spread (n,) or of all ()."""

    centre: Floats
    spread: Floats

    def log_density(self, margins: Floats) -> Floats:
        """log N(margin; centre, spread), in nats."""
        spread = self.spread + _TINY
        found: Floats = -np.log(spread * np.sqrt(2 * np.pi)) - 0.5 * self._z(margins) ** 2
        return found

    def surprise(self, margins: Floats) -> Floats:
        """-log of the chance that such a model's margin is greater, in nats."""
        from scipy.special import log_ndtr

        found: Floats = -log_ndtr(-self._z(margins))
        return found

    def _z(self, margins: Floats) -> Floats:
        found: Floats = (margins - self.centre) / (self.spread + _TINY)
        return found


def fitted(margins: Floats, chosen: Bools, *, pooled: bool) -> Normal:
    """The margins' normal law over some of the models.

    Args:
      margins: (models, n).
      chosen: bool (models, n): which model counts for which record; at least one for each.
      pooled: one spread, of all deviations from their record's centre.

    Raises:
      UsageError: a record without any model.
    """
    if not chosen.any(0).all():
        raise UsageError(
            f"LiRA: {int((~chosen.any(0)).sum())} records without a model of the kind; expected "
            "every record in half of the shadow models (balanced_halves)."
        )
    held = np.where(chosen, margins, np.nan)
    centre = _medians(held, chosen.sum(0))
    spread = np.asarray(np.nanstd(held - centre) if pooled else np.nanstd(held, axis=0))
    # One model for each record says nothing of the spread, and then any scale is as good.
    return Normal(centre, np.ones(()) if pooled and spread == 0 else spread)


def _medians(held: Floats, counts: NDArray[np.int64]) -> Floats:
    """Of each column's `counts` numbers; NaN sorts last. nanmedian goes column by column."""
    ordered, columns = np.sort(held, axis=0), np.arange(held.shape[1])
    middle: Floats = (ordered[(counts - 1) // 2, columns] + ordered[counts // 2, columns]) / 2
    return middle


@dataclass(frozen=True)
class Lira(MembershipAttack):
    """LiRA on a study's candidates.

    Attributes:
      side: "online": both laws; "offline": only that of models without the record.
      spread: "auto": pooled below 64 shadow models, else each record's own.
    """

    threat: ClassVar[Threat] = THREAT

    side: Side = "online"
    spread: Spread = "auto"

    @property
    def name(self) -> str:
        return f"LiRA, {self.side}, {len(self.study.keep)} shadow models"

    def scores(self, view: View) -> Floats:
        margins, own = view.needed_shadows("LiRA").margin, view.target.margin
        pooled = self.spread == "pooled" or (self.spread == "auto" and view.models < ENOUGH)
        out = fitted(margins, ~view.keep, pooled=pooled)
        if self.side == "offline":
            return out.surprise(own)
        return fitted(margins, view.keep, pooled=pooled).log_density(own) - out.log_density(own)
