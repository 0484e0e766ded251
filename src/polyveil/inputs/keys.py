# SPDX-License-Identifier: Apache-2.0
"""Groups of keys: which hand, not which letter.

How long a key is held depends on where it lies, so a recogniser of typists wants to know something
about the key. But a trace of key codes is the text itself. So keys are told apart by groups only.
Even groups give words away: see `docs/records.md` for how many an attacker guesses.

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
