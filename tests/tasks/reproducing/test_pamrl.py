# SPDX-License-Identifier: Apache-2.0
"""What a table says of its data set: which records lack a modality."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from polyveil.tasks.reproducing import pamrl


def test_modalities_that_records_lack_are_counted(tmp_path: Path) -> None:
    """A table of voices, beside which there are next to no frames, must not hide it."""
    for name in ("AudioWAV", "frames"):
        (tmp_path / name).mkdir()
    wave = 0.2 * np.sin(np.arange(12_000) / 11.0)
    for actor in (1001, 1002):
        path = tmp_path / "AudioWAV" / f"{actor}_DFA_ANG_XX.wav"
        soundfile.write(path, wave, 16_000, subtype="PCM_16")
    grey = np.full((48, 64, 3), 128, np.uint8)  # of nobody, so that it is refused
    cv2.imwrite(str(tmp_path / "frames" / "1003_DFA_ANG_XX.jpg"), grey)
    found = pamrl.corpus(tmp_path)
    (said,) = found.lacking
    assert said.startswith("2 of 2 records have no image:") and len(found.records.refused) == 1
