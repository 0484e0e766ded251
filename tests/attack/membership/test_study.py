# SPDX-License-Identifier: Apache-2.0
"""A study on real networks, of one input and of two, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from table_world import World, a_study
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.membership import (
    Candidates,
    Lira,
    Rmia,
    prepare,
    train_shadows,
    train_twin,
)
from polyveil.attack.membership.blind import blind_scores
from polyveil.attack.membership.signal import signals
from polyveil.attack.protocol import carry_out
from polyveil.attack.roc import area_under
from polyveil.errors import UsageError


class TwoInputs(nn.Module):
    """Picture and sound, each through a layer, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.eyes, self.ears = nn.Linear(20, 48), nn.Linear(12, 48)
        self.head = nn.Linear(96, 3)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        both = torch.cat([self.eyes(image), self.ears(sound)], dim=1)
        return self.head(torch.relu(both))


def by_heart(records: Examples, seed: int) -> nn.Module:
    """Many full-batch steps: noise labels are learned by heart."""
    model = TwoInputs()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(**records.inputs), records.labels)
        loss.backward()
        optimizer.step()
    return model


def noise(records: int, seed: int) -> Examples:
    draw = torch.Generator().manual_seed(seed)
    inputs = {
        "image": torch.randn(records, 20, generator=draw),
        "sound": torch.randn(records, 12, generator=draw),
    }
    return Examples(inputs, torch.randint(0, 3, (records,), generator=draw))


def test_a_network_of_two_inputs_is_audited() -> None:
    everyone = noise(500, 0)
    candidates = Candidates(everyone.at(slice(0, 150)), everyone.at(slice(150, None)))
    candidates = candidates.set_aside(0.5, seed=1)
    assert candidates.population is not None and len(candidates.population) == 175
    shadows = train_shadows(by_heart, candidates, 4, seed=2)
    twin = train_twin(by_heart, candidates, seed=3)
    study = prepare(candidates, shadows=shadows, twin=twin, key=b"key")
    target = Classifier(by_heart(candidates.members, 0))
    for attack in (Lira(study), Rmia(study)):
        result = carry_out(attack, target)
        assert result.verdict == "leak demonstrated", result.guards
        assert result.headline.estimate > 0.1


class Shaking(nn.Module):
    """Another model's answers under noise."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        logits = self.inner(image, sound)
        return logits + 4 * torch.randn(logits.shape)


def test_noise_in_the_answers_is_averaged_away_and_every_answer_counted() -> None:
    everyone = noise(300, 0)
    candidates = Candidates(everyone.at(slice(0, 150)), everyone.at(slice(150, None)))
    study = prepare(candidates, key=b"key")
    model = by_heart(candidates.members, 0)
    shaking = Classifier(Shaking(model))
    clean, often = (study.ask(one).view.target.margin for one in (Classifier(model), shaking))
    assert shaking.queries == 15 * 300
    pool = candidates.pool
    once = signals(shaking.logits(pool.inputs).numpy(), pool.labels.numpy()).margin
    near, far = (np.corrcoef(clean, one)[0, 1] for one in (often, once))
    assert near > 0.9 > far + 0.05


def test_members_and_order_of_the_pool() -> None:
    candidates = World(records=30).candidates()
    assert candidates.is_member.tolist() == [True] * 10 + [False] * 10
    assert candidates.pool.digests()[:10] == candidates.members.digests()


def test_what_was_trained_on_another_pool_is_refused() -> None:
    small, large = World(records=60), World(records=90)
    shadows = train_shadows(small.recipe(1.0), small.candidates(), 4, seed=0)
    with pytest.raises(UsageError, match=r"over 40 records, the pool has 60"):
        prepare(large.candidates(), shadows=shadows, key=b"key")
    twin = train_twin(small.recipe(1.0), small.candidates(), seed=0)
    with pytest.raises(UsageError, match="twin: keep-mask"):
        prepare(large.candidates(), twin=twin, key=b"key")


def test_candidates_without_a_side_are_refused() -> None:
    everyone = noise(10, 0)
    with pytest.raises(UsageError, match="0 non-members"):
        Candidates(everyone, everyone.at(slice(0, 0)))
    with pytest.raises(UsageError, match="same modalities of the same shapes"):
        Candidates(everyone, World(records=30).examples)
    candidates = World(records=30).candidates()
    with pytest.raises(UsageError, match="no population yet"):
        candidates.set_aside(0.5, seed=0)


def test_attacks_say_what_they_lack() -> None:
    candidates = World(records=60).candidates()
    study = prepare(candidates, key=b"key")
    target = Classifier(World(records=60).recipe(1.0)(candidates.members, 0))
    with pytest.raises(UsageError, match="0 shadow models; expected 2 or more"):
        carry_out(Lira(study), target)


def test_blind_scores_find_a_shift_and_nothing_else() -> None:
    is_member = np.arange(600) < 300
    brighter = noise(600, 4)
    brighter.inputs["sound"][:300] += 0.8
    wider = noise(600, 5)
    wider.inputs["image"][:300] *= 1.5
    labels = noise(600, 6)
    labels.labels[:300] = 0
    for records in (brighter, wider, labels):
        assert area_under(blind_scores(records, is_member), is_member).area.low > 0.6
    mask = np.arange(300) < 150
    chances = [area_under(blind_scores(noise(300, seed), mask), mask).p_value for seed in range(20)]
    assert np.mean(np.array(chances) <= 0.05) <= 0.2


def test_leaving_out_a_pair_leaves_every_record_in_half() -> None:
    """Were only the target left out, the number of models that saw a record would name members."""
    study = a_study(World(records=90))
    answers = study.ask(Classifier(World(records=90).recipe(1.0)(study.candidates.members, 0)))
    for keep, view in answers.innocents():
        assert (view.keep.sum(0) == view.models // 2).all()
        assert view.models == 6 and keep.shape == (60,)
