# SPDX-License-Identifier: Apache-2.0
"""Records of a run as attacks take them, and back as a training takes them.

Pictures alone become pixels from -1 to 1. Several modalities stay as they were read; which of them
a record has goes along as flags (`polyveil.attack.missing`), left out where nobody lacks anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from polyveil.attack.classifier import logits_of
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.missing import flag, there
from polyveil.learn.labelled import Labelled
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.views import scaled

IMAGE = "image"


def as_examples(data: Data, *, flags: bool = True) -> Examples:
    """Records as the network takes them.

    Args:
      flags: of records of several modalities, also say who has what.
    """
    labels = torch.from_numpy(data.labels)
    if isinstance(data, Labelled):
        return Examples({IMAGE: scaled(torch.from_numpy(data.images))}, labels)
    inputs = {name: torch.from_numpy(values) for name, values in data.inputs.items()}
    who = torch.from_numpy(data.present)
    if flags:
        inputs |= {flag(name): who[:, at].clone() for at, name in enumerate(data.inputs)}
    return Examples(inputs, labels)


def incomplete(parts: Iterable[Data]) -> int:
    """How many records lack a modality."""
    return sum(
        int((~part.present.all(axis=1)).sum()) for part in parts if isinstance(part, Multimodal)
    )


def as_data(examples: Examples, like: Data) -> Data:
    """Back to what a training reads.

    Args:
      like: records of the run; classes and readings are those of it.
    """
    labels = np.asarray(examples.labels)
    if isinstance(like, Labelled):
        # Exact for what `as_examples` made, rounded for anything else.
        pixels = examples.inputs[IMAGE].add(1.0).mul(127.5).round().clamp(0, 255)
        return Labelled(np.asarray(pixels.to(torch.uint8)), labels, like.classes)
    return replace(
        like,
        inputs={name: np.asarray(examples.inputs[name]) for name in like.inputs},
        present=np.asarray(_who(examples.inputs, tuple(like.inputs))),
        labels=labels,
        refused=(),
    )


@dataclass(frozen=True, slots=True)
class ByModality:
    """How a network is called that takes its modalities as a mapping, and a mask.

    Attributes:
      names: of the modalities, in the network's order.
    """

    names: tuple[str, ...]

    def __call__(self, module: nn.Module, inputs: Inputs) -> Tensor:
        """Logits; what a record lacks is masked out, as where the network is in use."""
        values = {name: inputs[name] for name in self.names}
        return logits_of(module(values, _who(inputs, self.names)))


def _who(inputs: Inputs, names: tuple[str, ...]) -> Tensor:
    """bool (records, modalities)."""
    columns = []
    for name in names:
        has = there(inputs, name)
        columns.append(torch.ones(len(inputs[name]), dtype=torch.bool) if has is None else has)
    return torch.stack(columns, 1)
