# SPDX-License-Identifier: Apache-2.0
"""Hostile pictures, made by code: name -> bytes. Nothing binary lies in the repository."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

_EITHER = ("bmp-negative", "png-more-data-than-size", "gif-zero")
"""Odd, and valid to a lenient reader."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")


def photo(height: int = 48, width: int = 64, seed: int = 0) -> Image.Image:
    """A smooth picture that every format can hold."""
    random_numbers = np.random.default_rng(seed)
    small = random_numbers.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encoded(form: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or photo()).save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def png(width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG with this header and this compressed data, whatever they are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def jpeg_of_size(width: int, height: int) -> bytes:
    """A whole small JPEG whose header states another size."""
    data = bytearray(encoded("JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded("GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded("BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def webp_of_size(width: int, height: int) -> bytes:
    """An extended WebP whose canvas is as large as the format allows."""
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0])
    body += struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def tiff(*tags: tuple[int, int, int, int], extra: bytes = b"") -> bytes:
    """A little-endian TIFF with these (tag, type, count, value) and nothing checked."""
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\x00" + struct.pack("<I", 8) + body + struct.pack("<I", 0) + extra


def _tiffs() -> Iterator[tuple[str, bytes]]:
    base = [(258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 100), (277, 3, 1, 1)]
    size = lambda w, h: [(256, 4, 1, w), (257, 4, 1, h)]  # noqa: E731
    huge = (279, 4, 1, 0xFFFFFFFF)
    yield "tiff-absurd-size", tiff(*size(0xFFFFFFFF, 0xFFFFFFFF), *base, huge)
    yield "tiff-zero-size", tiff(*size(0, 0), *base, (279, 4, 1, 0))
    yield "tiff-no-data", tiff(*size(64, 64), *base, (279, 4, 1, 4096))
    yield "tiff-no-tags", tiff()
    yield "tiff-endless-count", tiff(*size(9, 9), *base, (279, 4, 0x7FFFFFFF, 8))
    yield "tiff-loop", b"II*\x00" + struct.pack("<IHI", 8, 0, 8)
    yield "tiff-offset-outside", b"II*\x00" + struct.pack("<I", 0x7FFFFFFF)
    big = photo(8, 8)
    yield "tiff-two-pages", encoded("TIFF", big, save_all=True, append_images=[big])
    yield "tiff-float", encoded("TIFF", Image.new("F", (8, 8)))
    yield "tiff-lab", encoded("TIFF", Image.new("LAB", (8, 8)))


def _bombs() -> Iterator[tuple[str, bytes]]:
    zeros = zlib.compress(bytes(8 << 20), 9)
    yield "png-bomb-30000", png(30_000, 30_000, zeros)
    yield "png-bomb-max", png(0x7FFFFFFF, 0x7FFFFFFF, zeros)
    yield "png-bomb-strip", png(0x7FFFFFFF, 1, zeros)
    yield "png-bomb-tall", png(1, 0x7FFFFFFF, zeros)
    yield "png-more-data-than-size", png(2, 2, zeros)
    yield "png-zero", png(0, 0, zeros)
    yield "png-negative", png(0xFFFFFFFF, 0xFFFFFFFF, zeros)
    yield "png-odd-depth", png(8, 8, zeros, depth=7)
    yield "png-odd-colour", png(8, 8, zeros, colour=5)
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
    whole = encoded("PNG")
    for name, bomb in (("text", text), ("profile", profile), ("texts", text * 40)):
        yield f"png-{name}-bomb", whole[:33] + bomb + whole[33:]
    for side in (60_000, 65_500):
        yield f"jpeg-bomb-{side}", jpeg_of_size(side, side)
        yield f"gif-bomb-{side}", gif_of_size(side, side)
        yield f"bmp-bomb-{side}", bmp_of_size(side, side)
    yield "jpeg-zero", jpeg_of_size(0, 0)
    yield "gif-zero", gif_of_size(0, 0)
    yield "bmp-zero", bmp_of_size(0, 0)
    yield "bmp-negative", bmp_of_size(-64, -48)
    yield "bmp-smallest", bmp_of_size(-(1 << 31), -(1 << 31))
    yield "webp-bomb", webp_of_size(16_384, 16_384)
    yield "webp-bomb-max", webp_of_size(1 << 24, 1 << 24)
    scan = encoded("JPEG", photo(64, 64), progressive=True)
    at = scan.rindex(b"\xff\xda")
    yield "jpeg-scans", scan[:at] + scan[at:-2] * 200_000 + scan[-2:]


def _several() -> Iterator[tuple[str, bytes]]:
    for form in ("GIF", "PNG", "WEBP", "AVIF"):
        frames = [photo(seed=1), photo(seed=2)]
        yield f"animated-{form}", encoded(form, save_all=True, append_images=frames, duration=9)
    many = [Image.new("L", (1, 1), n % 256) for n in range(3000)]
    yield "animated-many", encoded("GIF", many[0], save_all=True, append_images=many[1:])


def _polyglots() -> Iterator[tuple[str, bytes]]:
    script, archive = b"<script>alert(1)</script>", b"PK\x03\x04" + bytes(64)
    yield "zip-only", archive
    yield "pdf", b"%PDF-1.7\n%%EOF"
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield "eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file"
    yield "html", b"<html>" + script
    yield "gif-then-script", b"GIF89a/*" + script + b"*/=1"
    yield "bmp-then-script", b"BM/*" + script
    yield "jpeg-magic-png-body", b"\xff\xd8\xff" + encoded("PNG")
    yield "png-magic-jpeg-body", b"\x89PNG\r\n\x1a\n" + encoded("JPEG")
    yield "tiff-magic-jpeg-body", b"II*\x00" + encoded("JPEG")
    yield "webp-magic-gif-body", b"RIFF\xff\xff\x00\x00WEBP" + encoded("GIF")
    yield "avif-magic-png-body", b"\0\0\0\x20ftypavif" + encoded("PNG")
    yield "heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    yield "psd", b"8BPS\0\x01" + bytes(20)
    yield "ico", b"\0\0\x01\0\x01\0" + bytes(40)
    yield "fits", b"SIMPLE  =                    T" + bytes(2880)


def _truncated(seed: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    for form in FORMATS:
        whole = encoded(form, photo(96, 128))
        yield f"head-{form}", whole[:16]
        for number in range(5):
            # Not the last bytes: without its end marker alone, a picture is still whole.
            yield f"cut-{form}-{number}", whole[: chance.randrange(1, int(len(whole) * 0.8))]


def _mutated(seed: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    for form in FORMATS:
        whole = encoded(form, photo(96, 128))
        for number in range(6):
            data = bytearray(whole)
            for _ in range(chance.choice((1, 8, 64))):
                data[chance.randrange(len(data))] = chance.randrange(256)
            yield f"flip-{form}-{number}", bytes(data)
        yield f"zeros-behind-{form}", whole[:40] + bytes(len(whole))


def refused(seed: int = 0) -> dict[str, bytes]:
    """Pictures that must be refused."""
    cases = {"empty": b"", "one-byte": b"\xff", "zeros": bytes(4096), "text": b"no picture at all"}
    for source in (_tiffs(), _bombs(), _several(), _polyglots(), _truncated(seed)):
        cases |= dict(source)
    return {name: data for name, data in cases.items() if name not in _EITHER}


def survived(seed: int = 0) -> dict[str, bytes]:
    """Pictures that may be read or refused, as long as nothing crashes."""
    return dict(_mutated(seed)) | {name: data for name, data in _bombs() if name in _EITHER}
