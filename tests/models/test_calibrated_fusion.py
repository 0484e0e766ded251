# SPDX-License-Identifier: Apache-2.0
"""Temperatures and weights as one value: fitted, written, read again, the same answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from polyveil.errors import UsageError
from polyveil.models.calibrated_fusion import RULES, CalibratedFusion
from polyveil.models.calibration import Calibration, Temperature
from polyveil.models.uncertainty import HybridUncertainty, log_loss

NAMES = ("image", "sound")


def boasting(records: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A weak and a strong modality, both far too sure of themselves, the weak one more so."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, records)
    logits = draw.normal(0, 1, (2, records, 3))
    logits[:, np.arange(records), labels] += np.array([[0.5], [2.0]])
    powers = np.exp(logits * np.array([6.0, 2.0])[:, None, None])
    return powers / powers.sum(2, keepdims=True), labels


@pytest.mark.parametrize("name", RULES)
def test_is_calibration_then_weights_and_survives_json(name: str) -> None:
    probabilities, labels = boasting(200, 0)
    fusion = CalibratedFusion.fit(name, NAMES, probabilities, labels)
    again = CalibratedFusion.from_json(json.loads(json.dumps(fusion.to_json(), allow_nan=False)))
    assert again == fusion and again.modalities == NAMES
    test, truth = boasting(300, 1)
    warm = fusion.calibration.apply(test)
    np.testing.assert_array_equal(fusion.predict(test), fusion.rule.predict(warm))
    np.testing.assert_allclose(fusion.weights(test).sum(0), 1)
    assert log_loss(again.predict(test), truth) < log_loss(test.mean(0), truth)


def test_an_infinite_tau_survives_json() -> None:
    rule = HybridUncertainty(0.5, math.inf)
    fusion = CalibratedFusion("hybrid", NAMES, Calibration((Temperature(),) * 2), rule)
    assert CalibratedFusion.from_json(json.loads(json.dumps(fusion.to_json()))) == fusion


def test_missing_modalities() -> None:
    probabilities, labels = boasting(100, 0)
    fusion = CalibratedFusion.fit("hybrid", NAMES, probabilities, labels)
    present = np.array([[True, False, True], [True, True, False]])
    some = probabilities[:, :3].copy()
    some[~present] = np.nan
    found = fusion.predict(some, present)
    warm = fusion.calibration.apply(probabilities[:, :3])
    np.testing.assert_allclose(found[1], warm[1, 1])
    np.testing.assert_allclose(found[2], warm[0, 2])


@pytest.mark.parametrize(
    "value", [{}, {"schema": "polyveil.fusion/1"}, {"schema": "polyveil.fusion/2"}, []]
)
def test_what_it_never_wrote_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="fusion"):
        CalibratedFusion.from_json(value)  # type: ignore[arg-type]


def test_refusals() -> None:
    probabilities, labels = boasting(20, 0)
    with pytest.raises(UsageError, match="expected one of entropy, hybrid"):
        CalibratedFusion.fit("best", NAMES, probabilities, labels)
    with pytest.raises(UsageError, match="3 names for 2 modalities"):
        CalibratedFusion.fit("mean", ("a", "b", "c"), probabilities, labels)
    with pytest.raises(UsageError, match="of one class"):
        CalibratedFusion.fit("mean", NAMES, probabilities, np.zeros_like(labels))
    present = np.array([[True] * 20, [True] * 9 + [False] * 11])
    with pytest.raises(UsageError, match="image 20, sound 9; expected at least 10 each"):
        CalibratedFusion.fit("mean", NAMES, probabilities, labels, present)
