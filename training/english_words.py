# SPDX-License-Identifier: Apache-2.0
"""Makes src/polyveil/detect/wordlists/english.txt.xz: the words of English that are no names.

Command: python training/english_words.py /usr/share/dict/american-english

The input is Debian's package `wamerican` 2020.12.07-2, made from SCOWL (copyright 2000-2011 Kevin
Atkinson; free to use, copy, modify, distribute with its notice, which `english.LICENSE` carries).
Kept are the words in lower-case ASCII, inflections included; capitalised ones are names mostly.
"""

from __future__ import annotations

import lzma
import re
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src" / "polyveil" / "detect" / "wordlists"
_WORD = re.compile("[a-z]{2,24}")


def main() -> None:
    """Writes the list and prints its size."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/dict/american-english")
    found = sorted(set(filter(_WORD.fullmatch, source.read_text("utf-8").split())))
    target = TARGET / "english.txt.xz"
    packed = lzma.compress("\n".join(found).encode(), preset=9 | lzma.PRESET_EXTREME)
    target.write_bytes(packed)
    print(len(found), "words,", target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
