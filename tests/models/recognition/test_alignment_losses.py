# SPDX-License-Identifier: Apache-2.0
"""Losses that align modalities: each against a loop that spells its definition out."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models.recognition.alignment import info_nce, printed_margin
from polyveil.models.recognition.anchors import Anchors, anchors
from polyveil.models.recognition.projection import unit

BATCHES = st.tuples(
    st.integers(1, 6), st.integers(1, 3), st.integers(1, 4), st.integers(0, 99), st.booleans()
)


def batch(form: tuple[int, int, int, int, bool]) -> tuple[dict[str, Tensor], Tensor, Tensor | None]:
    """(embeddings of some modalities, identities with repeats, mask with holes or None)."""
    records, modalities, people, seed, holes = form
    draw = torch.Generator().manual_seed(seed)
    embeddings = {
        name: unit(torch.randn(records, 5, generator=draw)) for name in "abc"[:modalities]
    }
    identities = torch.randint(people, (records,), generator=draw)
    mask = torch.rand(records, modalities, generator=draw) < 0.7
    return embeddings, identities, mask if holes else None


@settings(max_examples=60, deadline=None)
@given(BATCHES)
def test_info_nce_equals_its_definition(form: tuple[int, int, int, int, bool]) -> None:
    embeddings, identities, mask = batch(form)
    there = torch.ones(form[0], form[1], dtype=torch.bool) if mask is None else mask
    expected = []
    for i in range(form[0]):
        terms = []
        for a, b in permutations(range(form[1]), 2):
            others = [j for j in range(form[0]) if there[j, b]]
            right = [j for j in others if identities[j] == identities[i]]
            if not there[i, a] or not right:
                continue
            asking, asked = list(embeddings.values())[a][i], list(embeddings.values())[b]
            scores = {j: math.exp(float(asking @ asked[j]) / 0.2) for j in others}
            total = sum(scores.values())
            terms.append(sum(-math.log(scores[j] / total) for j in right) / len(right))
        expected.append(sum(terms) / len(terms) if terms else 0.0)
    found = info_nce(embeddings, identities, temperature=0.2, present=mask)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-4)


def test_two_modalities_of_different_people_give_the_loss_of_clip() -> None:
    embeddings, identities, _ = batch((6, 2, 1, 3, False))
    identities = torch.arange(6)
    scores = embeddings["a"] @ embeddings["b"].T / 0.1
    clip = functional.cross_entropy(scores, identities) + functional.cross_entropy(
        scores.T, identities
    )
    torch.testing.assert_close(info_nce(embeddings, identities).mean(), clip / 2)


def test_info_nce_is_least_where_people_meet_and_does_not_care_for_order() -> None:
    identities = torch.tensor([0, 1, 0, 2])
    places = torch.eye(4)[identities]
    met = info_nce({"a": places, "b": places, "c": places}, identities)
    apart = info_nce({"a": places, "b": places.roll(1, 0), "c": places}, identities)
    assert (met < apart).all()
    embeddings, identities, _ = batch((5, 3, 3, 7, False))
    swapped = dict(reversed(embeddings.items()))
    torch.testing.assert_close(info_nce(embeddings, identities), info_nce(swapped, identities))


@settings(max_examples=40, deadline=None)
@given(BATCHES)
def test_the_printed_margin_equals_its_definition(form: tuple[int, int, int, int, bool]) -> None:
    embeddings, identities, mask = batch((form[0], 3, *form[2:]))
    v, a, m = embeddings.values()
    expected = torch.zeros(form[0])
    for i in range(form[0]):
        for j in range(form[0]):
            counts = mask is None or bool(mask[i, 0] and mask[j, 1] and mask[j, 2])
            if identities[i] != identities[j] and counts:
                expected[i] += max(0.0, float(v[i] @ a[j] - v[i] @ m[j]) + 0.3)
    found = printed_margin(embeddings, identities, margin=0.3, present=mask)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_printed_margin_pulls_no_one_together() -> None:
    """Its gradient has no part in the similarity of one person's own modalities."""
    own = torch.zeros(3, 6, requires_grad=True)
    basis = torch.eye(6)
    v, a = basis[:3] + own, basis[:3] + 0.0  # <v_i, a_i> moves with own alone
    loss = printed_margin({"v": v, "a": a, "m": basis[3:]}, torch.arange(3)).sum()
    (gradient,) = torch.autograd.grad(loss, own)
    # Along a_i the loss of i is flat: no term holds <v_i, a_i>.
    assert torch.equal(gradient[:, :3].diagonal(), torch.zeros(3)) and gradient.any()


