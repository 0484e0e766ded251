# SPDX-License-Identifier: Apache-2.0
"""Stretches of LibriSpeech (pack voice_librispeech, CC BY 4.0, Panayotov et al., ICASSP 2015).

178 speakers who read aloud: how speech lies before anything is known of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

STRETCH, LEAST = 40_000, 30_000
"""Samples at 16 kHz: 2.5 s, and the shortest that counts."""


def stretches() -> Iterator[np.ndarray]:
    """Two of each recording, from its beginning."""
    folder = Path(os.environ["POLYVEIL_DATA"]) / "voice_librispeech" / "dev"
    for path in sorted(folder.rglob("*.flac")):
        samples, _ = soundfile.read(path)
        for at in range(2):
            one = samples[at * STRETCH : (at + 1) * STRETCH]
            if len(one) > LEAST:
                yield one
