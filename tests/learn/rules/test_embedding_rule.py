# SPDX-License-Identifier: Apache-2.0
"""Embeddings: each record's gradient equals autograd on that record alone; no dense gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_use import OneUse, agrees, alone, close, fixed, watched
from torch import nn

from polyveil.errors import NotPrivate
from polyveil.learn.rules.embedding import RULES, EmbeddingContribution

torch.set_num_threads(1)


@settings(max_examples=40, deadline=None)
@given(
    records=st.integers(1, 4),
    rows=st.integers(1, 3),
    tokens=st.lists(st.integers(1, 5), max_size=2),
    entries=st.integers(2, 5),
    size=st.integers(1, 6),
    padding=st.sampled_from([None, 0, -1]),
)
def test_equals_each_record_alone(records, rows, tokens, entries, size, padding):
    model = nn.Embedding(entries, size, padding_idx=padding)
    data = torch.randint(0, entries, (records * rows, *tokens))
    use, output, _ = watched(RULES, model, data, records)
    close(output, model(data).detach())
    agrees(use.contributions[0], alone(model, data, records)[0])


def test_repeated_indices_are_summed_before_the_norm():
    table = nn.Parameter(torch.zeros(3, 2))
    gradients = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]])
    contribution = EmbeddingContribution(table, torch.tensor([[1, 1]]), gradients)
    assert contribution.squared_norms().tolist() == [0.0]


def test_two_uses_are_joined():
    model, first, second = nn.Embedding(5, 3), *(torch.randint(0, 5, (4, n)) for n in (2, 3))
    parts, expected = [], []
    for data in (first, second):
        use, _, _ = watched(RULES, model, data, 4)
        parts += use.contributions
        expected.append(alone(model, data, 4)[0][0])
    joined = parts[0].joined(parts[1])
    assert isinstance(joined, EmbeddingContribution)
    agrees(joined, (expected[0] + expected[1],))


def test_a_broken_record_leaves_no_trace():
    model, data = nn.Embedding(5, 3), torch.tensor([[0, 1], [1, 2], [2, 2]])
    factor = torch.randn(3, 2, 3)
    factor[1, 0, 0] = float("inf")
    use, _, _ = watched(RULES, model, data, 3, factor)
    left, _, _ = watched(RULES, model, data[[0, 2]], 2, factor[[0, 2]])
    norms, (total,) = use.contributions[0].clipped(fixed(1.0))
    assert not torch.isfinite(norms[1])
    close(total, left.contributions[0].clipped(fixed(1.0))[1][0])


def test_a_large_table_costs_no_memory_a_record():
    """Dense, these 64 records' gradients would take 2 GB."""
    model = nn.Embedding(100_000, 80)
    use, _, _ = watched(RULES, model, torch.randint(0, 100_000, (64, 8)), 64)
    held = sum(
        value.nbytes
        for value in vars(use.contributions[0]).values()
        if isinstance(value, torch.Tensor)
    )
    assert held < 1e6


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"max_norm": 1.0}, "max_norm"),
        ({"scale_grad_by_freq": True}, "freq"),
        ({"sparse": True}, "sparse"),
    ],
)
def test_refuses_what_ties_records_together(option, word):
    with pytest.raises(NotPrivate, match=word):
        watched(RULES, nn.Embedding(5, 3, **option), torch.randint(0, 5, (4, 2)), 4)


def test_torch_level_function_takes_the_table_first():
    table, use = nn.Parameter(torch.randn(5, 3)), OneUse(2)
    indices = torch.tensor([[0, 1], [4, 4]])
    output = RULES[torch.embedding](use, torch.embedding, (table, indices), {})
    close(output.detach(), table.detach()[indices])


def test_leaves_to_others_what_it_does_not_cover():
    table, indices = nn.Parameter(torch.randn(5, 3)), torch.tensor([[0], [1]])
    rule = RULES[torch.embedding]
    assert rule(OneUse(2), torch.embedding, (table * 2, indices), {}) is NotImplemented
    assert rule(OneUse(3), torch.embedding, (table, indices), {}) is NotImplemented
    assert rule(OneUse(2), torch.embedding, (table, indices), {}) is not NotImplemented
