# SPDX-License-Identifier: Apache-2.0
"""What an answer lets out is a distribution over classes, and no more than its form says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polyveil.attack.extraction import Answers

FORMS = ("probabilities", "rounded", "top-1", "label")


@given(st.integers(0, 1000), st.integers(2, 30), st.sampled_from(FORMS))
def test_what_is_taught_is_a_distribution(seed, classes, form):
    logits = torch.randn(5, classes, generator=torch.Generator().manual_seed(seed)).double() * 3
    taught = Answers(form)(logits)
    assert taught.dtype == torch.float32
    assert bool((taught >= 0).all())
    assert torch.allclose(taught.sum(1), torch.ones(5), atol=1e-5)


@given(st.integers(0, 1000))
def test_the_likeliest_class_survives_every_form_but_coarse_rounding(seed):
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)).double() * 3
    for form in ("probabilities", "top-1", "label"):
        assert torch.equal(Answers(form)(logits).argmax(1), logits.argmax(1))


def test_forms_by_hand():
    logits = torch.tensor([[0.62, 0.26, 0.12]]).double().log()
    assert Answers()(logits)[0].tolist() == pytest.approx([0.62, 0.26, 0.12])
    assert Answers("rounded")(logits)[0].tolist() == pytest.approx([0.6, 0.3, 0.1])
    assert Answers("top-1")(logits)[0].tolist() == pytest.approx([0.62, 0.19, 0.19])
    assert Answers("label")(logits)[0].tolist() == [1.0, 0.0, 0.0]


def test_a_rounded_answer_of_zeros_says_nothing():
    assert torch.allclose(Answers("rounded")(torch.zeros(1, 100)), torch.full((1, 100), 0.01))


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="expected form"):
        Answers("logits")
