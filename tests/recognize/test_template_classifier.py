# SPDX-License-Identifier: Apache-2.0
"""The estimator: scikit-learn's own checks, open-set answers, and templates instead of people."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from synthetic_people import names, people

pytest.importorskip("sklearn")

from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from polyveil.errors import UsageError
from polyveil.recognize.estimator import TemplateClassifier


def crowd(count: int, *, samples: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rows = people(count, samples=samples, alike=0.85, seed=seed)
    return rows.reshape(-1, rows.shape[-1]), np.repeat(names(count), samples)


def test_scikit_learn_accepts_it() -> None:
    check_estimator(TemplateClassifier(random_state=0))


def test_people_are_told_apart_and_strangers_are_unknown() -> None:
    rows, who = crowd(200)
    first = np.arange(len(rows)) % 3 > 0
    fitted = TemplateClassifier(far=0.02, random_state=0).fit(rows[first], who[first])
    assert (fitted.predict(rows[~first]) == who[~first]).mean() > 0.8
    strangers, _ = crowd(300, samples=1, seed=9)
    assert (fitted.predict(strangers) != "unknown").mean() < 0.06
    above = (fitted.decision_function(strangers) > 0).any(axis=1)
    assert np.array_equal(above, fitted.predict(strangers) != "unknown")


def test_closed_set_takes_everybody_for_somebody_and_can_be_cross_validated() -> None:
    rows, who = crowd(30, samples=4)
    scores = cross_val_score(TemplateClassifier(), rows, who, cv=2)
    assert scores.mean() > 0.8


def test_no_embedding_stays_and_two_fits_have_nothing_in_common() -> None:
    rows, who = crowd(5)
    one, other = TemplateClassifier().fit(rows, who), TemplateClassifier().fit(rows, who)
    assert one.templates_[0].packed != other.templates_[0].packed
    kept = pickle.dumps(one)
    assert rows[0].tobytes() not in kept and rows[0, :2].tobytes() not in kept


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"far": 0.001}, "cannot support"),
        ({"far": 2.0}, "in \\(0, 1\\)"),
        ({"far": 0.1, "unknown": -1}, "another kind"),
        ({"far": 0.1, "unknown": "p000"}, "somebody in y"),
    ],
)
def test_what_it_cannot_promise_is_refused(settings: dict[str, object], said: str) -> None:
    rows, who = crowd(20)
    with pytest.raises((UsageError, ValueError), match=said):
        TemplateClassifier(**settings).fit(rows, who)  # type: ignore[arg-type]
