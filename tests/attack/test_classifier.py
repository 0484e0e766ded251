# SPDX-License-Identifier: Apache-2.0
"""A target takes any number of inputs, counts queries, and is left as it was found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, joined
from polyveil.errors import UsageError


class TwoInputs(nn.Module):
    """Image and sound, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16 + 5, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        return self.head(self.drop(torch.cat([image.flatten(1), sound], 1)))


def examples(rows: int = 20) -> Examples:
    inputs = {"image": torch.rand(rows, 1, 4, 4), "sound": torch.rand(rows, 5)}
    return Examples(inputs, torch.arange(rows) % 3)


def test_two_inputs_go_in_by_name_and_every_record_is_a_query() -> None:
    model, data = TwoInputs(), examples()
    target = Classifier(model, batch=7)
    logits = target.logits(data.inputs)
    assert logits.shape == (20, 3)
    assert logits.dtype == torch.float64
    assert target.queries == 20
    expected = model.eval()(**data.inputs)
    assert torch.allclose(logits.float(), expected, atol=1e-6)


def test_a_module_in_training_mode_is_attacked_in_evaluation_mode_and_put_back() -> None:
    model, data = TwoInputs().train(), examples()
    model.drop.eval()
    target = Classifier(model)
    assert not target.is_random(data.inputs)
    assert model.training
    assert not model.drop.training


def test_a_model_that_draws_is_noticed() -> None:
    class Noisy(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1)[:, :3] + torch.randn(len(x), 3)

    assert Classifier(Noisy()).is_random({"image": torch.rand(4, 1, 4, 4)})


def test_gradients_reach_every_input() -> None:
    data = examples()
    leaves = {name: values.clone().requires_grad_() for name, values in data.inputs.items()}
    Classifier(TwoInputs()).scored(leaves).sum().backward()
    assert all(leaf.grad is not None and bool(leaf.grad.any()) for leaf in leaves.values())


def test_another_way_to_call_is_the_user_s_word() -> None:
    model, data = TwoInputs(), examples()
    target = Classifier(model, calling=lambda m, i: m(i["image"], i["sound"]))
    assert target.correct(data).shape == (20,)


@pytest.mark.parametrize("wrong", ["one number a record", "no tensor", "not a number"])
def test_what_gives_no_logits_is_refused_by_name(wrong: str) -> None:
    class Wrong(nn.Module):
        def forward(self, x: Tensor) -> object:
            if wrong == "no tensor":
                return "cat"
            flat = x.flatten(1)[:, :3]
            return flat[:, 0] if wrong == "one number a record" else flat * torch.nan

    with pytest.raises(UsageError, match=r"expected|finite"):
        Classifier(Wrong()).logits({"image": torch.rand(4, 1, 4, 4)})


def test_examples_must_be_records_side_by_side() -> None:
    with pytest.raises(UsageError, match="one row a label"):
        Examples({"image": torch.rand(3, 2)}, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(UsageError, match="one row a label"):
        Examples({}, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(UsageError, match="int64"):
        Examples({"image": torch.rand(4, 2)}, torch.zeros(4))


def test_examples_are_cut_and_joined() -> None:
    data = examples()
    parts = list(data.pieces(8))
    assert [len(part) for part in parts] == [8, 8, 4]
    again = joined(joined(parts[0], parts[1]), parts[2])
    assert torch.equal(again.labels, data.labels)
    assert again.digests() == data.digests()
