# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from evasion_toys import drawn

from polyveil.attack.evasion import Budget, default_budget, default_budgets
from polyveil.attack.evasion.budget import check, kept
from polyveil.errors import UsageError


@pytest.mark.parametrize(
    "wrong",
    [
        {"norm": "l1", "epsilon": 0.1},
        {"norm": "linf", "epsilon": 0.0},
        {"norm": "linf", "epsilon": 0.1, "box": (1.0, 1.0)},
        {"norm": "linf", "epsilon": 0.1, "step": -1.0},
    ],
)
def test_nonsense_is_refused_on_construction(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Budget(**wrong)


def test_tokens_are_refused_by_name_with_what_to_do() -> None:
    inputs = {"notes": torch.zeros((2, 5), dtype=torch.int64)}
    with pytest.raises(UsageError, match=r"notes: torch\.int64.*embeddings"):
        check({"notes": Budget("linf", 0.1)}, inputs)
    with pytest.raises(UsageError, match="upper bound"):
        default_budgets(inputs)


def test_defaults_leave_tokens_out() -> None:
    inputs = {"notes": torch.zeros((2, 5), dtype=torch.int64), "image": torch.rand(2, 3)}
    assert set(default_budgets(inputs)) == {"image"}


def test_unknown_modality_no_budget_and_odd_mask_are_refused() -> None:
    inputs = drawn(2, seed=0).inputs
    with pytest.raises(UsageError, match=r"'smell'.*image, sound"):
        check({"smell": Budget("linf", 0.1)}, inputs)
    with pytest.raises(UsageError, match="no budget"):
        check({}, inputs)
    with pytest.raises(UsageError, match="mask"):
        check({"image": Budget("linf", 0.1, mask=torch.ones(5, 5))}, inputs)


def test_default_box_and_strength_follow_the_data() -> None:
    unit = default_budget(torch.tensor([[0.1, 0.9]]))
    assert unit.box == (0.0, 1.0)
    assert unit.epsilon == pytest.approx(8 / 255)
    wide = default_budget(torch.tensor([[-2.0, 2.0]]))
    assert wide.box == (-2.0, 2.0)
    assert wide.epsilon == pytest.approx(4 * 8 / 255)


def test_every_breach_is_noticed_afterwards() -> None:
    origin = {"image": torch.full((1, 4), 0.5), "sound": torch.zeros(1, 2)}
    budgets = {"image": Budget("linf", 0.1)}
    fine = {**origin, "image": origin["image"] + 0.1}
    assert kept(budgets, fine, origin).within
    assert not kept(budgets, {**origin, "image": origin["image"] + 0.2}, origin).within
    assert not kept(budgets, {**fine, "sound": torch.ones(1, 2)}, origin).within
    beyond = {"image": Budget("linf", 0.7)}
    assert not kept(beyond, {**origin, "image": origin["image"] + 0.6}, origin).within
