# SPDX-License-Identifier: Apache-2.0
"""Nothing but pixels leaves: no canary in any byte, no block that could hold one."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import canaries
import numpy as np
import pytest
from canaries import CANARY, MAKERS
from PIL import ExifTags, Image

from polyveil.errors import UsageError
from polyveil.export.encode import encode, suffix, written_as
from polyveil.records.picture import decode, sniff


def through(form: str) -> bytes:
    picture = decode(MAKERS[form]())
    assert picture.format == form
    return encode(picture.pixels, written_as(picture.pixels, form))


def holds_canary(data: bytes) -> bool:
    """Literally, in UTF-16, or in anything that inflates."""
    plain = CANARY in data or CANARY.decode().encode("utf-16-le") in data
    return plain or any(CANARY in body for body in _inflated(data))


def _inflated(data: bytes) -> Iterator[bytes]:
    for start in range(len(data) - 1):
        if data[start] == 0x78:
            try:
                yield zlib.decompressobj().decompress(data[start:], 1 << 20)
            except zlib.error:
                continue


@pytest.mark.parametrize("form", MAKERS)
def test_the_alarm_works(form: str) -> None:
    assert holds_canary(MAKERS[form]())


def test_the_thumbnail_alarm_works() -> None:
    tags = Image.open(io.BytesIO(MAKERS["JPEG"]())).getexif()
    assert tags.get_ifd(ExifTags.IFD.IFD1)[0x0202] > 100
    assert tags.get_ifd(0x8825)[27] == CANARY
    assert CANARY in tags.get_ifd(0x8769)[0x927C]


@pytest.mark.parametrize("form", MAKERS)
def test_no_canary_survives(form: str) -> None:
    data = through(form)
    assert not holds_canary(data)
    again = Image.open(io.BytesIO(data))
    again.load()
    # A TIFF is made of tags; those it may have are counted below.
    assert form == "TIFF" or not dict(again.getexif())
    assert not {"exif", "xmp", "icc_profile", "comment", "photoshop", "XML:com.adobe.xmp"} & set(
        again.info
    )


@pytest.mark.parametrize("form", MAKERS)
def test_no_canary_is_logged_or_printed(
    form: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    through(form)
    printed = "".join(capfd.readouterr())
    assert CANARY.decode() not in caplog.text + printed
    assert not caplog.records


@pytest.mark.parametrize("form", MAKERS)
def test_pixels_are_the_same_to_the_eye(form: str) -> None:
    before, after = decode(MAKERS[form]()), decode(through(form))
    assert after.format == form
    assert before.pixels.shape == after.pixels.shape
    difference = np.abs(before.pixels.astype(int) - after.pixels).mean()
    assert difference < (12 if form == "GIF" else 4)


def test_a_png_holds_pixels_and_ends_at_its_end() -> None:
    data, at, kinds = through("PNG"), 8, []
    while at < len(data):
        length = struct.unpack_from(">I", data, at)[0]
        kinds.append(data[at + 4 : at + 8])
        at += 12 + length
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
    assert kinds[-1] == b"IEND"
    assert at == len(data)


def test_a_jpeg_holds_pixels_and_ends_at_its_end() -> None:
    data, at, markers = through("JPEG"), 2, []
    while data[at + 1] != 0xDA:
        markers.append(data[at + 1])
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    # JFIF header, tables, frame: no APP1 to APP15, no comment.
    assert set(markers) <= {0xE0, 0xDB, 0xC0, 0xC2, 0xC4, 0xDD}
    assert data.index(b"\xff\xd9", at) == len(data) - 2


def test_a_webp_holds_pixels_only() -> None:
    data = through("WEBP")
    assert data[12:16] == b"VP8 "
    assert len(data) == 8 + struct.unpack_from("<I", data, 4)[0]


def test_a_gif_ends_at_its_end_and_has_no_comment() -> None:
    data = through("GIF")
    assert data.endswith(b";")
    assert b"!\xfe" not in data[:900]


def test_a_tiff_has_only_tags_of_its_pixels() -> None:
    tags = set(Image.open(io.BytesIO(through("TIFF"))).tag_v2)  # type: ignore[attr-defined]
    assert tags <= {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 339}


@pytest.mark.parametrize("form", MAKERS)
def test_grey_stays_grey(form: str) -> None:
    grey = np.asarray(canaries.photo().convert("L"))
    assert decode(encode(grey, form)).pixels.shape[:2] == grey.shape
    assert sniff(encode(grey, form)) == form
    assert suffix(form).startswith(".")


def test_too_large_for_its_format_becomes_png() -> None:
    long = np.zeros((2, 16_500, 3), np.uint8)
    assert written_as(long, "WEBP") == "PNG"
    assert written_as(long, "JPEG") == "JPEG"
    with pytest.raises(UsageError, match="HEIC"):
        written_as(long, "HEIC")


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        Image.new("RGB", (4, 4)),
        None,
    ],
)
def test_only_pixels_are_taken(pixels: object) -> None:
    with pytest.raises(TypeError, match="expected uint8 pixels"):
        encode(pixels, "PNG")  # type: ignore[arg-type]
