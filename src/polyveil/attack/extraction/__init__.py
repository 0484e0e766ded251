# SPDX-License-Identifier: Apache-2.0
"""Extraction of a model by asking it: agreement of the copy, beside the thief's own labels."""

from polyveil.attack.extraction.answers import Answers
from polyveil.attack.extraction.theft import Extraction

__all__ = ["Answers", "Extraction"]
