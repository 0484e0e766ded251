# SPDX-License-Identifier: Apache-2.0
"""One training step under polyveil.learn.PrivateTraining, for the same race as `_peers`.

The data set is the batch itself and the sampling rate 1, so that every step takes the whole of it;
the copy that draws the records is part of our time, though not of the peers'.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from _networks import example
from _peers import CLIP, NOISE, RATE, Maker, Step
from polyveil.learn import PrivateTraining
from polyveil.learn.threshold import PrivateQuantile

STEPS = 100_000
PIECE = 32


def private(
    model: nn.Module, batch: int, *, clipping: str, fixed: bool = False, piece: int | None = None
) -> Step:
    """Our engine on the whole batch, or in physical batches of `piece` records."""
    device = str(next(model.parameters()).device)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    engine = PrivateTraining(
        model,
        optimizer,
        example("any", batch, device),
        batch_size=batch,
        epochs=STEPS,
        noise_multiplier=NOISE,
        delta=1e-5,
        clipping=clipping,
        thresholds=CLIP if fixed else PrivateQuantile(),
        physical_batch=piece or batch,
    )
    batches = engine.batches()
    pieces = -(-batch // (piece or batch))

    def step(inputs: Tensor, labels: Tensor) -> None:
        for _ in range(pieces):
            drawn, classes = next(batches)
            engine.backward(functional.cross_entropy(model(drawn), classes, reduction="none"))
        optimizer.step()
        optimizer.zero_grad()

    return step


def plain_in_pieces(model: nn.Module, batch: int) -> Step:
    """Ordinary training that accumulates gradients over as many physical batches."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def step(inputs: Tensor, labels: Tensor) -> None:
        for some, classes in zip(inputs.split(PIECE), labels.split(PIECE), strict=True):
            (functional.cross_entropy(model(some), classes, reduction="sum") / batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


OURS: dict[str, Maker] = {
    "polyveil per-layer, quantiles": partial(private, clipping="per-layer"),
    "polyveil flat, fixed": partial(private, clipping="flat", fixed=True),
}
# Their own rows: in small physical batches, against plain with the same split, too.
SPLIT: dict[str, Maker] = {
    f"plain, pieces of {PIECE}": plain_in_pieces,
    f"polyveil per-layer, pieces of {PIECE}": partial(private, clipping="per-layer", piece=PIECE),
}
