# SPDX-License-Identifier: Apache-2.0
"""Classifying records of several modalities, together or by any one of them alone."""

from polyveil.models.multimodal.classifier import MultimodalClassifier
from polyveil.models.multimodal.config import ModalityInput, MultimodalConfig
from polyveil.models.multimodal.head import Head

__all__ = ["Head", "ModalityInput", "MultimodalClassifier", "MultimodalConfig"]
