# SPDX-License-Identifier: Apache-2.0
"""Recognising people without keeping what they look or sound like.

Embeddings of any encoder come in as arrays; what is kept are keyed, revocable templates. Decisions
are open-set: "unknown" is an answer, at a stated rate of false accepts.
"""

from polyveil.recognize.centre import Centre
from polyveil.recognize.decision import (
    Decider,
    Identified,
    NotEnrolled,
    Rejected,
    Unknown,
    Verified,
)
from polyveil.recognize.estimate import TooFew
from polyveil.recognize.fusion import Fusion
from polyveil.recognize.gallery import Entry, Gallery
from polyveil.recognize.normalise import Cohort, Normalisation
from polyveil.recognize.recognizer import Recognizer
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.scoring import Comparison
from polyveil.recognize.template import Template, compare, new_enrolment, protect, template_secret
from polyveil.recognize.threshold import Threshold
from polyveil.recognize.trials import Split, Trials

__all__ = [
    "Centre",
    "Cohort",
    "Comparison",
    "Decider",
    "Entry",
    "Fusion",
    "Gallery",
    "Identified",
    "Normalisation",
    "NotEnrolled",
    "Recognizer",
    "Rejected",
    "Scheme",
    "Split",
    "Template",
    "Threshold",
    "TooFew",
    "Trials",
    "Unknown",
    "Verified",
    "compare",
    "new_enrolment",
    "protect",
    "template_secret",
]
