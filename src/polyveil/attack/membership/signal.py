# SPDX-License-Identifier: Apache-2.0
"""What an attacker reads off a model's answer to one record.

Everything is computed in float64 and in logs: a model that is sure answers 1 - 1e-20, which in
probabilities is 1, and then the records that leak most look alike.

Source: Carlini et al., IEEE S&P 2022, https://arxiv.org/abs/2112.03570, section VI (the scaled
logit); Salem et al., NDSS 2019, https://arxiv.org/abs/1806.01246 (the top three posteriors).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
TOP = 3


@dataclass(frozen=True, slots=True)
class Signals:
    """One model's answers to n records, or those of several models to the same records.

    Attributes:
      margin: (..., n) phi = log p_y - log sum over j != y of p_j, in nats; about normal over
        models, unlike a probability or a loss.
      likelihood: (..., n) log p_y <= 0; the loss is its negative.
      entropy: (..., n) of the answer, in nats.
      top: (..., n, 3) the greatest log-probabilities, falling; two classes repeat the second.
    """

    margin: Floats = field(repr=False)
    likelihood: Floats = field(repr=False)
    entropy: Floats = field(repr=False)
    top: Floats = field(repr=False)

    def __getitem__(self, models: int | NDArray[np.intp]) -> Signals:
        """Of one of several models, or of some."""
        return Signals(
            self.margin[models], self.likelihood[models], self.entropy[models], self.top[models]
        )

    @property
    def loss(self) -> Floats:
        """Cross-entropy of each record, in nats."""
        return -self.likelihood

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether no class is likelier than the label."""
        right: NDArray[np.bool_] = self.likelihood >= self.top[..., 0]
        return right

    def features(self) -> Floats:
        """(..., n, 6): all of it, for a classifier."""
        single = np.stack([self.margin, self.likelihood, self.entropy], axis=-1)
        return np.concatenate([single, self.top], axis=-1)


def signals(logits: Floats, labels: Labels) -> Signals:
    """Signals of one model.

    Args:
      logits: float (n, classes), two classes or more.
      labels: int (n,), each in [0, classes).

    Raises:
      UsageError: shapes or labels do not fit.
    """
    scores = np.asarray(logits, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] < 2 or labels.shape != scores.shape[:1]:
        raise UsageError(
            f"signals: logits {scores.shape}, labels {labels.shape}; expected (n, classes), (n,)."
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise UsageError(
            f"signals: labels from {labels.min()} to {labels.max()}; expected 0 to "
            f"{scores.shape[1] - 1}, one for each logit."
        )
    rows = np.arange(len(labels))
    log_p = scores - logsumexp(scores)[:, None]
    others = scores.copy()
    others[rows, labels] = -np.inf
    falling = -np.sort(-log_p, axis=1)[:, :TOP]
    top = np.concatenate([falling, np.repeat(falling[:, -1:], TOP - falling.shape[1], 1)], axis=1)
    return Signals(
        margin=scores[rows, labels] - logsumexp(others),
        likelihood=log_p[rows, labels],
        entropy=-(np.exp(log_p) * log_p).sum(1),
        top=top,
    )


def stacked(models: list[Signals]) -> Signals:
    """Several models' answers to the same records: one more axis in front."""
    return Signals(
        np.stack([one.margin for one in models]),
        np.stack([one.likelihood for one in models]),
        np.stack([one.entropy for one in models]),
        np.stack([one.top for one in models]),
    )


def logsumexp(values: Floats) -> Floats:
    """log of the sum of exp over the last axis; -inf entries count as nothing."""
    highest = values.max(axis=-1, keepdims=True)
    found: Floats = np.log(np.exp(values - highest).sum(-1)) + highest[..., 0]
    return found
