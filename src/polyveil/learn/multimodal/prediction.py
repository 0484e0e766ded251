# SPDX-License-Identifier: Apache-2.0
"""What a trained classifier answers: by each modality and by all together, for whoever fuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.models.multimodal import MultimodalClassifier

Logits: TypeAlias = NDArray[np.float32]
AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers about some records.

    Attributes:
      modalities: names, in order.
      by_modality: logits [modalities, records, classes]; meaningless where a record lacks it.
      together: logits [records, classes] of the modalities that are there.
      present: bool [records, modalities].
      labels: int64 [records].
    """

    modalities: tuple[str, ...]
    by_modality: Logits = field(repr=False)
    together: Logits = field(repr=False)
    present: NDArray[np.bool_] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Share of records whose class is the first guess of all together."""
        return float((self.together.argmax(1) == self.labels).mean())

    @property
    def accuracies(self) -> dict[str, float]:
        """Modality -> the same by it alone, over the records that have it; NaN if none has."""
        found = {}
        for at, name in enumerate(self.modalities):
            has = self.present[:, at]
            right = self.by_modality[at].argmax(1)[has] == self.labels[has]
            found[name] = float(right.mean()) if has.any() else float("nan")
        return found


@torch.no_grad()
def predict(model: MultimodalClassifier, data: Multimodal) -> Predicted:
    """Answers in evaluation mode; the model is left in it.

    Raises:
      UsageError: other modalities than the model's, or another order.
    """
    if tuple(data.inputs) != model.config.names:
        raise UsageError(
            f"records: modalities {', '.join(data.inputs)}; this model expects "
            f"{', '.join(model.config.names)}, in this order."
        )
    model.eval()
    device = next(model.parameters()).device
    alone, together = [], []
    for start in range(0, len(data), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        inputs = {
            name: torch.from_numpy(values[rows]).to(device) for name, values in data.inputs.items()
        }
        logits = model.by_modality(inputs)
        present = torch.from_numpy(data.present[rows]).to(device)
        alone.append(logits.cpu())
        together.append(model.together(logits, present).cpu())
    return Predicted(
        modalities=model.config.names,
        by_modality=torch.cat(alone, 1).numpy(),
        together=torch.cat(together).numpy(),
        present=data.present,
        labels=data.labels,
    )
