# SPDX-License-Identifier: Apache-2.0
"""Decoding a picture that may be hostile into upright 8-bit pixels, and nothing but pixels.

A decoder is the widest door of the house: it parses bytes that strangers wrote. So the format is
decided by the first bytes against an allow-list and Pillow is held to that one format, size is
read from the header and checked before a single pixel is decoded, and whatever a decoder throws
becomes one UnreadableRecord that quotes neither names nor bytes.

| What came                   | What is returned                                             |
|-----------------------------|--------------------------------------------------------------|
| EXIF orientation 1 to 8     | the upright picture                                          |
| broken or foreign EXIF      | the picture as stored                                        |
| transparency of any sort    | flattened on white; colours hidden under it do not survive   |
| CMYK, YCbCr, palette        | RGB; through the embedded ICC profile where it can be read   |
| 16-bit, 1-bit, grey palette | 8-bit grey                                                   |
| several frames or pages     | refused by name; of a JPEG with a second picture, the first  |
| float pixels, LAB           | refused by name                                              |
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from polyveil import _validate
from polyveil.errors import UnreadableRecord
from polyveil.records.regular_file import read_bytes, read_file

SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "TIFF": ".tif",
    "BMP": ".bmp",
    "AVIF": ".avif",
}
"""Formats that are read, by Pillow's name -> the suffix that export gives them."""

# Pillow logs the values of tags it reads, names and places among them, to whoever listens.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_OPENERS = {name: (name,) for name in SUFFIXES} | {"JPEG": ("JPEG", "MPO")}
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")
_TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}
"""EXIF orientation -> upright view of the stored pixels."""

_ORIENTATION = 0x0112
_ICC_BYTES = 4 << 20
_STRIP = 256
"""Rows that are converted at a time: whole copies of a large picture would cost a gigabyte."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may cost. Public.

    Attributes:
      max_bytes: size of the encoded picture, bytes.
      max_pixels: width x height as the header states it; memory is at most about 16 bytes a pixel.
      max_side: the longer side, pixels.
      max_scans: mean number of times that a progressive JPEG may pass over max_pixels.
    """

    max_bytes: int = 64 << 20
    max_pixels: int = 40_000_000
    max_side: int = 30_000
    max_scans: int = 20

    def __post_init__(self) -> None:
        _validate.at_least(
            1,
            max_bytes=self.max_bytes,
            max_pixels=self.max_pixels,
            max_side=self.max_side,
            max_scans=self.max_scans,
        )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, upright, without metadata.

    Attributes:
      pixels: uint8 (height, width, 3) RGB or (height, width) grey, sRGB. Secret.
      format: Pillow's name of the format it came in, e.g. "JPEG".
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    format: str


def sniff(head: bytes) -> str | None:
    """The allowed format that these first bytes (16 are enough) announce; None for any other."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "TIFF"
    if head.startswith(b"BM"):
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    return None


def format_of(source: Path | bytes) -> str | None:
    """The allowed format of an encoded picture, from its first bytes only."""
    head = source[:16] if isinstance(source, bytes) else read_file(source, "picture", head=16)
    return sniff(head)


def decode(source: Path | bytes, *, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Upright pixels of an encoded picture.

    Args:
      source: a file, or its bytes.
      limits: checked against the file's size and the header before anything is decoded.

    Raises:
      UnreadableRecord: not an allowed format, beyond a limit, truncated, several frames, or the
        decoder failed in whatever way. The message holds no name and no content.
    """
    data = read_bytes(source, "picture", limit=limits.max_bytes)
    name = sniff(data[:16])
    if name is None:
        allowed = ", ".join(SUFFIXES)
        raise UnreadableRecord(
            f"picture: its first bytes announce no allowed format; expected one of {allowed}."
        )
    trouble = "unknown"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote the file; what matters raises
            return Picture(_pixels(data, name, limits), name)
    except UnreadableRecord:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise anything, from struct.error on
        trouble = type(error).__name__
    # Raised outside the handler: no traceback carries the decoder's own message along.
    raise UnreadableRecord(
        f"picture: the {name} decoder stopped with {trouble}; expected a whole, undamaged picture."
    )


def _pixels(data: bytes, name: str, limits: Limits) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=_OPENERS[name]) as image:
        _check_header(image, data, name, limits)
        image.load()
        stored = _stored(image)
        # After loading: a TIFF has then turned itself, a PNG has read its trailing EXIF chunk.
        turn = _TURNS.get(_orientation(image))
    return np.ascontiguousarray(turn(stored)) if turn else stored


def _stored(image: Image.Image) -> NDArray[np.uint8]:
    """8-bit pixels as stored, strip by strip."""
    width, height = image.size
    to_rgb = _profile(image)
    # Decided once: strips of a 16-bit picture may be dark, strips of a palette may use only greys.
    wide = image.mode.startswith("I") and image.getextrema()[1] > 255  # type: ignore[operator]
    grey = image.mode in {"1", "L", "LA", "La"} or image.mode.startswith("I") or _is_grey(image)
    pixels = np.empty((height, width) if grey else (height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        strip = _flatten(image.crop((0, top, width, bottom)))
        if strip.mode.startswith("I"):
            values = np.asarray(strip)
            pixels[top:bottom] = np.clip(values // 257 if wide else values, 0, 255)
        else:
            strip = strip if to_rgb is None else ImageCms.applyTransform(strip, to_rgb) or strip
            pixels[top:bottom] = np.asarray(strip.convert("L" if grey else "RGB"))
    return pixels


def _check_header(image: Image.Image, data: bytes, name: str, limits: Limits) -> None:
    width, height = image.size
    if min(width, height) < 1:
        raise UnreadableRecord(f"picture: {width} x {height} pixels; expected at least 1 x 1.")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise UnreadableRecord(
            f"picture: {width} x {height} pixels; expected at most {limits.max_pixels} pixels and "
            f"{limits.max_side} a side. Raise max_pixels if this is no decompression bomb."
        )
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise UnreadableRecord(
            f"picture: an animated or multi-page {name}; expected one frame. "
            "Split it into single pictures first."
        )
    if image.mode in {"F", "LAB"}:
        raise UnreadableRecord(
            f"picture: pixels of mode {image.mode}; expected 8 or 16 bits a channel, "
            "grey, RGB, palette or CMYK."
        )
    if name == "JPEG" and data.count(b"\xff\xda") * width * height > (
        limits.max_scans * limits.max_pixels
    ):
        raise UnreadableRecord("picture: a JPEG with an absurd number of scans; expected few.")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - EXIF is a second hostile parser; without it, as stored
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    """The picture on white where it is transparent: what hides under alpha is not released."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return flat.convert("RGB")


def _is_grey(image: Image.Image) -> bool:
    """Whether it is a palette of greys, none of which is transparent."""
    if image.mode != "P" or image.has_transparency_data:
        return False
    table = np.asarray(image.getpalette("RGB") or [0, 0, 1], dtype=np.uint8).reshape(-1, 3)
    return bool((table == table[:, :1]).all())


def _profile(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """What turns the picture into sRGB; None where it is that, or its profile cannot be used."""
    icc = image.info.get("icc_profile")
    mode = "RGB" if image.has_transparency_data else image.mode
    if not icc or len(icc) > _ICC_BYTES or mode not in {"RGB", "CMYK"}:
        return None
    if b"sRGB" in icc or "sRGB".encode("utf-16-be") in icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # noqa: BLE001 - a third hostile parser; colours may be off, nothing leaks
        return None
