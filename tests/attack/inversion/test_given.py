# SPDX-License-Identifier: Apache-2.0
"""A decoder that was handed over: it starts where it stands, and is left as it was."""

from __future__ import annotations

import torch
from torch import nn

from polyveil.attack.inversion.decoder import Pairs, Ridge
from polyveil.attack.inversion.given import Corrected, Given
from polyveil.attack.inversion.network import Perceptron, Schedule

SHORT = Schedule(epochs=3, rate=1e-4)


class Squared(nn.Module):
    """A way back that no linear decoder finds: x = (W z)²."""

    def __init__(self) -> None:
        super().__init__()
        self.way = nn.Linear(6, 20, bias=False)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.way(code.flatten(1)).square().reshape(-1, 1, 4, 5)


def pairs(count: int = 60, seed: int = 0) -> tuple[Squared, Pairs, Pairs]:
    torch.manual_seed(seed)
    way = Squared()
    seen = 1 + 3 * torch.randn(count, 6)
    with torch.no_grad():
        original = way(seen.reshape(-1, 2, 3))
    whole = Pairs(seen, original)
    return way, whole.at(torch.arange(count // 2)), whole.at(torch.arange(count // 2, count))


def test_the_right_decoder_rebuilds_at_once_what_others_cannot_learn() -> None:
    way, known, held = pairs()
    own = Given(way, (2, 3), (1, 4, 5), SHORT).fit(known, held, seed=0)
    mean = float((held.original - known.original.mean(0)).square().mean())
    assert own.error < 0.01 * mean
    assert Ridge().fit(known, held, seed=0).error > 0.3 * mean
    assert Perceptron(16, SHORT).fit(known, held, seed=0).error > 0.3 * mean
    rebuilt = own.reconstruct(held.seen)
    assert rebuilt.shape == held.original.shape
    assert float((rebuilt - held.original).square().mean()) < 0.01 * mean


def test_what_was_handed_over_is_left_as_it_was() -> None:
    way, known, held = pairs()
    way.requires_grad_(False)
    before = way.way.weight.clone()
    state = torch.random.get_rng_state()
    Given(way, (2, 3), (1, 4, 5), SHORT).fit(known, held, seed=0)
    assert torch.equal(before, way.way.weight)
    assert not way.way.weight.requires_grad
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_embedding_of_another_size_is_fitted_too() -> None:
    way, known, held = pairs()
    short = [Pairs(one.seen[:, :4], one.original) for one in (known, held)]
    fitted = Given(way, (2, 3), (1, 4, 5), SHORT).fit(*short, seed=0)
    assert fitted.reconstruct(short[1].seen).shape == held.original.shape


def test_it_suits_its_own_shape_alone() -> None:
    given = Given(Squared(), (2, 3), (1, 4, 5))
    assert given.suits((1, 4, 5))
    assert not given.suits((1, 5, 4))


def test_what_the_right_decoder_misses_by_a_line_is_corrected() -> None:
    way, known, held = pairs()
    tilt = torch.randn(6, 20)
    tilted = [
        Pairs(one.seen, one.original + (one.seen @ tilt).reshape(-1, 1, 4, 5) - 3)
        for one in (known, held)
    ]
    found = Corrected(Given(way, (2, 3), (1, 4, 5))).fit(*tilted, seed=0)
    mean = float((tilted[1].original - tilted[0].original.mean(0)).square().mean())
    assert found.error < 1e-3 * mean
    assert Ridge().fit(*tilted, seed=0).error > 0.1 * mean
    rebuilt = found.reconstruct(held.seen)
    assert float((rebuilt - tilted[1].original).square().mean()) < 1e-3 * mean


def test_a_useless_decoder_corrected_is_about_as_good_as_ridge() -> None:
    _, known, held = pairs(400)
    silent = nn.Sequential(nn.Flatten(), nn.Linear(6, 20), nn.Unflatten(1, (1, 4, 5)))
    found = Corrected(Given(silent, (2, 3), (1, 4, 5))).fit(known, held, seed=0)
    assert found.error < 1.05 * Ridge().fit(known, held, seed=0).error
    short = [Pairs(one.seen[:, :4], one.original) for one in (known, held)]
    other = Corrected(Given(silent, (2, 3), (1, 4, 5))).fit(*short, seed=0)
    assert other.error == Ridge().fit(*short, seed=0).error
