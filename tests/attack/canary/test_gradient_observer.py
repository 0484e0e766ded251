# SPDX-License-Identifier: Apache-2.0
"""The observer's products against record-by-record autograd and against forward mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn import functional

from polyveil.attack.canary.observer import GradientObserver, layers, standardised
from polyveil.attack.examples import Examples
from polyveil.errors import UsageError
from polyveil.models.registry import build


class _Two(nn.Module):
    """Image and sound to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.sound = nn.Linear(12, 5), nn.Linear(7, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, *, image: Tensor, sound: Tensor) -> Tensor:
        return self.head(torch.tanh(self.image(image) + self.sound(sound)))


def _two() -> tuple[_Two, Examples]:
    draw = torch.Generator().manual_seed(3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = _Two()
    inputs = {
        "image": torch.randn(9, 12, generator=draw),
        "sound": torch.randn(9, 7, generator=draw),
    }
    return model, Examples(inputs, torch.randint(3, (9,), generator=draw))


def test_products_are_those_of_single_gradients_and_of_forward_mode() -> None:
    model, examples = _two()
    observer = GradientObserver(model, examples)
    released = {name: torch.randn_like(one) for name, one in model.named_parameters()}
    (products,), norms = observer._products([released])
    for row in range(len(examples)):
        one = examples.at(slice(row, row + 1))
        model.zero_grad()
        functional.cross_entropy(model(**one.inputs), one.labels).backward()
        for column, layer in enumerate(layers(model)):
            own = [dict(model.named_parameters())[name].grad for name in layer]
            norm = torch.cat([g.flatten() for g in own if g is not None]).norm()
            along = sum(float((g * released[n]).sum()) for g, n in zip(own, layer, strict=True))
            assert norms[row, column] == pytest.approx(float(norm), rel=1e-4)
            assert products[row, column] * norms[row, column] == pytest.approx(along, abs=1e-4)

    def losses(weights: dict[str, Tensor]) -> Tensor:
        output = functional_call(model, weights, (), dict(examples.inputs))
        return functional.cross_entropy(output, examples.labels, reduction="none")

    weights = {name: one.detach() for name, one in model.named_parameters()}
    _, forward = jvp(losses, (weights,), (released,))
    assert np.allclose((products * norms).sum(1), forward.numpy(), atol=1e-4)


def test_attention_and_convolution_are_watched_and_left_as_they_were() -> None:
    for name in ("vit", "cnn"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = build(name, (1, 16, 16), 3)
        examples = Examples({"image": torch.rand(5, 1, 16, 16)}, torch.tensor([0, 1, 2, 0, 1]))
        observer = GradientObserver(model, examples)
        before = {key: one.clone() for key, one in model.state_dict().items()}
        model.train()
        for one in model.parameters():
            one.grad = torch.randn_like(one)
        observer.observe()
        assert model.training
        assert all(torch.equal(one, before[key]) for key, one in model.state_dict().items())
        assert np.isfinite(observer.watched()[0]).all()


def test_a_canary_in_the_sum_stands_out() -> None:
    model, examples = _two()
    observer = GradientObserver(model, examples)
    model.zero_grad()
    one = examples.at(slice(4, 5))
    functional.cross_entropy(model(**one.inputs), one.labels).backward()
    observer.observe()
    assert int(observer.watched()[0][0].argmax()) == 4


def test_what_a_label_has_in_common_is_taken_off() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200).astype(np.int64)
    products = draw.standard_normal((400, 2)).astype(np.float32) + 9.0 * labels[:, None]
    scores = standardised(products.astype(np.float32), np.ones((400, 2), np.float32), labels)
    assert abs(scores[labels == 0].mean() - scores[labels == 1].mean()) < 0.5
    assert 0.8 < scores.std() < 1.2


def test_nothing_watched_is_an_error() -> None:
    model, examples = _two()
    observer = GradientObserver(model, examples)
    observer.observe()
    with pytest.raises(UsageError, match="no step was watched"):
        observer.watched()
    with pytest.raises(UsageError, match="trainable"):
        layers(nn.Tanh())
