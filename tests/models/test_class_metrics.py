# SPDX-License-Identifier: Apache-2.0
"""Metrics agree with torchmetrics and netcal, and say where a figure rests on nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.models.class_metrics import class_metrics
from polyveil.models.reliability import calibration_error, confidences, equal_mass, equal_width

sys.path.insert(0, str(Path(__file__).parent))

from reliability_golden import predictions

# torchmetrics 1.9.0 and netcal 1.4.0, by reliability_golden.py
GOLDEN = {
    "accuracy": 0.6153846,
    "precision weighted": 0.6155857,
    "precision macro": 0.6153605,
    "f1 weighted": 0.6152873,
    "f1 macro": 0.615172,
    "ece, torchmetrics": 0.0976258,
    "ece, netcal": 0.0976258,
    "ece adaptive, netcal": 0.096843,
    "nll": 1.0357116,
    "brier": 0.5141596,
}


def test_agrees_with_torchmetrics_and_netcal() -> None:
    found = class_metrics(*predictions())
    ours = {
        "accuracy": found.accuracy,
        "precision weighted": found.weighted.precision,
        "precision macro": found.macro.precision,
        "f1 weighted": found.weighted.f1,
        "f1 macro": found.macro.f1,
        "ece, torchmetrics": found.ece,
        "ece, netcal": found.ece,
        "ece adaptive, netcal": found.ece_adaptive,
        "nll": found.nll,
        "brier": found.brier,
    }
    assert ours == pytest.approx(GOLDEN, abs=1e-6)


@settings(deadline=None)  # the first example loads torch
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_agrees_with_torchmetrics_where_it_is_installed(seed: int, classes: int) -> None:
    peer = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet((0.5,) * classes, 60)
    labels = draw.integers(0, classes, 60)
    theirs = peer.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), classes, n_bins=15, norm="l1"
    )
    assert class_metrics(probabilities, labels).ece == pytest.approx(float(theirs), abs=1e-6)


@given(st.integers(0, 10_000))
def test_weighted_recall_is_accuracy(seed: int) -> None:
    """A published table whose weighted recall differs from its accuracy holds something else."""
    draw = np.random.default_rng(seed)
    found = class_metrics(draw.dirichlet((1, 1, 1), 30), draw.integers(0, 3, 30))
    assert found.weighted.recall == pytest.approx(found.accuracy)


def test_low_confidence_rests_on_counted_records() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.51, 0.29, 0.2]])
    found = class_metrics(probabilities, np.array([0, 1, 0]))
    assert (found.low_records, found.low_right, found.low_accuracy) == (2, 1, 0.5)
    assert found.low_interval.low < 0.05 and found.low_interval.high > 0.95
    sure = class_metrics(np.array([[0.9, 0.1]]), np.array([0]))
    assert sure.low_accuracy is None and sure.low_interval.n == 0
    assert sure.to_json()["low_accuracy"] is None


def test_a_calibrated_model_has_little_error_and_a_boaster_much() -> None:
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet((1, 1, 1), 20_000)
    labels = (probabilities.cumsum(1) > draw.random((20_000, 1))).argmax(1)
    honest = class_metrics(probabilities, labels)
    assert max(honest.ece, honest.ece_adaptive) < 0.02
    boast = class_metrics(np.eye(3)[probabilities.argmax(1)], labels)
    assert boast.ece == pytest.approx(1 - boast.accuracy)
    assert boast.ece_adaptive == pytest.approx(1 - boast.accuracy)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 20))
def test_every_record_lies_in_one_bin(seed: int, records: int, bins: int) -> None:
    draw = np.random.default_rng(seed)
    confidence, right = draw.integers(0, 21, records) / 20, draw.random(records) < 0.5
    width, mass = (rule(confidence, right, bins=bins) for rule in (equal_width, equal_mass))
    for found in (width, mass):
        assert sum(one.records for one in found) == records
        assert sum(one.right for one in found) == right.sum()
        assert all(one.low - 1e-12 <= one.confidence <= one.high + 1e-12 for one in found)
        assert 0 <= calibration_error(found) <= 1
    sizes = [one.records for one in mass]
    assert max(sizes) - min(sizes) <= 1


def test_refusals() -> None:
    with pytest.raises(UsageError, match="classes"):
        class_metrics(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(UsageError, match="labels"):
        confidences(np.array([[0.5, 0.5]]), np.array([2]))
    with pytest.raises(UsageError, match="bins: 0"):
        equal_width(np.array([0.5]), np.array([True]), bins=0)
