# SPDX-License-Identifier: Apache-2.0
"""Embeddings that the benchmark of inversion attacks, fitted on records and with noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion.encoder import Embed
from polyveil.attack.inversion.prior import Directions

SIZE = 32
"""Numbers in an embedding."""


def joined(inputs: Inputs) -> Tensor:
    """All modalities in a row, (n, d)."""
    return torch.cat([values.flatten(1) for values in inputs.values()], 1)


def pca(fitted: Examples, size: int) -> Embed:
    """Coordinates along principal directions, each of deviation 1."""
    directions = Directions.of(joined(fitted.inputs), size)
    return lambda inputs: directions.coordinates(joined(inputs))


def learned(fitted: Examples, size: int) -> Embed:
    """The last hidden layer of a perceptron that tells the classes apart."""
    torch.manual_seed(0)
    wide = joined(fitted.inputs).shape[1]
    body = nn.Sequential(nn.Linear(wide, 128), nn.GELU(), nn.Linear(128, size))
    head = nn.Sequential(nn.GELU(), nn.Linear(size, int(fitted.labels.max()) + 1))
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-3)
    for _ in range(12 if len(fitted) > 1000 else 60):
        for rows in torch.randperm(len(fitted)).split(32):
            batch = fitted.at(rows)
            optimiser.zero_grad()
            logits = head(body(joined(batch.inputs)))
            functional.cross_entropy(logits, batch.labels).backward()
            optimiser.step()
    return lambda inputs: body(joined(inputs)).detach()


def variational(fitted: Examples, size: int) -> Embed:
    """The sampled latent of a small variational auto-encoder: random by itself."""
    torch.manual_seed(0)
    wide = joined(fitted.inputs).shape[1]
    body = nn.Sequential(nn.Linear(wide, 128), nn.GELU(), nn.Linear(128, 2 * size))
    back = nn.Sequential(nn.Linear(size, 128), nn.GELU(), nn.Linear(128, wide))
    optimiser = torch.optim.Adam([*body.parameters(), *back.parameters()], 1e-3)

    def latent(values: Tensor) -> tuple[Tensor, Tensor]:
        mean, log = body(values).chunk(2, 1)
        return mean + torch.randn_like(mean) * log.exp(), (
            mean.square() + (2 * log).exp() - 2 * log - 1
        ).sum(1) / 2

    for _ in range(12 if len(fitted) > 1000 else 100):
        for rows in torch.randperm(len(fitted)).split(32):
            values = joined(fitted.at(rows).inputs)
            optimiser.zero_grad()
            code, cost = latent(values)
            # Pixels with deviation 0.2: the usual weight of grey pictures in [0, 1].
            ((back(code) - values).square().sum(1) / 0.08 + cost).mean().backward()
            optimiser.step()
    return lambda inputs: latent(joined(inputs))[0].detach()


def noised(embed: Embed, fitted: Examples, noise: float) -> Embed:
    """Normal noise on every coordinate, in its standard deviations."""
    deviation = embed(fitted.inputs).std(0)
    if noise == 0:
        return embed

    def defended(inputs: Inputs) -> Tensor:
        clean = embed(inputs)
        return clean + noise * deviation * torch.randn_like(clean)

    return defended


LAST, LATENT = "classifier's last hidden layer", "variational latent"
EMBEDDINGS: dict[str, Callable[[Examples, int], Embed]] = {
    "PCA": pca,
    LAST: learned,
    LATENT: variational,
}
