# SPDX-License-Identifier: Apache-2.0
"""Hybrid uncertainty: per record, from the others and not from uniform, and what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyveil.errors import UsageError
from polyveil.models.fusion import Floats, fuse
from polyveil.models.present import EqualWeights, Mask
from polyveil.models.uncertainty import HybridUncertainty, disagreement, entropy, log_loss


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Mask]:
    """Probabilities [modalities, records, classes], and a mask that leaves every record one."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6)))
    raised = np.exp(draw(arrays(np.float64, shape, elements=st.floats(-8, 8))))
    there = draw(arrays(np.bool_, shape[:2]))
    there[draw(st.integers(0, shape[0] - 1))] = True
    return np.asarray(raised / raised.sum(2, keepdims=True)), there


def naive(
    probabilities: Floats, there: Mask, alpha: float, tau: float
) -> tuple[list[list[float]], list[list[float]]]:
    """The definition, one record and one class at a time: uncertainties and weights."""
    modalities, records, classes = probabilities.shape
    all_u, all_w = [], []
    for n in range(records):
        here = [m for m in range(modalities) if there[m, n]]
        u = {}
        for m in here:
            p = probabilities[m, n]
            h = -sum(float(p[y]) * math.log(p[y]) for y in range(classes)) / math.log(classes)
            others = [probabilities[k, n] for k in here if k != m]
            d = 0.0
            if others:
                q = [sum(float(o[y]) for o in others) / len(others) for y in range(classes)]
                kl = sum(float(p[y]) * math.log(float(p[y]) / q[y]) for y in range(classes))
                d = 1 - math.exp(-max(kl, 0.0))
            u[m] = alpha * h + (1 - alpha) * d
        total = sum(math.exp(-u[m] / tau) for m in here)
        all_u.append([u.get(m, math.nan) for m in range(modalities)])
        all_w.append([math.exp(-u[m] / tau) / total if m in u else 0.0 for m in range(modalities)])
    return all_u, all_w


@given(cases(), st.floats(0, 1), st.floats(0.05, 5))
def test_agrees_with_the_definition_record_by_record(
    case: tuple[Floats, Mask], alpha: float, tau: float
) -> None:
    probabilities, there = case
    rule = HybridUncertainty(alpha, tau)
    uncertainties, weights = naive(probabilities, there, alpha, tau)
    found = np.where(there, rule.uncertainty(probabilities, there), np.nan)
    np.testing.assert_allclose(found, np.transpose(uncertainties), atol=1e-6)
    shares = rule.weights(probabilities, there)
    np.testing.assert_allclose(shares, np.transpose(weights), atol=1e-6)
    fused = rule.predict(probabilities, there)
    np.testing.assert_allclose(fused, np.einsum("nm,mnc->nc", weights, probabilities), atol=1e-6)


@given(cases())
def test_a_prediction_does_not_depend_on_the_batch(case: tuple[Floats, Mask]) -> None:
    probabilities, there = case
    rule = HybridUncertainty(0.3, 0.1)
    whole = rule.predict(probabilities, there)
    for n in range(whole.shape[0]):
        alone = rule.predict(probabilities[:, n : n + 1], there[:, n : n + 1])
        np.testing.assert_allclose(whole[n], alone[0], atol=1e-12)


@given(cases())
def test_what_is_absent_is_never_read(case: tuple[Floats, Mask]) -> None:
    probabilities, there = case
    spoiled = np.where(there[:, :, None], probabilities, np.nan)
    for rule in (HybridUncertainty(0.3, 0.1), EqualWeights()):
        assert np.all(rule.weights(spoiled, there)[~there] == 0)
        np.testing.assert_array_equal(
            rule.predict(spoiled, there), rule.predict(probabilities, there)
        )


