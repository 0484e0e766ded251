# SPDX-License-Identifier: Apache-2.0
"""The recognisers of the table of recognition, one a row, and how they answer.

How much each modality counts in the fusion is fitted on development pairings, for every row in the
same way, late fusion too.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from _chimeric_sets import Set
from _recogniser_recipe import MODALITIES, VARIANTS
from _recogniser_training import train, weigh
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.recognize.chimeric import Pairing, Part

USERS = 20
DEVELOPMENT = (1000, 1001)
WEIGHTS = (0.35, 0.6, 1.0, 1.7, 2.8)
LATE = "late fusion of unimodal models"
ROWS = (*VARIANTS, *(f"{name} alone" for name in MODALITIES), LATE)
Inputs = dict[str, Tensor]


class LateFusion(nn.Module):
    """Independently trained unimodal networks; log-probabilities summed with weights."""

    def __init__(
        self, parts: Mapping[str, MultimodalRecogniser], weights: Mapping[str, float]
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({f"of_{name}": part for name, part in parts.items()})
        self.weights = dict(weights)

    def forward(self, inputs: Mapping[str, Tensor]) -> Any:
        logits = {
            name: self.parts[f"of_{name}"]({name: x}).logits.log_softmax(1)
            for name, x in inputs.items()
        }
        return Logits(sum(self.weights[name] * found for name, found in logits.items()))


class Logits:
    """What attacks read of an answer."""

    def __init__(self, logits: Any) -> None:
        self.logits = logits


def system(
    one: Set, pairing: Pairing, row: str, weights: Mapping[str, float], part: Part = "evaluation"
) -> nn.Module:
    """The trained recogniser of a row."""
    seed = pairing.seed
    if row == LATE:
        return LateFusion(
            {name: train(one, pairing, part=part, only=(name,), seed=seed) for name in MODALITIES},
            weights,
        ).eval()
    if row.endswith(" alone"):
        return train(one, pairing, part=part, only=(row.removesuffix(" alone"),), seed=seed)
    return weigh(train(one, pairing, part=part, variant=row, seed=seed), weights)


def probes(one: Set, pairing: Pairing, part: Part) -> tuple[Inputs, NDArray[np.int64]]:
    """Inputs and users of a part's probe records."""
    records = pairing.records(part, "probe")
    return {k: torch.from_numpy(x) for k, x in records.take(one.arrays).items()}, records.users


def answers(model: nn.Module, row: str, inputs: Inputs) -> NDArray[np.int64]:
    """One answer a record, of a code that is sampled once."""
    known = {k: x for k, x in inputs.items() if not row.endswith("alone") or row.startswith(k)}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        return np.asarray(model(known).logits.argmax(1))


def fitted(one: Set, row: str) -> dict[str, float]:
    """How much each modality counts: best of a grid on development pairings."""
    equal = dict.fromkeys(MODALITIES, 1.0)
    if row.endswith(" alone"):
        return equal
    pairings = [Pairing.draw(one.sources, seed=seed, most=USERS) for seed in DEVELOPMENT]
    tried = [dict(zip(MODALITIES, found, strict=True)) for found in grid()]
    totals = np.zeros(len(tried))
    for pairing in pairings:
        model = system(one, pairing, row, equal, "development")
        inputs, users = probes(one, pairing, "development")
        totals += [score(found, users) for found in _by_weights(model, inputs, tried)]
    best = np.flatnonzero(totals >= totals.max() - 1e-9)
    # Ties go to what is nearest to equal weights.
    return tried[min(best, key=lambda i: sum(abs(np.log(list(tried[i].values())))))]


def grid() -> list[tuple[float, float, float]]:
    """Weights of face, voice and behaviour; only their ratios matter."""
    return [(face, voice, 1.0) for face, voice in itertools.product(WEIGHTS, WEIGHTS)]


def _by_weights(
    model: nn.Module, inputs: Inputs, tried: list[dict[str, float]]
) -> list[NDArray[np.int64]]:
    """Answers under each choice of weights; codes are sampled once."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        if isinstance(model, LateFusion):
            logits = {
                n: model.parts[f"of_{n}"]({n: x}).logits.log_softmax(1) for n, x in inputs.items()
            }
            return [
                np.asarray(sum(w[n] * found for n, found in logits.items()).argmax(1))
                for w in tried
            ]
        assert isinstance(model, MultimodalRecogniser)
        found = model(inputs).embeddings
        results = []
        for weights in tried:
            weigh(model, weights)
            results.append(np.asarray(model.head(model.fusion(found)).argmax(1)))
            weigh(model, {name: 1 / value for name, value in weights.items()})
        return results


def score(found: NDArray[np.int64], users: NDArray[np.int64]) -> float:
    """Accuracy, every user the same weight."""
    right = found == users
    return float(np.mean([right[users == user].mean() for user in np.unique(users)]))
