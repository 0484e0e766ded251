# SPDX-License-Identifier: Apache-2.0
"""The reference attack: a threshold for each record, from models that were trained without it.

Easy records have a small loss under every model, so that one threshold names only them. Here the
score of a record is where the target's margin lies among the margins of models without it. Few
models give few quantiles; a normal kernel around each, of one bandwidth for all records, fills the
gaps and continues the tail.

Source: Ye et al., ACM CCS 2022, https://arxiv.org/abs/2111.09679, attack R; bandwidth: Silverman,
Density Estimation (1986), section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyveil.attack.membership.answers import Bools, View
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.membership.lira import THREAT, fitted
from polyveil.attack.membership.signal import Floats, logsumexp
from polyveil.attack.threat import Threat


@dataclass(frozen=True)
class Reference(MembershipAttack):
    """The reference attack on a study's candidates."""

    threat: ClassVar[Threat] = THREAT

    @property
    def name(self) -> str:
        return f"reference attack, {len(self.study.keep)} shadow models"

    def scores(self, view: View) -> Floats:
        margins = view.needed_shadows("reference attack").margin
        return -log_share_above(view.target.margin, margins, ~view.keep)


def log_share_above(own: Floats, margins: Floats, out: Bools) -> Floats:
    """log of the smoothed share of models without the record whose margin is greater, (n,).

    In logs, so that records far above every model are still told apart.

    Args:
      own: (n,) the target's margins.
      margins: (models, n).
      out: bool (models, n): trained without the record; at least one for each.
    """
    from scipy.special import log_ndtr

    spread = float(fitted(margins, out, pooled=True).spread)
    models = out.sum(0)
    # Silverman's rule; a spread of nought leaves steps, at which equal margins count half.
    width = max(1.06 * spread * float(np.median(models)) ** -0.2, 1e-12)
    above = np.where(out, log_ndtr((margins - own) / width), -np.inf)
    found: Floats = logsumexp(above.T) - np.log(models)
    return found
