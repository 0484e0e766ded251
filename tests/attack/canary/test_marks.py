# SPDX-License-Identifier: Apache-2.0
"""Marks: one coordinate a canary and layer, nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.canary.claim import TrainingFacts
from polyveil.attack.canary.design import Canaries
from polyveil.attack.canary.evidence import watched
from polyveil.attack.canary.mark_observer import MarkObserver
from polyveil.attack.canary.marks import NAME, PULL, Marked
from polyveil.attack.canary.one_run import OneRunAudit
from polyveil.attack.examples import Examples, joined
from polyveil.learn.private import PrivateTraining


def _data(count: int = 60) -> Examples:
    draw = torch.Generator().manual_seed(0)
    values = torch.rand(count, 1, 6, 6, generator=draw)
    return Examples({"image": values}, torch.randint(3, (count,), generator=draw))


def _model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.Tanh(),
            nn.Linear(8, 3),
        )


def _sum_gradients(model: nn.Module, examples: Examples) -> dict[str, Tensor]:
    model.zero_grad()
    losses = functional.cross_entropy(
        model(examples.inputs["image"]), examples.labels, reduction="sum"
    )
    losses.backward()
    return {
        name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None
    }


def test_real_records_are_treated_as_without_marks() -> None:
    data, plain = _data(), _model()
    made = Canaries.like(data, count=30, classes=3, seed=0)
    expected = _sum_gradients(plain, data)
    marked = Marked(_model(), made.examples)
    found = _sum_gradients(marked, joined(data, made.members))
    for name, one in expected.items():
        assert torch.allclose(found[f"model.{name}"], one, atol=1e-6)
    assert torch.equal(marked(data.inputs["image"]), plain(data.inputs["image"]))


def test_each_canary_pulls_at_its_own_coordinate_of_every_layer() -> None:
    made = Canaries.like(_data(), count=30, classes=3, seed=0)
    marked = Marked(_model(), made.examples)
    _sum_gradients(marked, made.members)
    assert len(marked.marks) == 3
    for mark in marked.marks:
        assert mark.grad is not None
        pulled = mark.grad[:, 0].numpy() != 0
        assert np.array_equal(pulled, made.included)
        assert float(mark.grad.abs()[torch.from_numpy(made.included)].min()) > PULL / 4


def test_the_value_of_a_mark_changes_no_output() -> None:
    made = Canaries.like(_data(), count=10, classes=3, seed=0)
    marked = Marked(_model(), made.examples)
    for mark in marked.marks:
        nn.init.normal_(mark)
    assert torch.equal(marked(made.examples.inputs["image"]), torch.zeros(10, 3))


def test_the_model_comes_back_as_it_was() -> None:
    model, names = _model(), list(_model().state_dict())
    marked = Marked(model, Canaries.like(_data(), count=10, classes=3, seed=0).examples)
    assert any(NAME in name for name in model.state_dict())
    assert marked.unmark() is model
    assert list(model.state_dict()) == names


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
def test_a_private_step_adds_the_threshold_and_no_more(clipping: str) -> None:
    """Without noise the marks of a sampled canary hold exactly its clipped length."""
    data = _data()
    made = Canaries.like(data, count=30, classes=3, seed=0)
    together = joined(data, made.members)
    marked = Marked(_model(), made.examples)
    private = PrivateTraining(
        marked,
        torch.optim.SGD(marked.parameters(), 0.1),
        (together.inputs["image"], together.labels),
        batch_size=len(together),
        epochs=1,
        noise_multiplier=0.0,
        clipping=clipping,  # type: ignore[arg-type]
        thresholds=1.0,
        secret=bytes(32),
    )
    watch = MarkObserver(marked)
    for inputs, labels in private.batches():
        private.backward(functional.cross_entropy(marked(inputs), labels, reduction="none"))
        watch.observe()
    squares = sum((mark.grad * len(together)) ** 2 for mark in marked.marks)  # type: ignore
    lengths = torch.as_tensor(squares).sqrt()[:, 0]
    assert torch.allclose(lengths[torch.from_numpy(made.included)], torch.ones(1), atol=1e-4)
    assert float(lengths[torch.from_numpy(~made.included)].abs().max()) == 0.0
    released, _ = watch.watched()
    assert released[0, made.included].min() > 100 * np.abs(released[0, ~made.included]).max()


class _ImageAndSound(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image, self.sound, self.head = nn.Linear(12, 5), nn.Linear(7, 5), nn.Linear(5, 3)

    def forward(self, *, image: Tensor, sound: Tensor) -> Tensor:
        return self.head(torch.tanh(self.image(image) + self.sound(sound)))


def test_two_inputs_in_a_loop_of_ones_own() -> None:
    """Image and sound, canaries recognised by content, judged: right noise stands, none falls."""
    draw = torch.Generator().manual_seed(0)
    inputs = {
        "sound": torch.randn(150, 7, generator=draw),
        "image": torch.randn(150, 12, generator=draw),
    }
    data = Examples(inputs, torch.randint(3, (150,), generator=draw))
    made = Canaries.like(data, count=200, classes=3, seed=3)
    together = joined(data, made.members)
    verdicts = []
    for noise in (2.0, 0.0):
        marked = Marked(_ImageAndSound(), made.examples)
        used = torch.optim.SGD(marked.parameters(), 0.1)
        private = PrivateTraining(
            marked,
            used,
            (together.inputs["image"], together.inputs["sound"], together.labels),
            batch_size=0.2 * len(together),
            epochs=6,
            noise_multiplier=noise,
            delta=1e-5,
            secret=bytes(32),
        )
        watch = MarkObserver(marked)
        for image, sound, labels in private.batches():
            losses = functional.cross_entropy(
                marked(image=image, sound=sound), labels, reduction="none"
            )
            private.backward(losses)
            watch.observe()
            used.step()
        facts = TrainingFacts(2.0, 0.2, 30, 1e-5)
        audit = OneRunAudit(facts.epsilon(), facts, canaries=200)
        evidence = watched(watch, made.included, rate=0.2, of_steps=30, sampled=watch.sampled())
        verdicts.append(audit.check(evidence).verdict)
    assert verdicts == ["not refuted", "refuted"]


def test_what_was_not_released_is_not_noted() -> None:
    marked = Marked(_model(), Canaries.like(_data(), count=10, classes=3, seed=0).examples)
    watch = MarkObserver(marked)
    watch.observe()
    assert watch.steps == 0
    with pytest.raises(Exception, match="no step was watched"):
        watch.watched()
