# SPDX-License-Identifier: Apache-2.0
"""The one-run bound: golden numbers of jax_privacy, a naive twin, and how often it is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from polyveil.attack.canary.bound import default_guesses, least_right, one_run_bound, p_value
from polyveil.attack.canary.score import right_guesses
from polyveil.privacy import gaussian

GOLDEN = json.loads((Path(__file__).parent / "golden_one_run.json").read_text("utf-8"))["rows"]


def naive_p(m: int, r: int, v: int, epsilon: float, delta: float) -> float:
    """The formula as printed, one term after the other."""
    q = math.exp(epsilon) / (1 + math.exp(epsilon))
    beta = sum(binom.pmf(k, r, q) for k in range(v, r + 1))
    alpha = max(
        (sum(binom.pmf(k, r, q) for k in range(v - i, v)) / i for i in range(1, v + 1)),
        default=0.0,
    )
    return min(1.0, beta + 2 * m * delta * alpha)


@pytest.mark.parametrize("row", GOLDEN[::3])
def test_agrees_with_golden_numbers(row: list[float]) -> None:
    m, r, v, delta, significance, epsilon = row
    found = one_run_bound(int(m), int(r), int(v), delta=delta, confidence=1 - significance)
    assert found.epsilon == pytest.approx(epsilon, abs=1e-6)


def test_agrees_with_jax_privacy_live() -> None:
    auditing = pytest.importorskip("jax_privacy.auditing")
    for m, r, v, delta in ((300, 60, 55, 1e-5), (1000, 1000, 640, 1e-6), (50, 50, 50, 0.0)):
        theirs = auditing._epsilon_one_run(0.0, m, r, v, 0.05, delta)
        assert one_run_bound(m, r, v, delta=delta).epsilon == pytest.approx(theirs, abs=1e-6)


def test_ceilings_that_are_quoted() -> None:
    assert one_run_bound(1000, 100, 100, delta=1e-5).ceiling == pytest.approx(3.47, abs=0.01)
    assert one_run_bound(1000, 1000, 1000, delta=1e-5).ceiling == pytest.approx(5.78, abs=0.01)


@given(
    r=st.integers(1, 40),
    share=st.floats(0, 1),
    extra=st.integers(0, 50),
    epsilon=st.floats(0, 4),
    delta=st.sampled_from((0.0, 1e-6, 1e-3)),
)
def test_p_value_is_the_formula_as_printed(
    r: int, share: float, extra: int, epsilon: float, delta: float
) -> None:
    v = round(share * r)
    found = p_value(r + extra, r, v, epsilon=epsilon, delta=delta)
    assert found == pytest.approx(naive_p(r + extra, r, v, epsilon, delta), rel=1e-9, abs=1e-12)


@given(r=st.integers(2, 200), share=st.floats(0, 1), delta=st.sampled_from((0.0, 1e-6, 1e-4)))
def test_bound_grows_with_what_was_right_and_falls_with_what_was_tried(
    r: int, share: float, delta: float
) -> None:
    v = min(r - 1, round(share * r))
    bound = one_run_bound(200, r, v, delta=delta)
    assert bound.epsilon <= one_run_bound(200, r, v + 1, delta=delta).epsilon <= bound.ceiling
    assert one_run_bound(200, r, v, delta=delta, trials=50).epsilon <= bound.epsilon
    assert one_run_bound(200, r, v, delta=10 * delta).epsilon <= bound.epsilon + 1e-8


def test_holds_together_with_a_hundred_thousand_canaries() -> None:
    bound = one_run_bound(100_000, 100_000, 99_000, delta=1e-9)
    assert 4.5 < bound.epsilon < math.log(99)
    assert math.isfinite(one_run_bound(100_000, 100_000, 100_000, delta=0.0).ceiling)


@pytest.mark.parametrize(("guesses", "correct", "delta"), [(0, 0, 0.0), (10, 5, 0.0), (9, 9, 0.5)])
def test_nothing_is_shown(guesses: int, correct: int, delta: float) -> None:
    assert one_run_bound(10, guesses, correct, delta=delta).epsilon == 0.0


@pytest.mark.parametrize("wrong", [(10, 11, 1), (10, 5, 6), (10, 5, -1)])
def test_impossible_counts_are_refused_by_name(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="correct <= guesses <= canaries"):
        one_run_bound(*wrong, delta=1e-5)


def test_least_right_is_the_edge() -> None:
    least = least_right(500, 100, 2.0, delta=1e-5, confidence=0.95)
    assert least is not None
    assert one_run_bound(500, 100, least, delta=1e-5).contradicts(2.0)
    assert not one_run_bound(500, 100, least - 1, delta=1e-5).contradicts(2.0)
    assert least_right(500, 10, 5.0, delta=1e-5, confidence=0.95) is None


def test_default_guesses_could_refute_the_claim_where_any_could() -> None:
    for claim in (0.3, 1.0, 3.0):
        ins, outs = default_guesses(500, claim, delta=1e-5)
        assert one_run_bound(500, ins + outs, ins + outs, delta=1e-5).contradicts(claim)
    assert default_guesses(100, 8.0, delta=1e-5) == (50, 50)


def _response(epsilon: float, m: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    inside = draw.integers(0, 2, m).astype(bool)
    truly = draw.random(m) < 1 / (1 + math.exp(-epsilon))
    return np.where(truly, inside, ~inside) + 0.5 * draw.random(m), inside


def _noised(epsilon: float, m: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    inside = draw.integers(0, 2, m).astype(bool)
    sigma = gaussian.noise_multiplier_for(epsilon=epsilon, delta=1e-5)
    return inside + sigma * draw.standard_normal(m), inside


@pytest.mark.parametrize("mechanism", [_response, _noised])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_95_percent_means_95_percent(mechanism: object, epsilon: float) -> None:
    """On a mechanism of known epsilon the bound exceeds it in at most 5 % of trials."""
    ins, outs = default_guesses(400, epsilon, delta=1e-5)
    false = 0
    for seed in range(300):
        scores, inside = mechanism(epsilon, 400, seed)  # type: ignore[operator]
        right = right_guesses(scores, inside, ins=ins, outs=outs)
        bound = one_run_bound(400, ins + outs, right, delta=1e-5)
        false += bound.contradicts(epsilon)
    assert false <= 0.05 * 300


def test_choosing_the_best_without_paying_is_caught() -> None:
    """The alarm works: what many do, the best of many thresholds, is wrong far too often."""
    false = {1: 0, 20: 0}
    for seed in range(100):
        scores, inside = _response(1.0, 400, seed)
        order = inside[np.argsort(scores)]
        low, high = np.cumsum(~order), np.cumsum(order[::-1])
        for trials in false:
            false[trials] += any(
                one_run_bound(
                    400, 2 * k, int(low[k - 1] + high[k - 1]), delta=1e-5, trials=trials
                ).contradicts(1.0)
                for k in range(10, 201, 10)
            )
    assert false[20] <= 0.05 * 100 < false[1]
