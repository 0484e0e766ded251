# SPDX-License-Identifier: Apache-2.0
"""Makes golden_mel.json: what librosa says of sounds that anybody can make again.

    python tests/inputs/golden_mel.py    # needs librosa; was run with 0.11.0

librosa's own frames are centred and padded, so its parts are used on frames without padding:
`librosa.filters.mel` (HTK scale, no area norm), `librosa.stft(center=False)`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PLACE = Path(__file__).with_suffix(".json")
RATE, WINDOW, HOP, POINTS = 16_000, 400, 160, 512


def sounds() -> dict[str, NDArray[np.float32]]:
    """Half a second of noise, and a rising tone with its overtones."""
    time = np.arange(RATE // 2) / RATE
    noise = np.random.default_rng(7).normal(0, 0.1, len(time))
    sweep = sum(np.sin(2 * np.pi * n * (120 * time + 90 * time**2)) / n for n in range(1, 20))
    return {"noise": noise.astype(np.float32), "sweep": (0.1 * sweep).astype(np.float32)}


def main() -> None:
    import librosa

    entry = {"librosa": librosa.__version__}
    for mels in (40, 64):
        filters = librosa.filters.mel(
            sr=RATE, n_fft=POINTS, n_mels=mels, fmin=20.0, fmax=7600.0, htk=True, norm=None,
            dtype=np.float64,
        )  # fmt: skip
        for name, samples in sounds().items():
            # Ours fills each frame up behind its end, librosa on both sides: the same energies.
            spectrum = librosa.stft(
                np.pad(samples.astype(np.float64), (POINTS - WINDOW) // 2), n_fft=POINTS,
                hop_length=HOP, win_length=WINDOW, window="hann", center=False,
            )  # fmt: skip
            energy = (filters @ np.abs(spectrum) ** 2).T
            entry[f"{name}-{mels}"] = [[float(f"{cell:.7g}") for cell in row] for row in energy[:6]]
    PLACE.write_text(json.dumps(entry) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
