# SPDX-License-Identifier: Apache-2.0
"""One cell of a table: a method, a budget and a seed, trained and measured with every fusion.

Training records fit the network, validation records everything that is chosen afterwards
(temperatures, fusion weights), test records nothing. Validation labels are read as they are: where
they are private, what follows from them is covered by no promise, and the result says so.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    Joint,
    Late,
    Method,
    Modulated,
    Options,
    Predicted,
    predict,
    train,
)
from polyveil.models.calibrated_fusion import CalibratedFusion
from polyveil.models.class_metrics import class_metrics
from polyveil.models.reliability import confidences, equal_width
from polyveil.models.uncertainty import HybridUncertainty

METHODS: Mapping[str, Method] = {
    "alternating": Alternating(),
    "alternating, no projection": Alternating(projection=None),
    "joint": Joint(),
    "late fusion": Late(),
    "OGM-GE": Modulated(),
}
"""As rows of a table name them; all trained with the same options."""

FUSIONS = {
    "hybrid": "hybrid",
    "entropy": "entropy",
    "divergence": "kl",
    "mean": "mean",
    "learned": "learned",
}
"""Name in a table -> of the rule, see `CalibratedFusion`."""
CHOSEN = "hybrid"
"""Whose metrics stand in the table; of the others, accuracy and calibration error beside it."""
PLAIN = "hybrid, not calibrated"
NETWORK = "network"
"""The two answers that need no temperatures."""
BINNED = (CHOSEN, PLAIN, NETWORK)
"""Whose reliability is kept."""
FORM = "polyveil.cells/2"
"""Of what `Scored.to_json` writes: cells of another form are not read."""

NOT_COVERED = "temperatures and fusion weights, which are chosen on validation labels"


class Parts(Protocol):
    """One data set, split."""

    @property
    def name(self) -> str:
        """Of the set."""

    @property
    def train(self) -> Multimodal:
        """Fits networks."""

    @property
    def validation(self) -> Multimodal:
        """Chooses everything else."""

    @property
    def test(self) -> Multimodal:
        """Measured on, once."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is trained.

    Attributes:
      set: name of the data set.
      method: a key of `METHODS`.
      epsilon: of the record-level budget; None for no promise.
      seed: of the split, the first weights and the order of records; noise has a secret of its own.
    """

    set: str
    method: str
    epsilon: float | None
    seed: int

    @property
    def name(self) -> str:
        """Unique in a table, for people."""
        budget = "no privacy" if self.epsilon is None else f"ε = {self.epsilon:g}"
        return f"{self.set}, {self.method}, {budget}, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of it; JSON values throughout.

    Attributes:
      cell: what was trained.
      guarantee: of the training, as `Guarantee.to_json`; None with `reason`.
      reason: why there is none; "" with one.
      remarks: what has to be told with the figures.
      metrics: fusion -> figures of `ClassMetrics.to_json`; "network" is the network's own fusion.
      alone: modality -> accuracy by it alone.
      chosen: fusion -> what validation records chose, see `CalibratedFusion.to_json`.
      commonest: accuracy of always naming the class that most training records have.
      bins: fusion -> its reliability on test records, fields of `Bin`; of those in `BINNED`.
      seconds: of training.
      records: trained, validated and tested on.
    """

    cell: Cell
    guarantee: Mapping[str, Any] | None
    reason: str
    remarks: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, Any]]
    alone: Mapping[str, float]
    chosen: Mapping[str, Any]
    commonest: float
    bins: Mapping[str, tuple[Mapping[str, float], ...]] = field(repr=False)
    seconds: float
    records: tuple[int, int, int]

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal value."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Scored:
        """What `to_json` wrote; raises KeyError or TypeError for anything else."""
        rest = dict(values)
        for name in ("remarks", "records"):
            rest[name] = tuple(rest[name])
        rest["bins"] = {name: tuple(bins) for name, bins in rest["bins"].items()}
        return Scored(**{**rest, "cell": Cell(**rest["cell"])})


def carry_out(
    cell: Cell,
    parts: Parts,
    options: Options,
    network: Mapping[str, Any] | None = None,
    clipping: Literal["per-layer", "flat"] = "per-layer",
) -> Scored:
    """Trains and measures one cell.

    Args:
      options: how long and in what steps; its seed is replaced by the cell's, and a step has at
        most all records.
      network: sizes of `MultimodalConfig`, where they shall be others than its own.
      clipping: of each release, see `Budget`.

    Raises:
      NotPrivate: this budget cannot be met.
    """
    budget = None if cell.epsilon is None else Budget(epsilon=cell.epsilon, clipping=clipping)
    size = min(options.batch_size, len(parts.train))
    seeded = replace(options, seed=cell.seed, batch_size=size)
    # Equal for equal cells, so that a table can be made again; whoever releases a model draws one.
    secret = None if budget is None else hashlib.sha256(cell.name.encode()).digest()
    started = time.perf_counter()
    made = train(
        METHODS[cell.method], parts.train, seeded, budget=budget, network=network, secret=secret
    )
    seconds = time.perf_counter() - started
    validation, test = predict(made.model, parts.validation), predict(made.model, parts.test)
    answers, chosen = fused(validation, test)
    metrics = {name: class_metrics(values, test.labels) for name, values in answers.items()}
    bins = {name: equal_width(*confidences(answers[name], test.labels)) for name in BINNED}
    return Scored(
        cell=cell,
        guarantee=None if made.guarantee is None else made.guarantee.to_json(),
        reason=made.no_guarantee or "",
        remarks=(*made.remarks, f"Not covered: {NOT_COVERED}."),
        metrics={name: one.to_json() for name, one in metrics.items()},
        alone=test.accuracies,
        chosen=chosen,
        commonest=commonest(parts.train.labels, test.labels),
        bins={name: tuple(asdict(one) for one in some) for name, some in bins.items()},
        seconds=seconds,
        records=(len(parts.train), len(parts.validation), len(parts.test)),
    )


def commonest(train: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    """Accuracy on test labels of always naming the commonest one of training records."""
    return float((test == np.bincount(train).argmax()).mean())


def fused(
    validation: Predicted, test: Predicted
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    """(fusion -> test probabilities [records, classes], what validation records chose).

    Every modality is calibrated first, but for `NETWORK`, which is the network's own answer, and
    `PLAIN`.
    """
    labels, has, there = validation.labels, validation.present.T, test.present.T
    raw, asked = probabilities(validation), probabilities(test)
    rules = {
        name: CalibratedFusion.fit(rule, validation.modalities, raw, labels, has)
        for name, rule in FUSIONS.items()
    }
    answers = {name: rule.predict(asked, there) for name, rule in rules.items()}
    plain = HybridUncertainty.fit(raw, labels, has)
    answers[PLAIN] = plain.predict(asked, there)
    answers[NETWORK] = np.asarray(softmax(test.together.astype(np.float64), axis=-1))
    return answers, {name: rule.to_json() for name, rule in rules.items()}


def probabilities(predicted: Predicted) -> NDArray[np.float64]:
    """[modalities, records, classes]."""
    return np.asarray(softmax(predicted.by_modality.astype(np.float64), axis=-1))
