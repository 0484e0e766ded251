# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyveil.attack.evasion.loss import LOSSES, dlr, margin, targeted_dlr

seeds = st.integers(0, 2**16)


def draw(seed: int, classes: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((9, classes), generator=generator, dtype=torch.float64)
    labels = torch.randint(0, classes, (9,), generator=generator)
    return logits, labels, (labels + 1) % classes


@given(seeds)
def test_the_margin_is_positive_exactly_where_the_model_errs(seed: int) -> None:
    logits, labels, rivals = draw(seed)
    assert torch.equal(margin(logits, labels, rivals) > 0, logits.argmax(1) != labels)


@given(seeds)
def test_naive_twins(seed: int) -> None:
    logits, labels, rivals = draw(seed)
    for row, (label, rival) in enumerate(zip(labels.tolist(), rivals.tolist(), strict=True)):
        scores = logits[row].tolist()
        ranked = sorted(scores, reverse=True)
        best_other = max(score for at, score in enumerate(scores) if at != label)
        plain = (best_other - scores[label]) / (ranked[0] - ranked[2] + 1e-12)
        aimed = (scores[rival] - scores[label]) / (ranked[0] - (ranked[2] + ranked[3]) / 2 + 1e-12)
        assert float(dlr(logits, labels, rivals)[row]) == pytest.approx(plain)
        assert float(targeted_dlr(logits, labels, rivals)[row]) == pytest.approx(aimed)


@given(seeds)
def test_dlr_does_not_depend_on_scale_and_cross_entropy_vanishes(seed: int) -> None:
    logits, labels, rivals = draw(seed)
    assert torch.allclose(
        dlr(1000 * logits, labels, rivals), dlr(logits, labels, rivals), atol=1e-9
    )
    sure = torch.tensor([[500.0, 0.0, -1.0]], requires_grad=True)
    right = torch.tensor([0])
    (flat,) = torch.autograd.grad(LOSSES["cross-entropy"](sure, right, right).sum(), sure)
    (steep,) = torch.autograd.grad(margin(sure, right, right).sum(), sure)
    assert not flat.any()
    assert steep.any()


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("classes", [2, 3])
def test_few_classes_are_no_trouble(name: str, classes: int) -> None:
    logits, labels, rivals = draw(0, classes)
    logits.requires_grad_()
    found = LOSSES[name](logits, labels, rivals)  # type: ignore[index]
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert torch.isfinite(found).all()
    assert torch.isfinite(gradient).all()
