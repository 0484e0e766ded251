# SPDX-License-Identifier: Apache-2.0
"""Attacks on desensitized data: who is recognised in it, by face, by words, by what was kept.

Everything is measured on a pair of folders, the original beside what is to be released:

    attack_pair(FolderPair.of(original, released)).results
"""

from polyveil.attack.people.battery import (
    DISCLOSED,
    UNTRIED,
    Audited,
    attack_pair,
    attacks,
    least_seconds,
)
from polyveil.attack.people.observation import Observations, observe
from polyveil.attack.people.pair import FolderPair, Link
from polyveil.attack.people.recogniser import (
    Function,
    LocalPatterns,
    OnnxRecogniser,
    Plugged,
    Recogniser,
)

__all__ = [
    "DISCLOSED",
    "UNTRIED",
    "Audited",
    "FolderPair",
    "Function",
    "Link",
    "LocalPatterns",
    "Observations",
    "OnnxRecogniser",
    "Plugged",
    "Recogniser",
    "attack_pair",
    "attacks",
    "least_seconds",
    "observe",
]
