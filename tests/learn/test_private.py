# SPDX-License-Identifier: Apache-2.0
"""Private training of a user's own module and loop: what is released, counted and refused."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.errors import NotPrivate
from polyveil.learn.private import PrivateTraining
from polyveil.learn.threshold import PrivateQuantile
from polyveil.privacy import accountant

SECRET = bytes(range(32))
QUIET = {"epsilon": None, "noise_multiplier": 0.0}
"""Clipping alone: sums that differ by rounding get different noise, on purpose."""


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.ReLU(), nn.Linear(12, 3))


def examples(count: int = 200) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 6, generator=draw)
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()


def private_training(model: nn.Module, data: Any = None, **settings: Any) -> PrivateTraining:
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    settings = {
        "batch_size": 50,
        "epochs": 3,
        "epsilon": 8.0,
        "secret": SECRET,
        "physical_batch": 200,
    } | settings
    return PrivateTraining(model, optimizer, data or examples(), **settings)


def each_loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs), labels, reduction="none")


def run(model: nn.Module, private: PrivateTraining, steps: int | None = None) -> list[Tensor]:
    """The released gradients of every step, each as one vector."""
    released = []
    for inputs, labels in private.batches(steps):
        private.backward(each_loss(model, inputs, labels))
        if (gradients := [p.grad for p in model.parameters()])[0] is not None:
            released.append(torch.cat([one.flatten() for one in gradients]))  # type: ignore[union-attr]
    return released


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
def test_three_lines_make_a_loop_private_and_it_learns(clipping: str) -> None:
    model, (inputs, labels) = network(), examples(600)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    private = PrivateTraining(
        model, optimizer, (inputs, labels), epsilon=8.0, batch_size=100, epochs=12,
        clipping=clipping, secret=SECRET,
    )  # fmt: skip
    for rows, classes in private.batches():
        optimizer.zero_grad()
        private.backward(each_loss(model, rows, classes))
        optimizer.step()
    assert (model.eval()(inputs).argmax(1) == labels).float().mean() > 0.7
    guarantee = private.guarantee()
    assert guarantee is not None and 7 < guarantee.epsilon <= 8.0
    assert guarantee.unit == "record" and guarantee.covers and guarantee.not_covered


def test_the_released_noise_has_the_stated_size() -> None:
    """With gradients of nothing, what is released is the noise alone."""
    model = network()
    private = private_training(model, noise_multiplier=1.3, epsilon=None, thresholds=2.0, epochs=40)
    sizes = [sum(p.numel() for p in layer.parameters()) for layer in (model[0], model[1], model[3])]
    rows = []
    for inputs, labels in private.batches():
        private.backward(each_loss(model, inputs, labels) * 0)
        layers = (model[0], model[1], model[3])
        rows.append([torch.cat([p.grad.flatten() for p in one.parameters()]) for one in layers])
    bound = 2.0 / math.sqrt(3)
    pull = sum(bound * math.sqrt(size) for size in sizes)
    for k, size in enumerate(sizes):
        expected = 1.3 * bound * math.sqrt(pull / (bound * math.sqrt(size))) / 50
        sample = torch.cat([row[k] for row in rows]) / expected
        assert stats.kstest(sample.numpy(), "norm").pvalue > 1e-4
        assert stats.kstest(0.85 * sample.numpy(), "norm").pvalue < 1e-3  # the alarm works


def test_sensitivity_one_record_moves_the_release_by_at_most_the_bound() -> None:
    """Sums with and without one record differ by at most sqrt(sum C_k^2), here 1."""
    inputs, labels = examples(20)
    inputs[7] *= 1e6

    def sums(keep: list[int]) -> Tensor:
        model = network()
        private = private_training(
            model, (inputs[keep], labels[keep]), noise_multiplier=0.0, epsilon=None,
            batch_size=len(keep), thresholds=1.0,
        )  # fmt: skip
        return run(model, private, 1)[0] * len(keep)

    everyone = list(range(20))
    difference = sums(everyone) - sums([i for i in everyone if i != 7])
    assert 0.3 < float(difference.norm()) <= 1.0


def test_virtual_batches_give_one_release_equal_to_one_batch() -> None:
    released = []
    for physical in (7, 200):
        model = network()
        private = private_training(model, physical_batch=physical, **QUIET)
        released.append(run(model, private, 3))
        assert private.steps_done == len(released[-1]) == 3
    for small, large in zip(*released, strict=True):
        assert torch.allclose(small, large, atol=1e-5)


def test_views_are_averaged_before_clipping() -> None:
    """Two equal views of every record are the record."""
    released = []
    for views in (1, 2):
        model = network()
        private = private_training(model, views=views, **QUIET)
        for inputs, labels in private.batches(1):
            losses = each_loss(
                model, inputs.repeat_interleave(views, 0), labels.repeat_interleave(views)
            )
            private.backward(losses)
        released.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.allclose(released[0], released[1], atol=1e-5)


def test_how_many_were_drawn_moves_no_divisor() -> None:
    """Sums and counts are divided by the expected batch, 50: how many came would tell of each."""
    model = nn.Linear(6, 1, bias=False)
    quantile = PrivateQuantile(start=100.0, speed=0.3)
    private = private_training(model, (torch.ones(200, 6),), thresholds=quantile, **QUIET)
    came, found, moved = [], [], []
    for (inputs,) in private.batches():
        before = private.thresholds.get("Linear", 100.0)
        private.backward(model(inputs)[:, 0])
        came.append(len(inputs))
        found.append(50 * float(model.weight.grad.norm()) / math.sqrt(6))  # type: ignore[union-attr]
        moved.append(50 * 2 * -math.log(private.thresholds["Linear"] / before) / 0.3)
    assert len(set(came)) > 5
    assert found == pytest.approx(came, rel=1e-4)
    assert moved == pytest.approx([min(one, 50) for one in came], rel=1e-4)


def test_an_empty_batch_still_releases_noise_and_counts() -> None:
    model = network()
    private = private_training(
        model, batch_size=0.02, epochs=0.0001, noise_multiplier=1.0, epsilon=None
    )
    (released,) = run(model, private)
    assert float(released.norm()) > 0 and private.steps_done == 1
    other = network()
    zero = private_training(
        other, batch_size=0.02, epochs=0.0001, noise_multiplier=0.0, epsilon=None
    )
    assert float(run(other, zero)[0].norm()) == 0


def test_an_infinite_record_leaves_finite_gradients() -> None:
    inputs, labels = examples(60)
    inputs[3, 0], inputs[5, 1] = math.inf, math.nan
    model = network()
    private = private_training(model, (inputs, labels), batch_size=60)
    assert all(bool(torch.isfinite(one).all()) for one in run(model, private, 2))


def test_a_resumed_training_releases_what_the_uninterrupted_one_did() -> None:
    model = network()
    whole = run(model, private_training(model), 6)
    model = network()
    private = private_training(model)
    first = run(model, private, 3)
    state, weights = private.state_dict(), copy.deepcopy(model.state_dict())
    other = network(seed=5)
    other.load_state_dict(weights)
    resumed = private_training(other, secret=None)
    resumed.load_state_dict(state)
    second = run(other, resumed, 3)
    assert resumed.steps_done == 6
    for one, two in zip(whole, first + second, strict=True):
        assert torch.equal(one, two)


def test_a_step_repeated_otherwise_gets_other_noise() -> None:
    """Reloading a state and going on differently must not release one noise twice."""
    released, state = [], None
    for scale in (1.0, 1.5):
        model = network()
        private = private_training(model)
        if state is None:
            state = private.state_dict()
        private.load_state_dict(state)
        for inputs, labels in private.batches(1):
            private.backward(each_loss(model, inputs, labels) * scale)
        released.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    noise = private.schedule.noise_multiplier / 50
    assert float((released[0] - released[1]).std()) > noise


@pytest.mark.parametrize("thresholds", [1.0, PrivateQuantile()])
def test_two_budgets_under_one_secret_do_not_give_the_sum_away(
    thresholds: PrivateQuantile | float,
) -> None:
    """The first step has the same sums; of one noise in two sizes, twice the less is their sum."""
    released = []
    for multiplier in (1.0, 2.0, 0.0):
        model = network()
        private = private_training(
            model, thresholds=thresholds, noise_multiplier=multiplier, epsilon=None
        )
        released += run(model, private, 1)
    once, twice, bare = released
    assert float((2 * once - twice - bare).norm()) > float((once - bare).norm())


def test_thresholds_are_part_of_the_guarantee_and_cost_a_share() -> None:
    quantile = PrivateQuantile(share=0.04)
    private = private_training(network(), thresholds=quantile, epsilon=2.0)
    joint = accountant.split(private.schedule.noise_multiplier, groups=3, share=0.04)
    assert math.isclose(joint.gradient, private.schedule.noise_multiplier / math.sqrt(0.96))


def test_paper_mode_promises_nothing_and_says_why() -> None:
    model = network()
    private = private_training(model, mode="paper")
    assert len(run(model, private, 2)) == 2
    assert private.guarantee() is None
    assert "depend on the data" in (private.no_guarantee or "")


def test_clipping_without_noise_promises_nothing() -> None:
    private = private_training(network(), noise_multiplier=0.0, epsilon=None)
    assert private.guarantee() is None and private.no_guarantee == "no noise was added"


def test_the_model_is_untouched_outside_of_a_step() -> None:
    model, (inputs, _) = network(), examples()
    before = model(inputs)
    private = private_training(model)
    run(model, private, 2)
    twin = copy.deepcopy(model)
    assert torch.equal(twin.eval()(inputs), model.eval()(inputs))
    assert torch.equal(before, model(inputs))
    assert torch.equal(twin.train()(inputs), before)  # a copy is nobody's
    private.detach()
    assert torch.equal(model.train()(inputs), before)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.left_out = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.used(inputs)


class Centred(nn.Module):
    """Mixes records without any module that is known for it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.layer(inputs)
        return outputs - outputs.mean(0)


def normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))


def batch_relative(losses: Tensor) -> Tensor:
    return losses / losses.sum()


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (normalised, None, r"1 \(BatchNorm1d\).*GroupNorm\(4, 4\)"),
        (Unused, None, "left_out.weight, left_out.bias: trainable, but"),
        (Centred, None, "layer: the loss of record 0 depends on record"),
        (network, batch_relative, "depends on record"),
        (network, torch.mean, "one loss a record.*reduction='none'"),
    ],
)  # fmt: skip
def test_what_has_no_guarantee_is_refused_with_what_to_change(
    model: Callable[[], nn.Module], loss: Callable[[Tensor], Tensor] | None, message: str
) -> None:
    made = model()
    with pytest.raises(NotPrivate, match=message):
        private = private_training(made)
        for inputs, labels in private.batches(1):
            losses = each_loss(made, inputs, labels)
            private.backward(loss(losses) if loss else losses)


def test_a_gradient_that_bypasses_the_engine_is_refused() -> None:
    model, (inputs, labels) = network(), examples()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    PrivateTraining(model, optimizer, (inputs, labels), epsilon=1.0, batch_size=50, epochs=1)
    F.cross_entropy(model.eval()(inputs), labels).backward()  # type: ignore[no-untyped-call]
    with pytest.raises(NotPrivate, match=r"0\.weight: its gradient did not come from"):
        optimizer.step()
    assert model[0].weight.grad is None


def test_a_forward_pass_in_training_mode_outside_of_a_step_is_refused() -> None:
    model, (inputs, _) = network(), examples()
    private_training(model)
    with pytest.raises(NotPrivate, match="outside of"):
        model(inputs)
    with torch.no_grad():
        model(inputs)


def test_a_batch_that_is_skipped_is_refused() -> None:
    private = private_training(network())
    with pytest.raises(NotPrivate, match="did not go through"):
        for _ in private.batches():
            pass


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": None}, "either epsilon or noise_multiplier"),
        ({"batch_size": 1000}, "batch_size <= number of records"),
        ({"clipping": "none"}, "clipping"),
        ({"mode": "fast"}, "mode"),
        ({"epsilon": 0.0}, "epsilon"),
    ],
)
def test_settings_that_cannot_be_met_are_refused_by_name(settings: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(NotPrivate, match=message):
        private_training(network(), **settings)


def test_a_model_without_trainable_parameters_is_refused() -> None:
    model = network()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    with pytest.raises(NotPrivate, match="trainable parameters"):
        PrivateTraining(model, optimizer, examples(), epsilon=1.0, batch_size=50, epochs=1)
