# SPDX-License-Identifier: Apache-2.0
"""The private classifier keeps scikit-learn's manners where noise does not forbid it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

from polyveil.errors import NotPrivate
from polyveil.learn.estimator import PrivateClassifier

NOISE = "two fits are two draws of noise; a fixed noise would be no noise"
EXPECTED = {"check_fit_idempotent": NOISE, "check_supervised_y_2d": NOISE}


def blobs() -> tuple[np.ndarray, np.ndarray]:
    return make_blobs(600, centers=3, random_state=0)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks() -> None:
    results = check_estimator(
        PrivateClassifier(epochs=1), expected_failed_checks=EXPECTED, on_fail=None, on_skip=None
    )
    assert not [one["check_name"] for one in results if one["status"] == "failed"]
    assert sum(one["status"] == "passed" for one in results) > 45


def test_it_learns_and_says_what_is_promised() -> None:
    x, y = blobs()
    names = np.array(["ash", "birch", "cedar"])[y]
    fitted = PrivateClassifier(epsilon=2.0, bounds=(-12, 12)).fit(x, names)
    assert fitted.score(x, names) > 0.75 and list(fitted.classes_) == ["ash", "birch", "cedar"]
    assert fitted.guarantee_.epsilon <= 2.0 and fitted.guarantee_.delta <= 1e-5
    assert np.allclose(fitted.predict_proba(x).sum(1), 1)


def test_two_fits_differ_though_the_first_weights_are_fixed() -> None:
    x, y = blobs()
    one, other = (PrivateClassifier(epochs=1, random_state=0).fit(x, y) for _ in range(2))
    assert not torch.equal(*(next(each.model_.parameters()) for each in (one, other)))


def test_pictures_by_a_network_of_the_registry() -> None:
    x, y = load_digits(return_X_y=True)
    few = x[:400], y[:400] % 2
    made = PrivateClassifier(
        8.0, model="scatter-linear", image_shape=(1, 8, 8), bounds=(0, 16), epochs=3
    ).fit(*few)
    assert made.score(*few) > 0.6


def test_a_module_of_the_user() -> None:
    def make(shape: tuple[int, ...], classes: int) -> nn.Module:
        return nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Linear(8, classes))

    x, y = blobs()
    assert PrivateClassifier(8.0, model=make, epochs=2).fit(x, y).predict(x).shape == y.shape


def test_it_clones_and_goes_through_pipelines_and_cross_validation() -> None:
    x, y = blobs()
    pipeline = make_pipeline(
        FunctionTransformer(lambda rows: rows / 12), PrivateClassifier(8.0, epochs=2)
    )
    assert len(cross_val_score(pipeline, x, y, cv=2)) == 2
    assert clone(PrivateClassifier(2.5, model="mlp")).get_params()["epsilon"] == 2.5


def test_scaling_looks_at_one_record_at_a_time() -> None:
    x = np.array([[1e300, -1e300], [3.0, 4.0], [0.1, 0.0], [0.0, 0.0]])
    scaled = PrivateClassifier()._scaled(x).numpy()
    assert np.allclose(np.linalg.norm(scaled, axis=1), [2**0.5, 2**0.5, 0.1, 0.0])
    alone = np.vstack([PrivateClassifier()._scaled(row[None]).numpy() for row in x])
    assert np.array_equal(scaled, alone)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "cnn"}, "takes pictures"),
        ({"thresholds": "median"}, "quantile"),
        ({"bounds": (1, 1)}, "low < high"),
        ({"epsilon": -1.0}, "epsilon"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict, message: str) -> None:
    with pytest.raises((ValueError, NotPrivate), match=message):
        PrivateClassifier(**options).fit(*blobs())
