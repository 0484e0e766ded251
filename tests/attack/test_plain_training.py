# SPDX-License-Identifier: Apache-2.0
"""Trainings of an attacker: repeatable, leaving the global randomness alone, of any form."""

from __future__ import annotations

import pytest
import torch
from poison_toys import TRAINING, BothSenses, examples
from torch import nn
from torch.nn import functional

from polyveil.attack.classifier import Classifier
from polyveil.attack.plain_training import PlainTraining, labels_only, like
from polyveil.attack.recipe import trained
from polyveil.errors import UsageError

RECORDS = examples(300, 1)


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in module.parameters()])


def test_the_same_seed_gives_the_same_weights_and_nothing_global_is_left_changed():
    before = torch.random.get_rng_state()
    first, second, other = (TRAINING(RECORDS, seed) for seed in (0, 0, 1))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(before, torch.random.get_rng_state())


def test_labels_and_their_one_hot_form_teach_the_same():
    soft = functional.one_hot(RECORDS.labels, 3).float()
    assert torch.allclose(
        weights(TRAINING(RECORDS, 0)), weights(TRAINING.fitted(RECORDS.inputs, soft, 0)), atol=1e-4
    )
    only = labels_only(TRAINING)(RECORDS.inputs, soft, 0)
    assert torch.equal(weights(TRAINING(RECORDS, 0)), weights(only))


def test_it_learns():
    held = examples(300, 2)
    assert float(Classifier(TRAINING(RECORDS, 0)).correct(held).float().mean()) > 0.8


def test_a_single_record_left_over_does_not_break_batch_normalisation():
    make = lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 3))  # noqa: E731
    some = examples(33, 3)
    one = type(some)({"image": some.inputs["image"]}, some.labels)
    PlainTraining(make, epochs=1, batch=32)(one, 0)


def test_a_recipe_that_seeds_the_world_is_contained():
    def rude(records, seed):
        torch.manual_seed(4)
        return BothSenses()

    before = torch.random.get_rng_state()
    assert not trained(rude, RECORDS, 0).training
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_module_like_another_has_its_form_and_none_of_its_weights():
    known = TRAINING(RECORDS, 0).requires_grad_(False)
    fresh = like(known)()
    assert [one.shape for one in fresh.parameters()] == [one.shape for one in known.parameters()]
    assert all(one.requires_grad for one in fresh.parameters())
    assert not bool((weights(fresh) == weights(known)).any())


def test_weights_that_cannot_be_drawn_anew_are_refused():
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.secret = nn.Parameter(torch.ones(3))

    with pytest.raises(UsageError, match=r"builds\s+the model untrained"):
        like(nn.Sequential(Own()))
