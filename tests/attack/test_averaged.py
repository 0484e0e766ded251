# SPDX-License-Identifier: Apache-2.0
"""A random target asked again and again: its mean, every pass counted, nothing else moved."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from polyveil.attack.averaged import Averaged, steadied
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples


class Noisy(nn.Module):
    """Logits of an image and a sound, with noise in each answer."""

    def __init__(self, noise: float = 1.0) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        logits = torch.cat([image.flatten(1)[:, :2], sound[:, :1]], 1)
        return logits + self.noise * torch.randn(logits.shape)


def inputs(rows: int = 30) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "image": torch.randn(rows, 1, 2, 2, generator=draw, requires_grad=True),
        "sound": torch.randn(rows, 4, generator=draw),
    }


def test_the_mean_of_many_answers_is_nearly_the_same_twice_and_counted() -> None:
    target = Classifier(Noisy(), batch=7)
    often, data = Averaged(target, answers=2000), inputs(10)
    first, second = often.logits(data), often.logits(data)
    assert not torch.equal(first, second)
    assert float((first - second).exp().sub(1).abs().max()) < 0.2
    assert torch.allclose(first.exp().sum(1), torch.ones(10, dtype=torch.float64))
    assert often.queries == target.queries == 2 * 2000 * 10


def test_without_noise_only_a_constant_differs_from_a_single_answer() -> None:
    target, data = Classifier(Noisy(0.0)), inputs()
    assert steadied(target, data) is target
    found = Averaged(target, answers=3).logits(data)
    expected = target.logits(data).log_softmax(1)
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_random_target_is_noticed_repeatable_and_moves_no_global_randomness() -> None:
    data, before = inputs(), torch.random.get_rng_state()
    first = steadied(Classifier(Noisy()), data, seed=3)
    again = steadied(Classifier(Noisy()), data, seed=3)
    assert isinstance(first, Averaged)
    assert torch.equal(first.logits(data), again.logits(data))
    assert torch.equal(before, torch.random.get_rng_state())


def test_gradients_pass_through_the_mean() -> None:
    data = inputs()
    Averaged(Classifier(Noisy()), answers=4).scored(data).sum().backward()
    assert float(data["image"].grad.abs().sum()) > 0


def test_one_answer_errs_where_the_mean_does_not() -> None:
    data = inputs(300)
    labels = Classifier(Noisy(0.0)).logits(data).argmax(1)
    examples, target = Examples(data, labels), Classifier(Noisy(2.0))
    once = float(target.correct(examples).double().mean())
    often = float(Averaged(target, answers=64).correct(examples).double().mean())
    assert often > once + 0.15
