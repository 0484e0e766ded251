# SPDX-License-Identifier: Apache-2.0
"""Temperature scaling finds the temperature that was hidden, and never changes an answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.models.calibration import COLDEST, HOTTEST, Calibration, Temperature
from polyveil.models.uncertainty import log_loss


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def honest(records: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from exactly their softmax."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 1.5, (records, 4))
    chosen = (softmax(logits).cumsum(1) > draw.random((records, 1))).argmax(1)
    return logits, chosen


@pytest.mark.parametrize("hidden", [0.4, 1.0, 3.0])
def test_finds_the_hidden_temperature(hidden: float) -> None:
    logits, labels = honest(60_000, 5)
    found = Temperature.fit(softmax(logits * hidden), labels).value
    assert found == pytest.approx(hidden, rel=0.02)


@given(st.floats(0.1, 10), st.integers(0, 100))
def test_is_division_of_the_logits_and_keeps_the_answer(value: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 2, (20, 5))
    applied = Temperature(value).apply(softmax(logits))
    np.testing.assert_allclose(applied, softmax(logits / value), atol=1e-7)
    assert (applied.argmax(1) == logits.argmax(1)).all()


def test_fit_is_the_least_log_loss_of_a_fine_grid() -> None:
    logits, labels = honest(300, 6)
    probabilities = softmax(2.2 * logits)
    found = Temperature.fit(probabilities, labels)
    grid = [log_loss(Temperature(t).apply(probabilities), labels) for t in np.arange(0.1, 8, 0.01)]
    assert log_loss(found.apply(probabilities), labels) <= min(grid) + 1e-9


def test_a_model_without_a_clue_stays_within_the_bounds() -> None:
    draw = np.random.default_rng(0)
    wild = draw.dirichlet((0.02, 0.02, 0.02), 400)
    assert 3 < Temperature.fit(wild, draw.integers(0, 3, 400)).value <= HOTTEST
    sure = np.tile([0.6, 0.2, 0.2], (50, 1))
    assert Temperature.fit(sure, np.zeros(50, int)).value == pytest.approx(COLDEST, rel=0.01)


def test_each_modality_by_itself_on_the_records_that_have_it() -> None:
    logits, labels = honest(600, 7)
    both = np.stack([softmax(logits * 3), softmax(logits)])
    present = np.ones((2, 600), bool)
    present[0, 400:] = False
    spoiled = both.copy()
    spoiled[0, 400:] = np.nan
    found = Calibration.fit(spoiled, labels, present)
    assert found.temperatures[0] == Temperature.fit(both[0, :400], labels[:400])
    assert found.temperatures[1] == Temperature.fit(both[1], labels)
    applied = found.apply(spoiled, present)
    np.testing.assert_allclose(applied[0, 400:], 0.25)
    np.testing.assert_allclose(applied[1], found.temperatures[1].apply(both[1]))


def test_refusals() -> None:
    with pytest.raises(UsageError, match="finite number > 0"):
        Temperature(0.0)
    with pytest.raises(UsageError, match="9 records; expected at least 10"):
        Temperature.fit(np.full((9, 2), 0.5), np.zeros(9, int))
    with pytest.raises(UsageError, match="this calibration is of 1"):
        Calibration((Temperature(),)).apply(np.full((2, 1, 2), 0.5))
