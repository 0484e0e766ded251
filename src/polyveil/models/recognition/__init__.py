# SPDX-License-Identifier: Apache-2.0
"""Recognition of people from any subset of modalities, through a code that hides the input."""

from polyveil.models.recognition.config import RecogniserConfig
from polyveil.models.recognition.modality import Modality
from polyveil.models.recognition.system import Losses, MultimodalRecogniser, Recognised

__all__ = ["Losses", "Modality", "MultimodalRecogniser", "Recognised", "RecogniserConfig"]
