# SPDX-License-Identifier: Apache-2.0
"""Where speech lies: prints `PLACES` of `polyveil.inputs.timbre`, from LibriSpeech alone.

    POLYVEIL_DATA=... python training/timbre_figures.py

Median and standard deviation of every figure over stretches of 2.5 s, two of each recording of the
pack voice_librispeech (CC BY 4.0, Panayotov et al., ICASSP 2015), rounded to three digits.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from polyveil.inputs.timbre import NAMES, raw

STRETCH, LEAST = 40_000, 30_000
"""Samples at 16 kHz: 2.5 s, and the shortest that counts."""


def main() -> None:
    """Prints a line for each figure."""
    folder = Path(os.environ["POLYVEIL_DATA"]) / "voice_librispeech" / "dev"
    found = []
    for path in sorted(folder.rglob("*.flac")):
        samples, _ = soundfile.read(path)
        stretches = (samples[at * STRETCH : (at + 1) * STRETCH] for at in range(2))
        found += [raw(one) for one in stretches if len(one) > LEAST]
    figures = np.stack([one for one in found if one is not None])
    print(f"# {len(figures)} stretches")
    for name, centre, spread in zip(
        NAMES, np.median(figures, axis=0), figures.std(axis=0), strict=True
    ):
        print(f"    ({centre:.3g}, {spread:.3g}),  # {name}")


if __name__ == "__main__":
    main()
