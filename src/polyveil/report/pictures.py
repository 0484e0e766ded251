# SPDX-License-Identifier: Apache-2.0
"""Before/after pairs for the page: small copies made from pixels, within one byte budget.

Re-encoding drops whatever the original file carried (GPS, thumbnails, comments). Pairs that no
longer fit are counted, not silently dropped.
"""

from __future__ import annotations

import base64
import difflib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageOps

from polyveil.report.facts import Pair

SIDE = 720
QUALITY = 78
LETTERS = 1500
MOST = 40
BUDGET = 4_000_000
"""Characters of base64 on one page: leaves a million for everything else of the 5 MB."""

_FORMATS = ("JPEG", "PNG", "WEBP")
_PIXELS = 80_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text; `changed` where the other side reads differently."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One pair as the template draws it; `before` and `after` are data URLs or empty."""

    record_id: str
    before: str = field(repr=False)
    after: str = field(repr=False)
    width: int
    height: int
    text_before: tuple[Run, ...] = field(repr=False)
    text_after: tuple[Run, ...] = field(repr=False)


def shown_pairs(pairs: Sequence[Pair], *, budget: int = BUDGET) -> tuple[tuple[Shown, ...], int]:
    """The pairs that fit, and how many did not fit or could not be decoded."""
    shown: list[Shown] = []
    spent = 0
    for pair in pairs[:MOST]:
        one = _shown(pair)
        if one is None:
            continue
        size = len(one.before) + len(one.after)
        if spent + size <= budget:
            shown.append(one)
            spent += size
    return tuple(shown), len(pairs) - len(shown)


def _shown(pair: Pair) -> Shown | None:
    try:
        before = _small(pair.before) if pair.before else None
        after = _small(pair.after) if pair.after else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if before and after and before.size != after.size:
        after = after.resize(before.size, Image.Resampling.LANCZOS)
    picture = before or after
    width, height = picture.size if picture else (0, 0)
    old, new = _differences(_cut(pair.text_before), _cut(pair.text_after))
    return Shown(pair.record_id, _url(before), _url(after), width, height, old, new)


def _small(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        if picture.width * picture.height > _PIXELS:
            raise ValueError(f"expected at most {_PIXELS} pixels.")
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return upright


def _url(picture: Image.Image | None) -> str:
    if picture is None:
        return ""
    stream = io.BytesIO()
    bare = Image.frombytes("RGB", picture.size, picture.tobytes())
    bare.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else text[:LETTERS] + " …"


def _differences(before: str, after: str) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    old, new = re.findall(r"\w+|\s+|[^\w\s]", before), re.findall(r"\w+|\s+|[^\w\s]", after)
    left: list[Run] = []
    right: list[Run] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if b > a:
            left.append(Run("".join(old[a:b]), tag != "equal"))
        if d > c:
            right.append(Run("".join(new[c:d]), tag != "equal"))
    return tuple(left), tuple(right)
