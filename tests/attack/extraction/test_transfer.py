# SPDX-License-Identifier: Apache-2.0
"""Steps that are prepared on a copy: as large as stated, inside the range, up the loss."""

from __future__ import annotations

import pytest
import torch
from theft_toys import examples, target
from torch.nn import functional

from polyveil.attack.examples import Examples
from polyveil.attack.extraction.transfer import scattered, stepped


@pytest.mark.parametrize("kind", ["stepped", "scattered"])
def test_a_step_is_as_large_as_stated_in_every_modality(kind):
    some = examples(50, 5)
    moved = stepped(target(), some, 0.3) if kind == "stepped" else scattered(some, 0.3, 0)
    for name, values in some.inputs.items():
        size = (moved[name] - values).abs()
        assert float(size.max()) == pytest.approx(0.3 * float(values.std()), rel=1e-4)
        assert float(moved[name].max()) <= float(values.max())
        assert not moved[name].requires_grad


def test_a_step_raises_the_loss_and_random_signs_hardly_do():
    some = examples(200, 6, noise=0.0)

    def loss(inputs):
        return float(functional.cross_entropy(target().logits(inputs), some.labels))

    before = loss(some.inputs)
    random = loss(scattered(some, 0.3, 0))
    assert loss(stepped(target(), some, 0.3)) > before + 5 * abs(random - before)


def test_indices_stay():
    some = examples(10, 7)
    inputs = {**some.inputs, "words": torch.arange(10)}
    moved = scattered(Examples(inputs, some.labels), 0.3, 0)
    assert moved["words"] is inputs["words"]
