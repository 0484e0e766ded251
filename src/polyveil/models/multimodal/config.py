# SPDX-License-Identifier: Apache-2.0
"""The whole classifier of several modalities as public facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyveil.errors import UsageError
from polyveil.models import checks

HEADS = ("shared", "concatenation", "separate")
VECTORS = ("hidden", "linear", "fixed")
KINDS = {1: "vector", 2: "sequence", 3: "picture"}


@dataclass(frozen=True, slots=True)
class ModalityInput:
    """Name and shape of one modality; checked on construction.

    Attributes:
      name: what it is called among the inputs, an identifier such as "voice".
      shape: of a record: (channels, height, width) of a picture or spectrogram, (steps, features)
        of a sequence, or (features,) of a vector. Values about 1 large, by fixed constants.
    """

    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError(f"name: {self.name!r}; expected an identifier such as 'voice'.")
        if len(self.shape) not in KINDS:
            raise UsageError(
                f"{self.name}: shape {self.shape!r}; expected (channels, height, width), "
                "(steps, features) or (features,)."
            )
        for size in self.shape:
            checks.at_least(f"{self.name}: shape", size, 1)

    @property
    def kind(self) -> str:
        """ "picture", "sequence" or "vector"."""
        return KINDS[len(self.shape)]


@dataclass(frozen=True, slots=True)
class MultimodalConfig:
    """Parts and sizes of the network; checked on construction.

    Attributes:
      inputs: one or more modalities of different names; their order is that of columns in masks.
      classes: number of classes, >= 2.
      head: "shared" (one layer reads every modality's features; together: the mean of logits),
        "concatenation" (one layer over all features side by side; together: the sum of its parts)
        or "separate" (a layer a modality; together: the mean of logits).
      width: number of features of every modality.
      channels: of a convolution encoder's first and of its later stages, multiples of 8.
      vectors: encoder of vectors: "hidden" (two layers), "linear" (one), or "fixed" (drawn once and
        never learned, so that a budget is spent on the head alone).
    """

    inputs: tuple[ModalityInput, ...]
    classes: int
    head: str = "shared"
    width: int = 64
    channels: tuple[int, int] = (16, 32)
    vectors: str = "hidden"

    def __post_init__(self) -> None:
        if not self.inputs or len(set(self.names)) < len(self.names):
            raise UsageError(f"inputs: {self.names}; expected one or more of different names.")
        checks.at_least("classes", self.classes, 2)
        checks.at_least("width", self.width, 1)
        checks.one_of("head", self.head, HEADS)
        checks.one_of("vectors", self.vectors, VECTORS)
        if len(self.channels) != 2 or any(one < 1 or one % 8 for one in self.channels):
            raise UsageError(f"channels: {self.channels}; expected two multiples of 8.")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the modalities, in order."""
        return tuple(one.name for one in self.inputs)

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal configuration."""
        return {
            "inputs": {one.name: list(one.shape) for one in self.inputs},
            "classes": self.classes,
            "head": self.head,
            "width": self.width,
            "channels": list(self.channels),
            "vectors": self.vectors,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MultimodalConfig:
        """What `to_json` wrote.

        Raises:
          UsageError: a field is missing, unknown or out of range.
        """
        try:
            inputs = tuple(
                ModalityInput(name, tuple(shape)) for name, shape in values["inputs"].items()
            )
            rest = {key: value for key, value in values.items() if key != "inputs"}
            return cls(inputs, **(rest | {"channels": tuple(values["channels"])}))
        except (KeyError, TypeError, AttributeError) as problem:
            raise UsageError(
                f"multimodal configuration: {problem}; expected inputs, classes, head, width and "
                "channels, as to_json() writes them."
            ) from problem
