# SPDX-License-Identifier: Apache-2.0
"""Any function, plugin or file is a recogniser; what is none says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_people import face

from polyveil import _weights
from polyveil.attack.people.recogniser import (
    Function,
    LocalPatterns,
    OnnxRecogniser,
    Plugged,
    Recogniser,
    coloured,
)
from polyveil.errors import UsageError
from polyveil.records.finding import Face

PIXELS = np.random.default_rng(0).integers(0, 256, (120, 100, 3)).astype(np.uint8)


class Embedder:
    name, threshold = "mine", 0.5

    def embed(self, pixels: np.ndarray, faces: list[Face]) -> np.ndarray:
        assert pixels.ndim == 3
        return np.stack([pixels[:8, :8].ravel().astype(np.float32) for _ in faces])


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0]])
@pytest.mark.parametrize(
    "recogniser",
    [LocalPatterns(), Plugged(Embedder()), Function("f", lambda pixels, face: pixels[0].ravel())],
)
def test_vectors_have_length_one(recogniser: Recogniser, pixels: np.ndarray) -> None:
    vector = recogniser.describe(pixels, face())
    assert vector.dtype == np.float32 and np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)
    assert recogniser.name


def test_a_file_that_is_no_recogniser_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        OnnxRecogniser(tmp_path / "none.onnx").describe(PIXELS, face())
    with pytest.raises(UsageError, match="expected \\[3, 112, 112\\]"):
        OnnxRecogniser(_weights.checked("landmarks.onnx")).describe(PIXELS, face())
    assert coloured(PIXELS[..., 0]).shape == PIXELS.shape
