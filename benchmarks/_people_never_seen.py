# SPDX-License-Identifier: Apache-2.0
"""Chimeric users whom no recogniser was trained on: PAIRINGS pairings, embedded.

Recognisers are trained on background users alone, RECOGNISERS of them on as many pairings of the
background; each serves an equal share of the pairings. ORL's pictures are embedded by the
recognisers that were trained on LFW's background: another camera, nothing tuned for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from _biometrics import Embedded
from _chimeric_sets import Set, load
from _recogniser_embeddings import embedded
from _recogniser_training import train
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.recognize.chimeric import Pairing

PAIRINGS, RECOGNISERS = 20, 4
TRAINED_ON = "lfw"
SETS = ("lfw", "orl")


def recogniser(number: int, of: int = RECOGNISERS) -> tuple[Pairing, MultimodalRecogniser]:
    """The recogniser that serves the pairing of that number, and the pairing it was trained on."""
    one = load(TRAINED_ON)
    pairing = Pairing.draw(one.sources, seed=number % of)
    return pairing, train(one, pairing, part="background", seed=number % of)


def people(
    name: str, *, pairings: int = PAIRINGS, strengths: Sequence[float] = ()
) -> Iterator[Embedded]:
    """Pairing after pairing of the set of that name."""
    torch.set_num_threads(1)
    one: Set = load(name)
    for number in range(pairings):
        _, system = recogniser(number)
        pairing = Pairing.draw(one.sources, seed=number)
        yield embedded(one, pairing, system, strengths=strengths)