@settings(max_examples=40, deadline=None)
@given(BATCHES)
def test_anchors_equal_their_definition_record_by_record(
    form: tuple[int, int, int, int, bool],
) -> None:
    embeddings, identities, mask = batch(form)
    loss = Anchors(4, 5, scale=8.0, margin=0.1, seed=2)
    expected = []
    for i, who in enumerate(identities.tolist()):
        terms = []
        for m, one in enumerate(embeddings.values()):
            if mask is not None and not mask[i, m]:
                continue
            cosines = [float(one[i] @ place) for place in loss.places]
            cosines[who] -= 0.1
            total = sum(math.exp(8 * cosine) for cosine in cosines)
            terms.append(math.log(total) - 8 * cosines[who])
        expected.append(sum(terms) / len(terms) if terms else 0.0)
    found = loss(embeddings, identities, mask)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=1e-4)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 3))
@settings(deadline=None)
def test_anchors_have_length_one_and_are_a_simplex_where_there_is_room(
    identities: int, width: int, seed: int
) -> None:
    places = anchors(identities, width, seed)
    torch.testing.assert_close(places.norm(dim=1), torch.ones(identities))
    assert torch.equal(places, anchors(identities, width, seed))
    if 1 < identities <= width:
        cosines = (places @ places.T)[~torch.eye(identities, dtype=torch.bool)]
        assert torch.allclose(cosines, torch.tensor(-1 / (identities - 1)), atol=1e-5)


def test_anchors_leave_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Anchors(3, 4, seed=1)
    assert torch.equal(torch.rand(1), expected)


def test_what_is_missing_has_no_gradient_and_no_influence() -> None:
    embeddings, identities, mask = batch((5, 3, 2, 11, True))
    assert mask is not None and not mask.all()
    leaves = {name: one.requires_grad_() for name, one in embeddings.items()}
    for loss in (
        lambda given: info_nce(given, identities, present=mask),
        lambda given: printed_margin(given, identities, present=mask),
        lambda given: Anchors(2, 5)(given, identities, mask),
    ):
        gradients = torch.autograd.grad(loss(leaves).sum(), list(leaves.values()))
        moved = {
            name: torch.where(mask[:, [m]], one, 9.0)
            for m, (name, one) in enumerate(leaves.items())
        }
        torch.testing.assert_close(loss(moved), loss(leaves))
        for m, gradient in enumerate(gradients):
            assert not gradient[~mask[:, m]].any()


def test_what_does_not_fit_is_refused() -> None:
    embeddings, identities, _ = batch((4, 2, 2, 0, False))
    with pytest.raises(UsageError, match="exactly three"):
        printed_margin(embeddings, identities)
    with pytest.raises(UsageError, match="embeddings"):
        info_nce({}, identities)
    with pytest.raises(UsageError, match="embeddings"):
        Anchors(2, 5)(embeddings, identities[:2])
    with pytest.raises(UsageError, match="present"):
        info_nce(embeddings, identities, present=torch.ones(4, 2))
    with pytest.raises(ValueError, match="temperature"):
        info_nce(embeddings, identities, temperature=0.0)
    with pytest.raises(ValueError, match="margin"):
        Anchors(2, 5, margin=2.0)
