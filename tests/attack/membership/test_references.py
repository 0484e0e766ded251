# SPDX-License-Identifier: Apache-2.0
"""Reference and population attack, and the shadow classifier: what their scores mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from table_world import World, a_study, a_target

from polyveil.attack.membership import Population, ShadowClassifier
from polyveil.attack.membership.population import upper_quantile
from polyveil.attack.membership.reference import log_share_above


def test_share_above_is_a_smoothed_quantile() -> None:
    draw = np.random.default_rng(0)
    margins, own = draw.normal(size=(6, 20)), draw.normal(size=20)
    out = np.tile([[True], [False]], (3, 20))
    held = margins[::2]
    width = 1.06 * np.std(held - np.median(held, axis=0)) * 3**-0.2
    expected = ndtr((held - own) / width).mean(0)
    assert np.exp(log_share_above(own, margins, out)) == pytest.approx(expected, rel=1e-9)


def test_many_models_need_no_smoothing() -> None:
    draw = np.random.default_rng(1)
    margins, own = draw.normal(size=(4000, 5)), draw.normal(size=5)
    found = np.exp(log_share_above(own, margins, np.ones_like(margins, dtype=bool)))
    assert found == pytest.approx((margins > own).mean(0), abs=0.03)


def test_far_above_every_model_is_still_told_apart() -> None:
    margins = np.random.default_rng(2).normal(size=(8, 2))
    found = log_share_above(np.array([60.0, 90.0]), margins, np.ones((8, 2), dtype=bool))
    assert found[1] < found[0] < -500


def test_the_population_threshold_lets_fresh_records_through_as_seldom_as_stated() -> None:
    draw = np.random.default_rng(3)
    shares = []
    for _ in range(300):
        threshold = upper_quantile(draw.normal(size=199), 0.05)
        assert threshold is not None
        shares.append((draw.normal(size=500) > threshold).mean())
    assert np.mean(shares) == pytest.approx(0.05, rel=0.1)
    assert upper_quantile(np.zeros(50), 0.01) is None


def test_population_names_members_with_the_threshold_that_it_set_itself() -> None:
    world = World()
    study = a_study(world, models=2)
    found = Population(study).own_measures(study.ask(a_target(world, leak=3.0)))[0]
    assert found.estimate > 0.1 > 0.05 > found.baseline["non-members found"]


def test_the_shadow_classifier_learns_from_shadow_models_alone() -> None:
    world = World()
    study = a_study(world, leak=3.0)
    answers = study.ask(a_target(world, leak=3.0))
    attack = ShadowClassifier(study, rows=3000)
    result = attack.analyse(attack.score(answers))
    assert result.measures[0].estimate > 0.7
    assert np.array_equal(attack.scores(answers.view), attack.scores(answers.view))
