# SPDX-License-Identifier: Apache-2.0
"""Groups of keys: at most which hand and row, never which letter.

How long a key is held depends on where it lies, so a recogniser of typists gains from knowing
something about the key. But a trace of key codes is the text itself, and even groups give words
away to whoever knows the language. So no group is told by default. Measured on sentences of 1,000
typists, words guessed from the groups by the frequencies of words and of pairs of words in other
sentences, and the equal error rate of a simple comparison of typists:

    groups      words, alone      words, in pairs      equal error rate
    none              -                 -                   0.138
    hands            38 %              50 %                 0.127
    rows             71 %              76 %                 0.158

Who knows all sentences that may have been typed finds 97 % of their words by hands alone.
Codes are those of `KeyboardEvent.keyCode`, hands those of a QWERTY typist.

Source: https://www.w3.org/TR/uievents/#legacy-key-models
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS: dict[str, tuple[str, ...]] = {
    "none": (),
    "hands": ("QWERTASDFGZXCVB", "YUIOPHJKLNM"),
    "rows": ("QWERT", "ASDFG", "ZXCVB", "YUIOP", "HJKL", "NM"),
}
"""How finely letters are told apart -> their groups."""

_SPACE, _CORRECTIONS = 32, (8, 46)
_CODES = 256


def groups(level: str) -> int:
    """How many groups a level has: the letters', then space, corrections, every other key."""
    return 1 if level == "none" else len(LEVELS[level]) + 3


def one_hot(codes: NDArray[np.float32], level: str) -> NDArray[np.float32]:
    """Key codes (steps,) -> float32 (steps, groups(level)), one 1 a row."""
    count = groups(level)
    table = np.full(_CODES + 1, count - 1)
    if level != "none":
        for group, letters in enumerate(LEVELS[level]):
            table[[ord(letter) for letter in letters]] = group
        table[_SPACE] = count - 3
        table[list(_CORRECTIONS)] = count - 2
    whole = np.where((codes >= 0) & (codes < _CODES), codes, _CODES).astype(np.int64)
    rows: NDArray[np.float32] = np.eye(count, dtype=np.float32)[table[whole]]
    return rows
