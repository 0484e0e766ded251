# SPDX-License-Identifier: Apache-2.0
"""Encoding pixels, and only pixels, in the format that the picture came in.

The encoder is handed an array, so there is nothing that it could copy along: no EXIF, XMP, ICC,
comment, thumbnail or bytes behind the end marker. Values are sRGB, which is what a viewer assumes
of a picture without a profile.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from polyveil.errors import UsageError
from polyveil.records.picture import SUFFIXES

_OPTIONS: dict[str, dict[str, Any]] = {
    # 4:4:4: halved colour smears the border between a stand-in and its surroundings.
    "JPEG": {"quality": 92, "subsampling": 0},
    "PNG": {"compress_level": 6},
    "WEBP": {"quality": 92, "method": 4},
    "GIF": {},
    "TIFF": {"compression": "tiff_lzw"},
    "BMP": {},
    "AVIF": {"quality": 85, "speed": 8},
}
_LONGEST = {"WEBP": 16_383, "JPEG": 65_500, "GIF": 65_500, "AVIF": 16_384}


def written_as(pixels: NDArray[np.uint8], form: str) -> str:
    """The format that `encode` writes: the wished one, or PNG where that cannot hold them."""
    if form not in _OPTIONS:
        raise UsageError(f"export: format {form}; expected one of {', '.join(_OPTIONS)}.")
    if form == "AVIF" and not features.check("avif"):
        return "PNG"
    return form if max(pixels.shape[:2]) <= _LONGEST.get(form, 1 << 30) else "PNG"


def suffix(form: str) -> str:
    """The suffix of files of a format, e.g. ".jpg"."""
    return SUFFIXES[form]


def encode(pixels: NDArray[np.uint8], form: str) -> bytes:
    """The encoded picture.

    Args:
      pixels: uint8 (height, width, 3) RGB or (height, width) grey, sRGB.
      form: what `written_as` returned for them.

    Raises:
      TypeError: the array has another type or shape.
    """
    is_picture = (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.size > 0
        and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3))
    )
    if not is_picture:
        kind, shape = getattr(pixels, "dtype", type(pixels)), getattr(pixels, "shape", ())
        raise TypeError(f"export: expected uint8 pixels (height, width[, 3]), got {kind} {shape}.")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, form, **_OPTIONS[form])
    return buffer.getvalue()