def test_divergence_is_from_the_others_and_not_from_uniform() -> None:
    """From uniform, KL / ln C = 1 - H, and half of each would be the plain mean for everyone."""
    sure, unsure = [0.9, 0.05, 0.05], [0.4, 0.3, 0.3]
    probabilities = np.array([[sure, sure], [unsure, [0.05, 0.05, 0.9]]])
    from_uniform = 1 - entropy(probabilities)
    plain = np.exp(-(0.5 * entropy(probabilities) + 0.5 * from_uniform) / 0.1)
    np.testing.assert_allclose(plain[0], plain[1])

    rule = HybridUncertainty(0.5, 0.1)
    weights = rule.weights(probabilities)
    assert abs(weights[0, 0] - 0.5) > 0.05
    assert np.abs(rule.predict(probabilities) - fuse(probabilities)).max() > 0.02
    # The same modality 0 is judged differently by whom it meets.
    met = disagreement(probabilities)[0]
    assert met[1] > met[0] + 0.3


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([[0.2, 0.8], [0.2, 0.8]], [0, 0]),
        ([[1.0, 0.0], [0.0, 1.0]], [1, 1]),
        ([[1.0, 0.0], [0.5, 0.5]], [0.5, 1]),
        ([[0.5, 0.5]], [0]),
    ],
)
def test_disagreement_at_its_ends(probabilities: list[list[float]], expected: list[float]) -> None:
    found = disagreement(np.array(probabilities)[:, None])[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rounding_is_no_evidence() -> None:
    """0.1 + 0.2 - 0.3 is 5e-17 in floats: the others still rule that class out."""
    three = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    three = np.concatenate([three[:, None], np.array([[[1.0, 0]], [[0.0, 1]], [[0.0, 1]]])], axis=1)
    assert disagreement(three)[0, 1] == 1


def test_entropy_at_its_ends() -> None:
    assert entropy(np.array([1.0, 0, 0])) == 0
    assert entropy(np.full(3, 1 / 3)) == pytest.approx(1)
    assert entropy(np.ones((4, 1))).tolist() == [0] * 4


def test_an_infinite_tau_is_the_mean_and_a_tiny_one_takes_the_best() -> None:
    probabilities = np.array([[[0.9, 0.1]], [[0.6, 0.4]], [[0.5, 0.5]]])
    np.testing.assert_allclose(
        HybridUncertainty(1.0, math.inf).predict(probabilities), fuse(probabilities)
    )
    np.testing.assert_allclose(HybridUncertainty(1.0, 1e-9).predict(probabilities), [[0.9, 0.1]])


def spoiled_modality(records: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Two modalities, calibrated; each knows nothing, and says so, for every second record."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, records)
    good = draw.dirichlet((1, 1, 1), (2, records)) * 0.3
    good[:, np.arange(records), labels] += 0.7
    good[0, ::2], good[1, 1::2] = 1 / 3, 1 / 3
    return good, labels


def test_fit_finds_what_helps_and_is_no_worse_than_the_mean_on_validation() -> None:
    probabilities, labels = spoiled_modality(200, 1)
    rule = HybridUncertainty.fit(probabilities, labels)
    held, truth = spoiled_modality(200, 2)
    assert rule.alpha > 0
    assert log_loss(rule.predict(held), truth) < 0.8 * log_loss(fuse(held), truth)
    # A modality without a clue that is certain: nothing on the grid helps, so the mean stays.
    draw = np.random.default_rng(3)
    noise = np.eye(3)[draw.integers(0, 3, 60)]
    twins = np.stack([noise, noise])
    assert HybridUncertainty.fit(twins, draw.integers(0, 3, 60)).tau == math.inf


def test_fit_takes_the_greatest_tau_that_cannot_be_told_from_the_best() -> None:
    """Naive twin: all pairs in a loop, one standard error of the paired difference."""
    draw = np.random.default_rng(4)
    labels = draw.integers(0, 3, 60)
    logits = draw.normal(0, 1, (2, 60, 3))
    logits[:, np.arange(60), labels] += 2 * draw.integers(0, 2, (2, 60))
    probabilities = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    alphas, taus = (0.0, 0.5, 1.0), (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, math.inf)
    table = {
        (alpha, tau): -np.log(
            HybridUncertainty(alpha, tau).predict(probabilities)[np.arange(60), labels]
        )
        for tau in taus
        for alpha in alphas
    }
    least = min(table.values(), key=lambda one: one.mean())
    good = []
    for tau in taus:
        alpha = min(alphas, key=lambda one: table[one, tau].mean())
        more = table[alpha, tau] - least
        if more.mean() <= more.std() / math.sqrt(60):
            good.append((tau, alpha))
    tau, alpha = max(good)
    found = HybridUncertainty.fit(probabilities, labels, alphas=alphas, taus=taus)
    assert (found.alpha, found.tau) == (alpha, tau)
    assert 0.01 < tau < math.inf


def test_fit_keeps_to_its_grid() -> None:
    probabilities, labels = spoiled_modality(50, 1)
    assert HybridUncertainty.fit(probabilities, labels, alphas=(1.0,)).alpha == 1
    assert HybridUncertainty.fit(probabilities, labels, alphas=(0.0,), taus=(0.3,)).tau == 0.3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HybridUncertainty(1.2), "alpha: 1.2; expected a share"),
        (lambda: HybridUncertainty(0.5, 0.0), "tau: 0.0; expected a number > 0"),
        (lambda: HybridUncertainty(math.nan), "alpha"),
        (lambda: HybridUncertainty().predict(np.ones((2, 3))), "modalities?|models, records"),
        (
            lambda: HybridUncertainty().predict(np.full((2, 3, 2), 0.5), np.ones((2, 2), bool)),
            "present: bool",
        ),
        (
            lambda: EqualWeights().predict(np.full((2, 3, 2), 0.5), np.zeros((2, 3), bool)),
            "3 of 3 records have no modality",
        ),
        (
            lambda: HybridUncertainty.fit(np.full((2, 3, 2), 0.5), np.array([0, 1, 2])),
            "labels: 0..2; expected 0..1",
        ),
        (
            lambda: HybridUncertainty.fit(np.full((2, 1, 2), 0.5), np.array([0]), taus=()),
            "empty grid",
        ),
    ],
)
def test_refusals(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=words):
        make()
