# SPDX-License-Identifier: Apache-2.0
"""Decoding: every orientation upright, every mode 8 bits, every limit before the decoder."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from polyveil.errors import UnreadableRecord
from polyveil.records import picture
from polyveil.records.picture import Limits, decode

Pixels = NDArray[np.uint8]

STORED: dict[int, Callable[[Pixels], Pixels]] = {
    # Upright picture -> what a camera stores with this orientation; from the EXIF 2.32 table.
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def blocks() -> Pixels:
    """Four colours, wider than high, no symmetry."""
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48], upright[:32, 48:] = (220, 30, 30), (30, 200, 30)
    upright[32:, :48], upright[32:, 48:] = (30, 30, 210), (230, 230, 40)
    return upright


def save(pixels: Pixels, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_comes_out_upright(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    got = decode(save(STORED[orientation](blocks()), form, exif=exif, quality=95)).pixels
    assert got.shape == blocks().shape
    assert np.abs(got.astype(int) - blocks()).mean() < 4


@pytest.mark.parametrize("exif", [b"Exif\0\0broken", b"", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_broken_exif_leaves_the_picture_as_stored(exif: bytes) -> None:
    got = decode(save(blocks(), "JPEG", exif=exif, quality=95)).pixels
    assert got.shape == blocks().shape


@pytest.mark.parametrize("form", picture.SUFFIXES)
def test_format_is_told(form: str) -> None:
    got = decode(save(blocks(), form))
    assert got.format == form
    assert got.pixels.dtype == np.uint8
    assert got.pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("mode", "form", "shape"),
    [
        ("1", "PNG", (8, 8)),
        ("L", "JPEG", (8, 8)),
        ("LA", "PNG", (8, 8)),
        ("P", "GIF", (8, 8, 3)),
        ("P", "PNG", (8, 8, 3)),
        ("RGBA", "PNG", (8, 8, 3)),
        ("RGBA", "WEBP", (8, 8, 3)),
        ("CMYK", "JPEG", (8, 8, 3)),
        ("CMYK", "TIFF", (8, 8, 3)),
        ("YCbCr", "JPEG", (8, 8, 3)),
        ("I;16", "PNG", (8, 8)),
        ("I;16", "TIFF", (8, 8)),
        ("I", "TIFF", (8, 8)),
    ],
)
def test_every_mode_becomes_eight_bit(mode: str, form: str, shape: tuple[int, ...]) -> None:
    source = Image.fromarray(blocks()).resize((8, 8)).convert("L" if mode[0] == "I" else "RGB")
    if mode == "I;16":
        source = Image.fromarray(np.asarray(source).astype(np.uint16) * 257)
    elif mode == "I":
        source = Image.fromarray(np.asarray(source).astype(np.int32) * 257)
    else:
        source = source.convert(mode)
    buffer = io.BytesIO()
    source.save(buffer, form)
    got = decode(buffer.getvalue()).pixels
    assert got.dtype == np.uint8
    assert got.shape == shape
    assert got.max() > 100
    assert got.min() < 120


def test_sixteen_bits_keep_their_brightness() -> None:
    wide = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    assert np.abs(decode(buffer.getvalue()).pixels.astype(int) - wide // 257).max() <= 1


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_what_hides_under_transparency_is_gone(form: str) -> None:
    layer = np.zeros((32, 32, 4), np.uint8)
    layer[..., :3] = np.random.default_rng(0).integers(0, 200, (32, 32, 3))
    options = {"exact": True, "lossless": True} if form == "WEBP" else {}
    got = decode(save(layer, form, **options)).pixels
    assert (got >= 254).all()


def test_transparent_colour_of_a_palette_is_white() -> None:
    for form in ("PNG", "GIF"):
        source = Image.fromarray(blocks()).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
        index = source.getpixel((0, 0))
        buffer = io.BytesIO()
        source.save(buffer, form, transparency=index)
        got = decode(buffer.getvalue()).pixels
        assert (got[0, 0] == 255).all()
        assert not (got[-1, -1] == 255).all()


def test_profile_is_applied_and_a_broken_one_is_not_fatal() -> None:
    pixels = blocks()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"sRGB", b"test").replace("sRGB".encode("utf-16-be"), b"t\0e\0s\0t\0")
    # Red and green primaries change places: a reader that drops the profile shows other colours.
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    mixed = bytearray(swapped)
    mixed[red : red + 4], mixed[green : green + 4] = b"gXYZ", b"rXYZ"
    got = decode(save(pixels, "PNG", icc_profile=bytes(mixed))).pixels
    assert got[0, 0, 1] > got[0, 0, 0]
    broken = decode(save(pixels, "PNG", icc_profile=b"no profile" * 20)).pixels
    assert (broken == pixels).all()


@pytest.mark.parametrize(
    "limits", [Limits(max_bytes=100), Limits(max_pixels=6143), Limits(max_side=95)]
)
def test_limits_are_named(limits: Limits) -> None:
    with pytest.raises(UnreadableRecord, match="expected at most"):
        decode(save(blocks(), "PNG"), limits=limits)


def test_limits_are_checked_on_construction() -> None:
    with pytest.raises(ValueError, match="max_pixels"):
        Limits(max_pixels=0)


def test_animation_is_refused_by_name() -> None:
    frames = [Image.fromarray(blocks()), Image.fromarray(blocks()[::-1])]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableRecord, match="animated or multi-page GIF"):
        decode(buffer.getvalue())


def test_of_a_jpeg_with_a_second_picture_the_first_is_read() -> None:
    frames = [Image.fromarray(blocks()), Image.fromarray(blocks()[::-1])]
    buffer = io.BytesIO()
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:], quality=95)
    got = decode(buffer.getvalue())
    assert got.format == "JPEG"
    assert np.abs(got.pixels.astype(int) - blocks()).mean() < 4


def test_file_and_bytes_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "Anna Smith.png"
    path.write_bytes(save(blocks(), "PNG"))
    assert (decode(path).pixels == decode(path.read_bytes()).pixels).all()
    assert picture.format_of(path) == "PNG"
    path.write_bytes(b"Anna Smith")
    with pytest.raises(UnreadableRecord) as caught:
        decode(path)
    assert "Anna" not in str(caught.value)


def test_secrets_stay_out_of_repr() -> None:
    assert "220" not in repr(decode(save(blocks(), "PNG")))
