# SPDX-License-Identifier: Apache-2.0
"""Along what read speech varies: prints the table of `polyveil.inputs.read_speech`.

    POLYVEIL_DATA=... python training/read_speech_axes.py

From LibriSpeech alone (pack voice_librispeech, CC BY 4.0, Panayotov et al., ICASSP 2015; 178
speakers who read aloud): mean of the prosodic figures as emphasis "feeling" shows them, bounded,
over stretches of 2.5 s, two of each recording; and the axes of largest variance. Rounded to three
digits. An axis points to where its largest figure grows.
"""

from __future__ import annotations

import numpy as np

from _read_speech import stretches
from polyveil.inputs.prosody import FEELING_WEIGHTS, prosody

HELD_BACK = 3
"""Axes that are held back."""


def main() -> None:
    """Prints the table."""
    found = [prosody(one) for one in stretches()]
    shown = np.tanh(np.stack(found) * FEELING_WEIGHTS)
    variance, axes = np.linalg.eigh(np.cov(shown.T))
    print(f"# {len(found)} stretches")
    print(f"MEAN = {_told(shown.mean(axis=0))}")
    print("AXES = (")
    for at in range(1, HELD_BACK + 1):
        axis, share = axes[:, -at], variance[-at] / variance[-1]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        print(f"    ({1 - 1 / np.sqrt(1 + share):.3f}, {_told(axis)}),")
    print(")")


def _told(values: np.ndarray) -> str:
    return f"({', '.join(f'{value:.3f}' for value in values)})"


if __name__ == "__main__":
    main()
