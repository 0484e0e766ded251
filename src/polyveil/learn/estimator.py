# SPDX-License-Identifier: Apache-2.0
"""A private classifier with scikit-learn's manners: fit, predict, and a guarantee beside them.

    fitted = PrivateClassifier(epsilon=3.0).fit(X, y)
    fitted.guarantee_.sentence

What differs from a usual estimator: noise comes from a secret that is forgotten, so that two fits
on the same records differ, `random_state` or not; `random_state` fixes the first weights alone.
Numbers are scaled by a fixed rule, since a mean over private records would be a release of its own.
Every fit is a release; none is charged to a ledger here (`polyveil.train` does).

Source: https://scikit-learn.org/stable/developers/develop.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional

from polyveil.learn.averaging import WeightAverage
from polyveil.learn.plan import QUANTILE
from polyveil.learn.private import PrivateTraining
from polyveil.learn.run import LEARNING_RATE, in_units_of_threshold
from polyveil.learn.threshold import PrivateQuantile
from polyveil.models.registry import build

Factory: TypeAlias = Callable[[tuple[int, ...], int], nn.Module]
_AT_ONCE = 1024
_RATE = 0.02
_HIDDEN = 64


class PrivateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns to tell classes apart within (epsilon, delta), for one record added or removed.

    Args:
      epsilon, delta: the promise of one fit; delta None for min(1e-5, 1/(10 n)).
      model: "linear", "mlp", a network of the registry (needs `image_shape`), or a function
        (shape of a record, number of classes) -> module that maps records to logits.
      epochs, batch_size: expected passes, and expected records a step; None for n / 20, at least
        32.
      learning_rate: of Adam; None for .02 (linear, mlp) or .002 (any other).
      clipping: "per-layer" or "flat".
      thresholds: one fixed bound on a record's gradient norm, or "quantile" for private ones.
      averaging: decay of the running mean of weights that is kept, in [0, 1).
      bounds: (low, high), public, that numbers are clipped to and scaled from to -1 .. 1. None:
        records longer than the root of their number of features are shortened to that, or 0 to
        255 where `image_shape` is given.
      image_shape: (channels, height, width) that a record's numbers are laid out in.
      random_state: of the first weights; the noise is never fixed.

    Attributes:
      classes_: classes, in order. Taken to be public.
      guarantee_: what is proven about the fitted weights.
      model_: the trained module.
      n_features_in_: numbers a record has.
    """

    def __init__(
        self,
        epsilon: float = 3.0,
        *,
        delta: float | None = None,
        model: str | Factory = "linear",
        epochs: int = 20,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        clipping: str = "per-layer",
        thresholds: float | str = 1.0,
        averaging: float = 0.95,
        bounds: tuple[float, float] | None = None,
        image_shape: tuple[int, int, int] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clipping = clipping
        self.thresholds = thresholds
        self.averaging = averaging
        self.bounds = bounds
        self.image_shape = image_shape
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> PrivateClassifier:  # noqa: N803 - its custom
        """Trains on records X, numbers [n, features], of classes y, [n].

        Raises:
          ValueError: shapes or values that do not fit, a single record or a single class.
          NotPrivate: this model or budget cannot have a guarantee.
        """
        rows, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y: a single class; expected two or more classes to tell apart.")
        inputs = self._scaled(rows)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model_ = self._network(tuple(inputs.shape[1:]))
            self._train(inputs, torch.from_numpy(labels.astype(np.int64)))
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Class probabilities [n, classes], in the order of `classes_`."""
        check_is_fitted(self, "model_")
        inputs = self._scaled(validate_data(self, X, dtype=np.float64, reset=False))
        self.model_.eval()
        with torch.no_grad():
            parts = [self.model_(part) for part in torch.split(inputs, _AT_ONCE)]
        probabilities: NDArray[np.float64] = torch.cat(parts).double().softmax(1).numpy()
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """The most probable class of each record, [n]."""
        best = self.predict_proba(X).argmax(1)
        found: NDArray[Any] = self.classes_[best]
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        # On a handful of records the noise outweighs what there is to learn: that is the promise.
        tags.classifier_tags.poor_score = True
        return tags

    def _train(self, inputs: Tensor, labels: Tensor) -> None:
        usual = _RATE if self.model in ("linear", "mlp") else LEARNING_RATE["adam"]
        rate = self.learning_rate or usual
        optimizer = torch.optim.Adam(self.model_.parameters(), lr=rate)
        records = len(labels)
        private = PrivateTraining(
            self.model_,
            optimizer,
            (inputs, labels),
            batch_size=min(self.batch_size or max(32, round(records / 20)), records),
            epochs=self.epochs,
            epsilon=self.epsilon,
            delta=self.delta,
            clipping=self.clipping,  # type: ignore[arg-type]
            thresholds=self._thresholds(),
            physical_batch=_AT_ONCE,
        )
        average, done = WeightAverage(self.model_, self.averaging), 0
        self.model_.train()
        for rows, answers in private.batches():
            losses = functional.cross_entropy(self.model_(rows), answers, reduction="none")
            private.backward(losses)
            if private.steps_done > done:
                done = private.steps_done
                in_units_of_threshold(private)
                optimizer.step()
                average.update()
        optimizer.zero_grad()
        private.detach()
        average.apply()
        self.guarantee_ = private.guarantee()

    def _thresholds(self) -> PrivateQuantile | float:
        if isinstance(self.thresholds, str):
            if self.thresholds != QUANTILE:
                raise ValueError(
                    f'thresholds: {self.thresholds!r}; expected "quantile" or a number.'
                )
            return PrivateQuantile()
        return float(self.thresholds)

    def _network(self, shape: tuple[int, ...]) -> nn.Module:
        classes = len(self.classes_)
        if not isinstance(self.model, str):
            return self.model(shape, classes)
        features = int(np.prod(shape))
        if self.model == "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(features, classes))
        if self.model == "mlp":
            layers = nn.Linear(features, _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, classes)
            return nn.Sequential(nn.Flatten(), *layers)
        if self.image_shape is None:
            raise ValueError(
                f"model {self.model!r} takes pictures; expected image_shape = (channels, height, "
                'width), or model "linear" or "mlp".'
            )
        return build(self.model, self.image_shape, classes)

    def _scaled(self, rows: NDArray[np.float64]) -> Tensor:
        """float32 rows in a range that does not depend on other records."""
        bounds = (0.0, 255.0) if self.bounds is None and self.image_shape else self.bounds
        if bounds is None:
            longest = np.sqrt(rows.shape[1])
            # Largest number first: squares of 1e300 overflow.
            size = np.abs(rows).max(1, keepdims=True, initial=0.0)
            safe = np.where(size > 0, size, 1.0)
            norm = safe * np.sqrt(((rows / safe) ** 2).sum(1, keepdims=True))
            scaled = rows / np.maximum(norm / longest, 1.0)
        else:
            low, high = bounds
            if not low < high:
                raise ValueError(f"bounds: {bounds}; expected (low, high) with low < high.")
            scaled = 2 * (np.clip(rows, low, high) - low) / (high - low) - 1
        values = torch.from_numpy(scaled.astype(np.float32))
        return values if self.image_shape is None else values.view(-1, *self.image_shape)
