# SPDX-License-Identifier: Apache-2.0
"""Gradient modulation by its published formula, and what it follows from under a promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from two_strengths import SECRET, SMALL, records

from polyveil.learn.multimodal import Budget, Joint, Modulated, Options, train
from polyveil.learn.multimodal.draws import Draws
from polyveil.learn.multimodal.modulation import coefficients
from polyveil.learn.multimodal.paths import JointPath, Path, true_class
from polyveil.learn.private import PrivateTraining
from polyveil.models.multimodal import MultimodalClassifier, MultimodalConfig
from polyveil.models.multimodal.config import ModalityInput


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_two_modalities_as_published() -> None:
    """Equation 10 with alpha = 0.5: whoever is ahead twofold goes on at 1 - tanh(1)."""
    assert coefficients([0.8, 0.4], 0.5) == pytest.approx([1 - math.tanh(1.0), 1.0])
    assert coefficients([0.1, 0.3], 0.1) == pytest.approx([1.0, 1 - math.tanh(0.3)])
    assert coefficients([0.5, 0.5], 0.3) == [1.0, 1.0]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5), st.floats(0.01, 2))
def test_only_those_ahead_of_others_are_slowed_down(scores: list[float], alpha: float) -> None:
    found = coefficients(scores, alpha)
    assert all(0 <= one <= 1 for one in found)
    assert found[scores.index(min(scores))] == 1.0


def test_it_is_joint_training_where_it_does_not_modulate() -> None:
    def weights(method: Joint | Modulated, **settings: object) -> torch.Tensor:
        options = Options(epochs=2, batch_size=60, optimizer="sgd")
        model = train(method, records(), options, network=SMALL, **settings).model
        return torch.nn.utils.parameters_to_vector(model.parameters())

    joint = weights(Joint())
    assert torch.allclose(weights(Modulated(until=0.0)), joint, atol=1e-6)
    slowed = weights(Modulated(enhance=False))
    assert not torch.allclose(slowed, joint, atol=1e-3)
    assert not torch.allclose(slowed, weights(Modulated()), atol=1e-3)


def test_the_enhancing_noise_is_as_large_as_the_gradients_spread() -> None:
    layer = torch.nn.Linear(60, 50)
    gradient = torch.randn(50, 60, generator=torch.Generator().manual_seed(1)) * 0.3
    layer.weight.grad, layer.bias.grad = gradient.clone(), torch.ones(50)
    Modulated()._modulate(layer, 0.25, Draws(2))
    noise = layer.weight.grad - 0.25 * gradient
    assert float(noise.std()) == pytest.approx(float(gradient.std()), rel=0.05)
    assert torch.equal(layer.bias.grad, torch.ones(50))


def classifier() -> MultimodalClassifier:
    torch.manual_seed(0)
    data = records()
    inputs = tuple(ModalityInput(name, shape) for name, shape in data.shapes.items())
    return MultimodalClassifier(MultimodalConfig(inputs, 3, "concatenation", width=6))


def test_what_is_told_is_the_clipped_sum_of_scores() -> None:
    """Without noise, against scores computed from outside; absent modalities score nothing."""
    data, model = records(missing=0.3), classifier()
    tensors = [torch.from_numpy(one) for one in data.inputs.values()]
    present, labels = torch.from_numpy(data.present), torch.from_numpy(data.labels)
    path = JointPath(model, tells=True)
    private = PrivateTraining(
        path, torch.optim.SGD(model.parameters(), 0.1), (*tensors, present, labels),
        batch_size=len(data), epochs=1, noise_multiplier=0.0, thresholds=0.5, secret=SECRET,
    )  # fmt: skip
    for *values, mask, classes in private.batches():
        inputs = dict(zip(data.inputs, values, strict=True))
        private.backward(path.losses(inputs, mask, classes))
    alone = model.by_modality(dict(zip(data.inputs, tensors, strict=True))).detach()
    scores = true_class(alone, labels) * present / math.sqrt(2)
    bound = private.thresholds["probe"]
    clipped = scores * (bound / scores.norm(dim=1, keepdim=True)).clamp(max=1)
    assert path.probe is not None and bound < float(scores.norm(dim=1).max())
    assert torch.allclose(path.probe.weight.grad[0], clipped.mean(0), atol=1e-5)


def test_telling_leaves_gradients_as_they_are() -> None:
    data, model = records(), classifier()
    rows = torch.from_numpy(data.inputs["strong"]), torch.from_numpy(data.labels)
    gradients = []
    for tells in (False, True):
        path = Path(model.encoder_of("strong"), model.head_of("strong"), tells=tells)
        path.zero_grad()
        losses, _ = path.losses(rows[0], torch.ones(len(data), dtype=torch.bool), rows[1])
        losses.mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in path.encoder.parameters()]))
    assert torch.equal(*gradients)


def test_under_a_promise_the_result_says_what_coefficients_follow_from() -> None:
    options = Options(epochs=1, batch_size=60)
    found = train(Modulated(), records(), options, budget=Budget(epsilon=4.0), network=SMALL)
    assert any("noised scores" in one for one in found.remarks)
    assert "Adam" in train(Modulated(), records(), options, network=SMALL).remarks[0]
    steady = Options(epochs=1, batch_size=60, optimizer="sgd")
    assert train(Modulated(), records(), steady, network=SMALL).remarks == ()
