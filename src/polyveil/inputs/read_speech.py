# SPDX-License-Identifier: Apache-2.0
"""How people read aloud, and how prosody that is no reading differs from it.

A voice that is not moved varies, too: most of all by how high it is, which is the speaker's, then
by how lively its melody is. Figures that are told from the mean of read speech, and less along the
axes on which it varies most, leave more room to what is unusual, such as feelings. Within a budget
room is what counts: every record's figures are clipped and noised as a whole.

Mean and axes are of 449 stretches of LibriSpeech, read aloud by 178 people
(`training/read_speech_axes.py`): nothing is learned from a data set that is protected. That three
axes are held back, and by how much, was chosen on validation actors of EMO-DB.

Source: Panayotov et al., LibriSpeech, ICASSP 2015 (CC BY 4.0); the idea is that of nuisance
attribute projection, Solomonoff et al., ICASSP 2005, here in part
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GAIN = 1.6
"""Puts figures back to about the size that they had."""

MEAN = (
    0.084, 0.407, -0.099, -0.09, 0.004, 0.055, 0.404, -0.006, 0.212, 0.164, 0.037, 0.357, 0.067,
    0.186, 0.34, -0.026, -0.107, -0.103, 0.03, 0.004, -0.061, -0.133, 0.066, -0.334, -0.01,
    -0.705, -0.041, 0.083,
)  # fmt: skip
"""Of the prosodic figures, weighted for feelings and bounded by tanh."""
AXES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (
        0.293,
        (
            0.527, 0.159, 0.122, 0.482, 0.16, 0.179, 0.554, -0.001, 0.148, 0.044, 0.019,
            0.06, 0.006, 0.087, 0.117, -0.009, -0.003, -0.111, 0.093, -0.039, -0.025,
            0.059, 0.023, -0.087, 0.01, 0.009, 0.011, 0.016,
        ),
    ),
    (
        0.212,
        (
            -0.187, 0.38, -0.119, -0.313, -0.091, -0.033, 0.192, 0.002, 0.371, 0.164,
            0.025, -0.129, 0.019, 0.275, 0.343, -0.029, 0.015, 0.077, -0.154, 0.048, 0,
            -0.159, -0.004, -0.357, -0.114, 0.029, 0.289, -0.055,
        ),
    ),
    (
        0.189,
        (
            0.114, -0.275, 0.091, 0.186, 0.044, 0.014, -0.152, -0.021, -0.294, -0.12,
            -0.029, 0.273, -0.027, 0.491, -0.079, 0.092, 0.081, 0.345, -0.218, 0.089,
            0.079, -0.08, 0.019, -0.267, -0.107, 0.127, 0.342, -0.011,
        ),
    ),
)  # fmt: skip
"""Share that is taken away, 1 - (1 + v / v of the first) ** -.5 with v the variance of read speech
along it, and direction: how high a voice is; how much its pitch moves; how much of it is voiced.
"""


def unlike(figures: NDArray[np.floating]) -> NDArray[np.float32]:
    """Prosodic figures as they differ from read speech.

    Args:
      figures: (28,), in the order of `polyveil.inputs.prosody.FIGURES`, weighted for feelings.

    Returns:
      float32 (28,), finite, of about the same size.
    """
    found = np.tanh(np.asarray(figures, dtype=np.float64)) - np.array(MEAN)
    axes = np.array([axis for _, axis in AXES])
    less = np.array([share for share, _ in AXES])
    return np.asarray(GAIN * (found - (axes @ found * less) @ axes), dtype=np.float32)
