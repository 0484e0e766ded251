# SPDX-License-Identifier: Apache-2.0
"""A classifier of several modalities: each is asked, and weighed by how uncertain it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from polyveil.errors import UsageError
from polyveil.inputs import FrontEnd
from polyveil.learn.outcome import TrainReport
from polyveil.learn.result_folder import load_weights
from polyveil.models.calibrated_fusion import CalibratedFusion
from polyveil.models.multimodal import MultimodalClassifier, MultimodalConfig
from polyveil.models.uncertainty import HybridUncertainty
from polyveil.records.record import Record
from polyveil.tasks.classifier_files import FACTS, SCHEMA, Fitted
from polyveil.tasks.predicting.answer import Answer, Opinion
from polyveil.tasks.predicting.classifier import Reading
from polyveil.tasks.reading import read_inputs

_ITS_OWN = (
    "The network itself puts its modalities together; they were not calibrated. Weights by "
    "uncertainty need labelled records that it was not trained on (validation)."
)


@dataclass(frozen=True, slots=True)
class ModalityClassifier:
    """See `polyveil.tasks.predicting.classifier.Classifier`.

    Attributes:
      report: of the run.
      ends: modality -> how it is read, in the network's order.
      model: in evaluation mode.
      fitted: weights by uncertainty and what they were chosen on; None: the network's own way.
    """

    report: TrainReport
    ends: Mapping[str, FrontEnd]
    model: MultimodalClassifier = field(repr=False)
    fitted: Fitted | None = None

    @staticmethod
    def of(folder: Path, report: TrainReport) -> ModalityClassifier:
        """That of a run.

        Raises:
          UsageError: `classifier.json` is missing, damaged, or of another version.
          WeightsError: the weights are missing, damaged, or of another network.
        """
        try:
            facts = json.loads((folder / FACTS).read_text("utf-8"))
            if facts["schema"] != SCHEMA:
                raise ValueError(facts["schema"])
            ends = {name: FrontEnd.from_json(one) for name, one in facts["inputs"].items()}
            config = MultimodalConfig.from_json(facts["config"])
            fitted = None if facts.get("fusion") is None else Fitted.from_json(facts["fusion"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(
                f"run: {FACTS} is missing, damaged or of another version; expected {SCHEMA}."
            ) from None
        network = MultimodalClassifier(config)
        load_weights(network, folder / report.models[0].file)
        return ModalityClassifier(report, ends, network, fitted)

    @property
    def weighing(self) -> str:
        """See `Classifier`."""
        if self.fitted is not None:
            return self.fitted.sentence
        return _ITS_OWN if len(self.ends) > 1 else ""

    def read(self, record: Record) -> Reading:
        """See `Classifier`."""
        return read_inputs(record, self.ends)

    def answers(self, readings: Sequence[Reading]) -> list[Answer]:
        """See `Classifier`."""
        alone, present, together = self.asked(readings)
        if self.fitted is None:
            return [
                _answer(tuple(self.ends), together[row], alone[:, row], present[:, row])
                for row in range(len(readings))
            ]
        fusion = self.fitted.fusion
        warm = fusion.calibration.apply(alone, present)
        weights, answers = fusion.rule.weights(warm, present), fusion.rule.predict(warm, present)
        unsure = (
            fusion.rule.uncertainty(warm, present)
            if isinstance(fusion.rule, HybridUncertainty) and not math.isinf(fusion.rule.tau)
            else None
        )
        return [
            _answer(
                tuple(self.ends),
                answers[row],
                warm[:, row],
                present[:, row],
                weights[:, row],
                None if unsure is None else unsure[:, row],
            )
            for row in range(len(readings))
        ]

    def fit(
        self,
        rule: str,
        alone: NDArray[np.float64],
        present: NDArray[np.bool_],
        labels: NDArray[np.int64],
    ) -> ModalityClassifier:
        """The same with temperatures and weights chosen on records that it was not trained on.

        Args:
          rule: see `CalibratedFusion`.
          alone, present: what `asked` gives of the records.
          labels: int64 [records], index into the classes.

        Raises:
          UsageError: no such rule, or too few records.
        """
        fusion = CalibratedFusion.fit(rule, tuple(self.ends), alone, labels, present)
        return replace(self, fitted=Fitted(fusion, len(labels)))

    @torch.no_grad()
    def asked(
        self, readings: Sequence[Reading]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
        """Probabilities [modalities, records, classes], present [modalities, records], together.

        Of a few records at once; not yet calibrated.
        """
        present = np.array([[name in one for one in readings] for name in self.ends], dtype=bool)
        inputs = {
            name: torch.from_numpy(
                np.stack([one.get(name, np.zeros(end.shape, np.float32)) for one in readings])
            )
            for name, end in self.ends.items()
        }
        logits = self.model.by_modality(inputs)
        together = self.model.together(logits, torch.from_numpy(present.T))
        return (
            softmax(logits.double().numpy(), axis=-1),
            present,
            softmax(together.double().numpy(), axis=-1),
        )


def _answer(
    names: tuple[str, ...],
    answer: NDArray[np.float64],
    alone: NDArray[np.float64],
    present: NDArray[np.bool_],
    weights: NDArray[np.float64] | None = None,
    unsure: NDArray[np.float64] | None = None,
) -> Answer:
    by = {
        name: Opinion(
            alone[at],
            None if weights is None else float(weights[at]),
            None if unsure is None else float(unsure[at]),
        )
        for at, name in enumerate(names)
        if present[at]
    }
    return Answer(answer, by)
