# SPDX-License-Identifier: Apache-2.0
"""Where speech lies: prints `PLACES` of `polyveil.inputs.timbre`, from LibriSpeech alone.

    POLYVEIL_DATA=... python training/timbre_figures.py

Median and standard deviation of every figure over stretches of 2.5 s, two of each recording of the
pack voice_librispeech (CC BY 4.0, Panayotov et al., ICASSP 2015), rounded to three digits.
"""

from __future__ import annotations

import numpy as np

from _read_speech import stretches
from polyveil.inputs.timbre import NAMES, raw


def main() -> None:
    """Prints a line for each figure."""
    found = [raw(one) for one in stretches()]
    figures = np.stack([one for one in found if one is not None])
    print(f"# {len(figures)} stretches")
    for name, centre, spread in zip(
        NAMES, np.median(figures, axis=0), figures.std(axis=0), strict=True
    ):
        print(f"    ({centre:.3g}, {spread:.3g}),  # {name}")


if __name__ == "__main__":
    main()
