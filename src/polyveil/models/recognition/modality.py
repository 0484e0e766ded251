# SPDX-License-Identifier: Apache-2.0
"""One kind of input that a person is recognised by: a picture, a spectrogram, a sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from polyveil.errors import UsageError
from polyveil.models import checks


@dataclass(frozen=True, slots=True)
class Modality:
    """Name and shape of a modality; public facts, checked on construction.

    Attributes:
      name: what it is called among the inputs, an identifier such as "face".
      shape: of a record: (channels, height, width) of a picture or spectrogram, or (steps,
        features) of a sequence. Shorter sequences are padded by zeros by whoever reads them.
      spread: standard deviation of what its autoencoder may miss, in units of the input, > 0. It
        weighs the modality's reconstruction; 0.1 suits inputs in [0, 1], about 0.5 standardised
        ones.
    """

    name: str
    shape: tuple[int, ...]
    spread: float = 0.1

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError(f"name: {self.name!r}; expected an identifier such as 'face'.")
        if len(self.shape) not in (2, 3):
            raise UsageError(
                f"{self.name}: shape {self.shape!r}; expected (channels, height, width) or "
                "(steps, features)."
            )
        for size in self.shape:
            checks.at_least(f"{self.name}: shape", size, 1)
        if not (math.isfinite(self.spread) and self.spread > 0):
            raise UsageError(f"{self.name}: spread {self.spread!r}; expected a number > 0.")


def slot(name: str) -> str:
    """Under what name a ModuleDict holds a modality's part: "keys" or "type" alone would clash."""
    return f"of_{name}"
