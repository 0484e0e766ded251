# SPDX-License-Identifier: Apache-2.0
"""Recognition with scikit-learn's manners: embeddings in, protected templates inside, names out.

    fitted = TemplateClassifier(far=0.01).fit(X, y)       # enrols
    fitted.predict(probes)                                # a label of y, or "unknown"

With `far`, the threshold comes from the people who are enrolled: each is a stranger to everybody
else's template, as a fresh stranger is to all of theirs. It holds for strangers like these people,
and needs about 1 / far of them. Without `far`, everybody is taken for the nearest: closed-set.

What differs from a usual classifier: only the direction of a row counts, not its length, as
embeddings are compared by angle (a row of zeros has none: it enrols nobody and is near nobody); and
templates are made under a key, by default a fresh one for each fit that is forgotten with the
estimator. `random_state` makes that key repeatable, and thereby guessable: for experiments.

Source: https://scikit-learn.org/stable/developers/develop.html
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from polyveil.errors import UsageError
from polyveil.privacy.key import KEY_BYTES, ProjectKey
from polyveil.recognize.scheme import Floats, Scheme
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.search_front import SearchFront
from polyveil.recognize.template import protect, template_secret
from polyveil.recognize.threshold import Strangers

_MODALITY = "embedding"


class TemplateClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Nearest protected template, or nobody.

    Args:
      far: chance that a stranger is taken for anybody enrolled, at most; None for closed-set.
      kept: directions of an embedding that a template sees; None for half of them.
      bits: per direction, 1 to 4.
      unknown: label of nobody; of the kind of the labels in y.
      key: of the project; None for one that lives with the estimator.
      random_state: makes templates repeatable, see above; None keeps them secret.

    Attributes:
      classes_: labels, in order.
      templates_: one protected template a class. No embedding is kept.
      threshold_: similarity above which somebody is recognised; -inf for closed-set.
      n_features_in_: numbers of an embedding.
    """

    def __init__(
        self,
        far: float | None = None,
        *,
        kept: int | None = None,
        bits: int = 2,
        unknown: Any = "unknown",
        key: ProjectKey | None = None,
        random_state: Any = None,
    ) -> None:
        self.far = far
        self.kept = kept
        self.bits = bits
        self.unknown = unknown
        self.key = key
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> TemplateClassifier:  # noqa: N803
        """Enrols every class with the mean direction of its rows.

        Args:
          X: embeddings (n, dimension), dimension >= 2. Secret; not kept.
          y: who each is of.

        Raises:
          ValueError: fewer than two numbers a row or than two classes, a class of zeros alone, or
            an `unknown` of another kind than the labels.
          UsageError: too few people for `far`.
        """
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, who = np.unique(labels, return_inverse=True)
        directed = rows.any(axis=1)
        rows, who = rows[directed], who[directed]
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        if rows.shape[1] < 2:
            raise ValueError("expected at least 2 numbers a row, got 1 feature(s).")
        if len(np.unique(who)) < len(self.classes_):
            raise ValueError("expected rows with a direction for every class, got zeros alone.")
        self._check_unknown()
        scheme = Scheme(rows.shape[1], self.kept or max(2, rows.shape[1] // 2), self.bits)
        self._secrets = self._drawn(len(self.classes_))
        self.templates_ = [
            protect(rows[who == at], secret, scheme) for at, secret in enumerate(self._secrets)
        ]
        self.threshold_ = -np.inf if self.far is None else self._chosen(rows, who)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Similarity to each class less the threshold, (n, classes); with two classes (n,), the
        second's less the first's.

        With `far`, a column above 0 is somebody who is recognised.
        """
        scores = self._similarities(X)
        if len(self.classes_) == 2 and self.far is None:
            return np.asarray(scores[:, 1] - scores[:, 0])
        return scores if self.far is None else scores - self.threshold_

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """The nearest class of each row (n,), or `unknown` where `far` is set and none is near."""
        scores = self._similarities(X)
        found = self.classes_[scores.argmax(axis=1)]
        if self.far is None:
            return np.asarray(found)
        near = scores.max(axis=1) > self.threshold_
        return np.where(near, found, np.asarray(self.unknown))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A made-up blob is told from another by its place; here only the direction counts.
        tags.classifier_tags.poor_score = True
        return tags

    def _similarities(self, X: ArrayLike) -> Floats:  # noqa: N803
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        directed = rows.any(axis=1)
        scores = np.full((len(rows), len(self.classes_)), -1.0)
        if directed.any():
            scores[directed] = scores_under(rows[directed], self._secrets, self.templates_)
        return scores

    def _drawn(self, count: int) -> list[bytes]:
        """One secret a class."""
        repeatable = self.random_state is not None
        draw = check_random_state(self.random_state) if repeatable else None
        drawn = draw.bytes(KEY_BYTES) if draw is not None else secrets.token_bytes(KEY_BYTES)
        key = self.key or ProjectKey(drawn)
        return [
            template_secret(key, subject=str(at), modality=_MODALITY, enrolment=drawn.hex())
            for at in range(count)
        ]

    def _chosen(self, rows: Floats, who: NDArray[np.intp]) -> float:
        """The threshold that `far` of strangers exceed, each person a stranger to all others."""
        first = np.unique(who, return_index=True)[1]
        scores = scores_under(rows[first], self._secrets, self.templates_)
        apart = ~np.eye(len(first), dtype=bool)
        searches = np.repeat(np.arange(len(first)).astype(np.str_), len(first) - 1)
        front = SearchFront.of(searches, scores[apart])
        people = frozenset(searches.tolist())
        strangers = Strangers((_MODALITY,), np.sort(scores[apart]), front, people, int(apart.sum()))
        # A fresh stranger meets one template more than each of these did.
        return strangers.for_search(float(self.far or 0.0), gallery=front.others).value

    def _check_unknown(self) -> None:
        if self.far is None:
            return
        if not 0 < self.far < 1:
            raise UsageError(f"far: expected a rate in (0, 1), got {self.far}.")
        kinds = {"U": "text", "S": "text", "O": "text"}
        labels, nobody = self.classes_.dtype.kind, np.asarray(self.unknown).dtype.kind
        if kinds.get(labels, "number") != kinds.get(nobody, "number"):
            raise ValueError(
                f"unknown: {self.unknown!r} is of another kind than the labels; expected for "
                "example -1 where labels are numbers."
            )
        if np.isin(self.unknown, self.classes_):
            raise ValueError("unknown: somebody in y has this label; expected one of nobody.")
