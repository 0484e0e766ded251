# SPDX-License-Identifier: Apache-2.0
"""A classifier of pictures, of one network or of two that are fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from polyveil.errors import UnreadableRecord
from polyveil.learn.labelled import as_shape
from polyveil.learn.outcome import TrainReport
from polyveil.learn.result_folder import load_weights
from polyveil.learn.views import scaled
from polyveil.models.fusion import fuse, inverse_error_weights, variance_weights
from polyveil.models.registry import build
from polyveil.records.picture import decode
from polyveil.records.record import Record
from polyveil.tasks.predicting.answer import Answer, Opinion
from polyveil.tasks.predicting.classifier import Reading

_PIXELS = "image"


@dataclass(frozen=True, slots=True)
class PictureClassifier:
    """See `polyveil.tasks.predicting.classifier.Classifier`.

    Attributes:
      report: of the run.
      models: one, or two, in evaluation mode.
    """

    report: TrainReport
    models: tuple[nn.Module, ...] = field(repr=False)

    @staticmethod
    def of(folder: Path, report: TrainReport) -> PictureClassifier:
        """That of a run.

        Raises:
          WeightsError: weights are missing, damaged, or of another network.
        """
        classes, shape = len(report.data.classes), report.data.shape
        channels, height, width = shape
        return PictureClassifier(
            report,
            tuple(
                load_weights(
                    build(one.name, (channels, height, width), classes, **one.options),
                    folder / one.file,
                )
                for one in report.models
            ),
        )

    @property
    def weighing(self) -> str:
        """See `Classifier`."""
        method = self._method
        return "" if method is None else f"Two networks are fused by {method}."

    def read(self, record: Record) -> Reading:
        """See `Classifier`."""
        if record.image is None:
            raise UnreadableRecord("record: no picture; expected one.")
        channels, height, width = self.report.data.shape
        size = (self.report.settings.get("data") or {}).get("size")
        pixels = as_shape(decode(record.image).pixels, (channels, height, width), size=size)
        return {_PIXELS: scaled(torch.from_numpy(pixels)).numpy()}

    @torch.no_grad()
    def answers(self, readings: Sequence[Reading]) -> list[Answer]:
        """See `Classifier`."""
        inputs = torch.from_numpy(np.stack([one[_PIXELS] for one in readings]))
        each = np.stack([softmax(one(inputs).double().numpy(), axis=-1) for one in self.models])
        if len(each) == 1:
            return [Answer(row) for row in each[0]]
        weights = self._weights(each)
        together = fuse(each, weights)
        names = [f"{one.name} {at}" for at, one in enumerate(self.report.models, start=1)]
        return [
            Answer(
                together[row],
                {
                    name: Opinion(each[at, row], float(weights[at, row]))
                    for at, name in enumerate(names)
                },
            )
            for row in range(len(readings))
        ]

    @property
    def _method(self) -> str | None:
        fusion = self.report.settings.get("fusion")
        return None if fusion is None else str(fusion["method"])

    def _weights(self, each: NDArray[np.float64]) -> NDArray[np.float64]:
        """[models, records]; by error as the run told it, so that nothing is read again."""
        if self._method == "variance":
            return variance_weights(each)
        shares = np.full(len(each), 1 / len(each))
        if self._method == "inverse error":
            held_out = self.report.data.held_out
            right = [one.history[-1].top1 or 0.0 for one in self.report.models]
            wrong = [round((1 - share) * held_out) for share in right]
            shares = inverse_error_weights(wrong, of=held_out)
        return np.repeat(shares[:, None], each.shape[1], axis=1)
