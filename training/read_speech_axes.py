# SPDX-License-Identifier: Apache-2.0
"""Along what read speech varies: prints the table of `polyveil.inputs.read_speech`.

    POLYVEIL_DATA=... python training/read_speech_axes.py

From LibriSpeech alone (pack voice_librispeech, CC BY 4.0, Panayotov et al., ICASSP 2015; 178
speakers who read aloud): mean of the prosodic figures as emphasis "feeling" shows them, bounded,
over stretches of 2.5 s, two of each recording; and the axes of largest variance. Rounded to three
digits. An axis points to where its largest figure grows.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from polyveil.inputs.prosody import FEELING_WEIGHTS, prosody

STRETCH, LEAST = 40_000, 30_000
"""Samples at 16 kHz: 2.5 s, and the shortest that counts."""
HELD_BACK = 3
"""Axes that are held back."""


def main() -> None:
    """Prints the table."""
    folder = Path(os.environ["POLYVEIL_DATA"]) / "voice_librispeech" / "dev"
    found = []
    for path in sorted(folder.rglob("*.flac")):
        samples, _ = soundfile.read(path)
        stretches = (samples[at * STRETCH : (at + 1) * STRETCH] for at in range(2))
        found += [prosody(one) for one in stretches if len(one) > LEAST]
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
