# SPDX-License-Identifier: Apache-2.0
"""Pictures that carry a canary wherever their format has room for more than pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

CANARY = b"CANARY-Zoe-Quill-7f3a91"
TEXT = CANARY.decode()


def photo(height: int = 48, width: int = 64) -> Image.Image:
    """A smooth picture in colour."""
    small = np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def exif() -> bytes:
    """EXIF with the canary in a tag, the GPS block, the maker note and the thumbnail."""
    tags = Image.Exif()
    tags[0x010E], tags[0x013B], tags[0x9C9B] = TEXT, TEXT, TEXT.encode("utf-16-le")
    gps = tags.get_ifd(0x8825)
    gps[1], gps[2], gps[27] = "N", (48.0, 51.0, 29.5), CANARY
    inner = tags.get_ifd(0x8769)
    inner[0x927C], inner[0x9286] = CANARY * 3, b"ASCII\0\0\0" + CANARY
    body = bytearray(tags.tobytes())
    # A second directory with a thumbnail: a JPEG of its own, with the canary as its comment.
    thumbnail = jpeg_with(encoded("JPEG", photo(12, 16)), (0xFE, CANARY))
    start, count_at = 6, 6 + 8
    entries = struct.unpack_from("<H" if body[6:8] == b"II" else ">H", body, count_at)[0]
    order = "<" if body[6:8] == b"II" else ">"
    at = len(body) - start
    struct.pack_into(order + "I", body, count_at + 2 + 12 * entries, at)
    body += struct.pack(order + "H", 3)
    for tag, kind, value in ((0x103, 3, 6), (0x201, 4, at + 42), (0x202, 4, len(thumbnail))):
        packed = (
            struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        )
        body += struct.pack(order + "HHI", tag, kind, 1) + packed
    body += struct.pack(order + "I", 0)
    return bytes(body) + thumbnail


def xmp() -> bytes:
    """An XMP packet that names the canary as creator."""
    return (
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b"<dc:creator>" + CANARY + b'</dc:creator></x:xmpmeta><?xpacket end="w"?>'
    )


def icc() -> bytes:
    """A valid profile with the canary behind its last tag."""
    body = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + CANARY)
    struct.pack_into(">I", body, 0, len(body))
    return bytes(body)


def iptc() -> bytes:
    """A Photoshop block with an IPTC by-line."""
    line = b"\x1c\x02\x50" + struct.pack(">H", len(CANARY)) + CANARY
    line += b"\0" * (len(line) % 2)
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(line)) + line


def encoded(form: str, picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def jpeg_with(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """The JPEG with further segments behind its first marker."""
    extra = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body
        for marker, body in segments
    )
    return data[:2] + extra + data[2:]


def _jpeg() -> bytes:
    data = encoded("JPEG", photo(), quality=95, icc_profile=icc())
    named = b"http://ns.adobe.com/xap/1.0/\0" + xmp()
    segments = ((0xE1, exif()), (0xE1, named), (0xED, iptc()), (0xFE, CANARY), (0xEF, CANARY))
    return jpeg_with(data, *segments) + CANARY


def _png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", TEXT)
    info.add_text("Comment", TEXT, zip=True)
    info.add_itxt("XML:com.adobe.xmp", xmp().decode())
    info.add(b"prVt", CANARY)
    info.add(b"prVt", CANARY, after_idat=True)
    data = encoded("PNG", photo(), pnginfo=info, exif=exif(), icc_profile=icc())
    # What aCropalypse left behind: the data of the larger picture that stood here before.
    return data + zlib.compress(CANARY) + CANARY


def _webp() -> bytes:
    data = encoded("WEBP", photo(), exif=exif(), xmp=xmp(), icc_profile=icc(), quality=95)
    body = data[8:] + b"prVt" + struct.pack("<I", len(CANARY) + 1) + CANARY + b"\0"
    return b"RIFF" + struct.pack("<I", len(body)) + body + CANARY


def _gif() -> bytes:
    data = encoded("GIF", photo(), comment=CANARY)
    block = bytes([len(CANARY)]) + CANARY + b"\0"
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + block + b"\x21\xfe" + block + b";" + CANARY


def _tiff() -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (270, 271, 272, 285, 305, 315, 316, 33432):
        tags[tag] = TEXT
    for tag, body in ((700, xmp()), (33723, iptc()), (34377, iptc()), (65000, CANARY)):
        tags[tag] = body
        tags.tagtype[tag] = 7
    return encoded("TIFF", photo(), tiffinfo=tags, exif=exif(), icc_profile=icc()) + CANARY


def _bmp() -> bytes:
    data = bytearray(encoded("BMP", photo()))
    start = struct.unpack_from("<I", data, 10)[0]
    struct.pack_into("<I", data, 10, start + len(CANARY))
    return bytes(data[:start]) + CANARY + bytes(data[start:]) + CANARY


def _avif() -> bytes:
    data = encoded("AVIF", photo(), exif=exif(), xmp=xmp(), icc_profile=icc(), quality=95)
    box = struct.pack(">I", 8 + len(CANARY)) + b"free" + CANARY
    return data + box + CANARY


MAKERS: dict[str, Callable[[], bytes]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "TIFF": _tiff,
    "BMP": _bmp,
    "AVIF": _avif,
}
