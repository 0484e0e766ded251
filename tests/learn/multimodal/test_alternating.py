# SPDX-License-Identifier: Apache-2.0
"""The shared head's steps keep off what the preceding modality needs, momentum and all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from two_strengths import SECRET, SMALL, records

from polyveil.errors import NotPrivate
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    MeanProjection,
    Options,
    PublishedProjection,
    RandomProjection,
    SubspaceProjection,
    Trained,
    predict,
    train,
)
from polyveil.learn.multimodal.method import HeadStep
from polyveil.learn.multimodal.projection import Projection, share_inside
from polyveil.models.multimodal.head import extended

HEAVY = {"momentum": 0.9, "weight_decay": 0.1}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def head_steps(
    rule: Projection | None,
    *,
    budget: Budget | None = None,
    kind: type = np.float32,
    **options: object,
) -> tuple[list[HeadStep], Trained]:
    steps: list[HeadStep] = []
    settings = Options(**({"epochs": 3, "batch_size": 40, "optimizer": "sgd"} | options))
    trained = train(
        Alternating(rule), records(kind=kind), settings, budget=budget, network=SMALL,
        secret=SECRET, watch=steps.append,
    )  # fmt: skip
    return steps, trained


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(
    "rule", [MeanProjection(), MeanProjection(horizon=3), SubspaceProjection(rank=2)]
)
def test_nothing_of_a_step_lies_in_what_is_protected(
    rule: Projection, optimizer: str, double: None
) -> None:
    steps, _ = head_steps(rule, kind=np.float64, optimizer=optimizer, **HEAVY)
    protected = [one for one in steps if one.protection is not None]
    assert len(protected) == len(steps) - 1
    assert max(one.gradient_share for one in protected) < 1e-6
    assert max(one.update_share for one in protected) < 1e-6
    assert min(float(one.update.norm()) for one in protected) > 0


def test_single_precision_adds_the_rounding_of_the_weights_alone() -> None:
    steps, _ = head_steps(MeanProjection(), **HEAVY)
    assert max(one.gradient_share for one in steps) < 1e-6
    assert max(one.update_share for one in steps) < 1e-5


def test_a_projected_gradient_alone_lets_momentum_carry_the_old_directions(double: None) -> None:
    """The naive twin: momentum over projected gradients, as optimizers do it."""
    steps, _ = head_steps(MeanProjection(), kind=np.float64, momentum=0.9)
    shares = []
    for name in ("strong", "faint"):
        buffer = torch.zeros_like(steps[0].gradient)
        for one in steps:
            if one.modality == name:
                buffer = 0.9 * buffer + one.gradient
                if one.protection is not None:
                    shares.append(share_inside(buffer, one.protection.directions))
    assert max(shares) > 1e-3 > 1e3 * max(one.update_share for one in steps)


def test_controls_move_the_head_where_it_should_not() -> None:
    for rule in (
        RandomProjection(seed=3),
        PublishedProjection(),
        PublishedProjection(applied=True),
    ):
        steps, trained = head_steps(rule)
        assert max(one.gradient_share for one in steps) > 0.05
        assert rule.remark in trained.remarks


def test_turns_alternate_and_protect_the_mean_of_the_one_before() -> None:
    """With steps of nothing and all records in each, means can be computed from outside."""
    steps, trained = head_steps(
        MeanProjection(), batch_size=240, epochs=2, learning_rate=1e-30, momentum=0
    )
    assert [one.modality for one in steps] == ["strong", "faint"] * 2
    assert [one.preceding for one in steps] == [None, "strong", "faint", "strong"]
    data = records()
    for one in steps[1:]:
        values = torch.from_numpy(data.inputs[one.preceding])
        features = extended(trained.model.encoder_of(one.preceding)(values)).detach()
        expected = features.mean(0).double()
        assert torch.allclose(one.protection.directions[0], expected, atol=1e-5)


@pytest.mark.parametrize("physical", [50, 256])
def test_under_a_budget_the_mean_is_released_with_the_gradients(physical: int) -> None:
    """With little noise, what was released points where the mean does; it is not the mean."""
    steps, trained = head_steps(
        MeanProjection(), batch_size=240, epochs=2, learning_rate=1e-30, momentum=0,
        budget=Budget(noise_multiplier=0.05, physical_batch=physical),
    )  # fmt: skip
    values = torch.from_numpy(records().inputs["strong"])
    mean = extended(trained.model.encoder_of("strong")(values)).mean(0).detach().double()
    found = steps[1].protection.directions[0]
    assert 0.98 < float(torch.cosine_similarity(found, mean, 0)) < 1 - 1e-9
    assert any("clipped, noised mean" in one for one in trained.remarks)
    assert any("every modality's step is charged" in one for one in trained.remarks)


@pytest.mark.parametrize("rule", [MeanProjection(), SubspaceProjection(rank=2), None])
def test_private_steps_are_protected_too(rule: Projection | None) -> None:
    steps, trained = head_steps(rule, budget=Budget(epsilon=4.0), **HEAVY)
    assert max(one.gradient_share for one in steps) < 1e-6
    assert trained.guarantee is not None and 3.9 < trained.guarantee.epsilon <= 4.0
    assert trained.rounds.events()[0].steps == len(steps) == 2 * trained.rounds.rounds


def test_columns_that_a_modality_never_fills_get_no_noise() -> None:
    """Vectors side by side: five columns, then four, then what all modalities share."""
    steps: list[HeadStep] = []
    train(
        Alternating(None), records(), Options(epochs=1, batch_size=60), watch=steps.append,
        budget=Budget(epsilon=4.0), network={"vectors": "fixed", "width": 9}, secret=SECRET,
    )  # fmt: skip
    own = {"strong": [True] * 5 + [False] * 4 + [True], "faint": [False] * 5 + [True] * 5}
    for one in steps:
        moved = torch.tensor(own[one.modality])
        assert torch.equal(one.gradient.ne(0), moved.expand(3, -1))
        assert torch.equal(one.update.ne(0), moved.expand(3, -1))


def test_features_of_single_records_are_no_source_under_a_budget() -> None:
    rule = SubspaceProjection(rank=2, reads="features")
    with pytest.raises(NotPrivate, match="not released"):
        head_steps(rule, budget=Budget(epsilon=4.0))
    steps, _ = head_steps(rule)
    assert max(one.gradient_share for one in steps) < 1e-6


def test_both_modalities_learn() -> None:
    data = records(900)
    trained = train(Alternating(), data, Options(epochs=6, batch_size=50), network=SMALL)
    found = predict(trained.model, records(300))
    assert found.accuracies["strong"] > 0.85 and found.accuracies["faint"] > 0.5
    assert found.accuracy > 0.75
