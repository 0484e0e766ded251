# SPDX-License-Identifier: Apache-2.0
"""The engine's clipped sums are those of every record run alone, on random networks of any kind."""

from __future__ import annotations

import warnings

import pytest
import torch
from oracle import clipped_sums
from random_networks import (
    KINDS,
    Drawn,
    compared,
    engine_sums,
    largest_error,
    network,
    record_gradients,
)
from torch import nn

EXACT = 5e-6


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    # nn.Bilinear under vmap is a slow loop, and says so.
    warnings.filterwarnings("ignore", message="There is a performance drop")


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
@pytest.mark.parametrize("kind", KINDS)
def test_clipped_sums_are_the_oracles(kind: str, clipping: str) -> None:
    clipped = []
    for seed in range(6):
        precision = torch.float64 if seed % 2 else torch.float32
        found = compared(network(kind, seed, precision), clipping=clipping)
        assert found.error < EXACT + 4 * found.rounding, f"seed {seed}"
        assert found.longest <= 1.0
        clipped.append(found.clipped)
    assert 0 < sum(clipped) / len(clipped) < 1  # some are clipped, and some are not


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_a_batch_give_the_sums_of_one(kind: str, clipping: str) -> None:
    found = compared(network(kind, 1, torch.float64), clipping=clipping, physical=2)
    assert found.error < EXACT + 4 * found.rounding


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_alone_moves_every_group_by_at_most_its_threshold(
    kind: str, clipping: str
) -> None:
    drawn = network(kind, 3)
    drawn.tensors = tuple(one[: drawn.rows] for one in drawn.tensors)
    sums, groups = engine_sums(drawn, clipping=clipping, bound=1e-3)
    for names, limit in groups:
        norm = torch.cat([sums[name].flatten() for name in names]).double().norm()
        assert norm <= limit


@pytest.mark.parametrize("clipping", ["per-layer", "flat"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("embedding",)])
def test_a_record_without_finite_gradient_counts_as_zero(
    kind: str, value: float, clipping: str
) -> None:
    seed = next(
        seed
        for seed in range(50)
        if (drawn := network(kind, seed)).tensors[0].is_floating_point()
        and len(drawn.tensors[0]) >= 3 * drawn.rows
    )
    drawn = network(kind, seed)
    drawn.tensors[0][drawn.rows : 2 * drawn.rows] = value
    sums, groups = engine_sums(drawn, clipping=clipping, bound=0.5)
    assert all(torch.isfinite(one).all() for one in sums.values())
    keep = [row for row in range(len(drawn.tensors[0])) if row // drawn.rows != 1]
    drawn.tensors = tuple(one[keep] for one in drawn.tensors)
    without = clipped_sums(record_gradients(drawn, torch.float64), groups)
    gone = value != 1e30
    for names, limit in groups:
        moved = torch.cat([(sums[name].double() - without[name]).flatten() for name in names])
        assert moved.norm() <= limit * 1.0001 if not gone else moved.norm() <= 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision_clips_and_sums_in_float32(kind: str) -> None:
    drawn = network(kind, 3)
    exact, groups = engine_sums(drawn, clipping="per-layer", bound=1e-3)
    mixed, _ = engine_sums(drawn, clipping="per-layer", bound=1e-3, autocast=True)
    assert all(one.dtype == torch.float32 for one in mixed.values())
    for names, limit in groups:
        found, expected = (
            torch.cat([sums[name].flatten() for name in names]) for sums in (mixed, exact)
        )
        records = len(drawn.tensors[0]) // drawn.rows
        assert found.norm() <= records * limit
        assert (found - expected).norm() < 0.25 * records * limit


def test_the_alarm_works() -> None:
    """Thresholds that are off by a thousandth are seen."""
    drawn = network("linear", 0)
    sums, groups = engine_sums(drawn, clipping="flat", bound=0.1)
    gradients = record_gradients(drawn, torch.float64)
    assert largest_error(sums, clipped_sums(gradients, groups)) < 2 * EXACT
    off = [(names, 1.001 * limit) for names, limit in groups]
    assert largest_error(sums, clipped_sums(gradients, off)) > 50 * EXACT


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(4, 5, batch_first=True),
        nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), nn.Tanh()),
    ],
    ids=["LSTM alone", "transformer layer alone", "weight norm alone", "weight norm inside"],
)
def test_models_whose_outermost_module_needs_more_than_a_rule(model: nn.Module) -> None:
    torch.manual_seed(0)
    drawn = Drawn(model, (torch.randn(5, 3, 4),))
    for physical in (2, 5):
        found = compared(drawn, clipping="per-layer", physical=physical)
        assert found.error < EXACT + 4 * found.rounding
