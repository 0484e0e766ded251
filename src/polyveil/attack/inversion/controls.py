# SPDX-License-Identifier: Apache-2.0
"""The same decoder on an embedding that hides nothing, and on one that tells nothing.

The first must be inverted, or the decoder inverts nothing; the second must not be, or the figures
are made of something else than the embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from polyveil.attack.inversion.decoder import Decoder, Pairs, Trained
from polyveil.attack.inversion.evidence import Health
from polyveil.attack.inversion.prior import Directions


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of the attacker's records: to learn from, and held out to choose and stop by."""

    learn: Tensor
    held: Tensor

    def fit(self, decoder: Decoder, pairs: Pairs, *, seed: int) -> Trained:
        """The decoder, trained on one part and chosen by the other."""
        return decoder.fit(pairs.at(self.learn), pairs.at(self.held), seed=seed)


def health(
    chosen: Decoder,
    fitted: Mapping[Decoder, Trained],
    pairs: Pairs,
    parts: Parts,
    victims: int,
    *,
    seed: int,
) -> Health:
    """Of the chosen decoder, beside all that were fitted; `victims`: how many to draw noise for."""
    learned, held = pairs.at(parts.learn), pairs.at(parts.held)
    draw = torch.Generator().manual_seed(seed + 1)
    size = pairs.seen.shape[1]
    clear = Directions.of(learned.original.flatten(1), min(size, len(parts.learn) - 1))
    coordinates = clear.coordinates(pairs.original.flatten(1))
    turn = torch.linalg.qr(torch.randn(len(clear.scales), len(clear.scales), generator=draw))[0]
    plain = parts.fit(chosen, Pairs(coordinates @ turn, pairs.original), seed=seed)
    # What a projection of this size keeps at best, and no decoder can exceed.
    kept = clear.record(coordinates[parts.held]).reshape(held.original.shape)
    noise = torch.randn(len(pairs.seen), size, generator=draw)
    deaf = parts.fit(chosen, Pairs(noise, pairs.original), seed=seed)
    return Health(
        errors={one.name: way.errors for one, way in fitted.items()},
        converged={one.name: way.converged for one, way in fitted.items()},
        held_error=fitted[chosen].error,
        held_mean_error=_error(held.original, learned.original.mean(0)),
        clear_error=plain.error,
        clear_best=_error(held.original, kept),
        null=deaf.reconstruct(torch.randn(victims, size, generator=draw)).numpy(),
    )


def _error(original: Tensor, guess: Tensor) -> float:
    return float((original - guess).square().mean())
