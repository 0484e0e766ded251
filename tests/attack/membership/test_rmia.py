# SPDX-License-Identifier: Apache-2.0
"""RMIA against a twin written from the paper's formulas, record by record, in probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from table_world import World, a_study, a_target

from polyveil.attack.membership import Rmia
from polyveil.attack.membership.answers import View
from polyveil.attack.membership.rmia import DEFAULT_A, dominance, log_average
from polyveil.attack.roc import hits_at
from polyveil.errors import UsageError


def naive(view: View, *, a: float, gamma: float) -> list[float]:
    """Share of z with (p(x) / avg(x)) / (p(z) / avg(z)) >= gamma."""
    assert view.shadows is not None
    assert view.population is not None and view.population_shadows is not None

    def ratio(target: float, models: list[float]) -> float:
        mean_out = sum(models) / len(models)
        return target / (((1 + a) * mean_out + (1 - a)) / 2)

    p_shadows, p_z = np.exp(view.shadows.likelihood), np.exp(view.population_shadows.likelihood)
    z_ratios = [
        ratio(np.exp(view.population.likelihood[z]), [p_z[k, z] for k in range(view.models)])
        for z in range(len(view.population.likelihood))
    ]
    found = []
    for x in range(len(view.labels)):
        unseen = [p_shadows[k, x] for k in range(view.models) if not view.keep[k, x]]
        own = ratio(float(np.exp(view.target.likelihood[x])), unseen)
        found.append(sum(own / z >= gamma * (1 - 1e-12) for z in z_ratios) / len(z_ratios))
    return found


@pytest.mark.parametrize(("a", "gamma"), [(0.3, 1.0), (0.0, 2.0), (1.0, 1.0)])
def test_scores_are_the_papers_shares_with_ties_broken(a: float, gamma: float) -> None:
    world = World(records=150)
    study = a_study(world, with_twin=False)
    view = study.ask(a_target(world)).view
    found = Rmia(study, gamma=gamma, a=a).scores(view)
    shares = np.array(naive(view, a=a, gamma=gamma))
    # A rank is worth less than one of the 50 population records.
    assert np.floor(found * 50 + 1e-9) / 50 == pytest.approx(shares, abs=1e-12)
    assert len(np.unique(shares)) <= 51 < len(np.unique(found))


def test_few_population_records_still_reach_low_rates() -> None:
    """60 of them name nobody at 0.1 %; with ties broken the attack does."""
    draw = np.random.default_rng(0)
    is_member = np.arange(3000) < 1500
    ratios = draw.normal(size=3000) + 4 * is_member
    references = draw.normal(size=60)
    shares = np.searchsorted(np.sort(references), ratios, side="right") / 60
    assert hits_at(shares, is_member, 0.001).hits.estimate == 0.0
    scores = dominance(ratios, references, gamma=1.0)
    assert hits_at(scores, is_member, 0.001).hits.estimate > 0.5


def test_the_average_is_exact_where_probabilities_vanish() -> None:
    log_p = np.array([[-800.0, -1.0], [-801.0, -2.0]])
    everyone = np.ones((2, 2), dtype=bool)
    found = log_average(log_p, everyone, 1.0)
    assert found[0] == pytest.approx(np.logaddexp(-800, -801) - np.log(2), rel=1e-12)
    mean = (np.exp(-1) + np.exp(-2)) / 2
    assert log_average(log_p, everyone, 0.4)[1] == pytest.approx(np.log((1.4 * mean + 0.6) / 2))


def test_a_is_tuned_without_the_target() -> None:
    """Another target, even one that is all noise, changes nothing about it."""
    world = World(records=300)
    study = a_study(world, with_twin=False)
    attack = Rmia(study)
    found = {attack.own_measures(study.ask(a_target(world, leak=leak)))[0].value for leak in (0, 3)}
    assert len(found) == 1
    two = a_study(world, models=2, with_twin=False)
    assert Rmia(two).own_measures(two.ask(a_target(world)))[0].value == DEFAULT_A


def test_it_needs_a_population_that_nobody_asks_about() -> None:
    world = World(records=300)
    study = a_study(world, with_twin=False)
    answers = study.ask(a_target(world))
    bare = View(
        answers.view.target, answers.view.labels, answers.view.shadows, study.keep, None, None
    )
    with pytest.raises(UsageError, match="set_aside"):
        Rmia(study).scores(bare)
