# SPDX-License-Identifier: Apache-2.0
"""A small real album, made on the spot from what the installation carries, and its safe copy.

The photographs come inside scikit-image: astronaut Eileen Collins (NASA, public domain) and the new
cameraman (Lav Varshney, CC0). Captions and the letter are ours; numbers and addresses in it are
made up. One picture lies on its side with an EXIF orientation and GPS coordinates, one is grey.
"""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from polyveil.errors import UsageError
from polyveil.report.result import DesensitizeReport
from polyveil.tasks.desensitize import desensitize
from polyveil.tasks.events import Listener, silence

_ROTATE_90, _GPS, _ORIENTATION = 6, 0x8825, 0x0112

ROWS: tuple[dict[str, str], ...] = (
    {
        "file_name": "eileen_collins_portrait.jpg",
        "text": "Eileen Collins, a smiling woman in an orange suit, by the flag.",
    },
    {
        "file_name": "scan_collins.jpg",
        "text": "Commander Collins before the press conference. Photo: e.collins@example.org",
    },
    {
        "file_name": "collins_grey.png",
        "text": "The portrait of Eileen Collins, printed in the newsletter of 19 November 1998.",
    },
    {
        "file_name": "cameraman.png",
        "text": "A man with a camera on a tripod. Jonathan Reed lent it to Eileen Collins.",
    },
    {
        "text": "Dear Ms Collins, please call Jonathan Reed on (212) 555-2368 before 3 March 1999, "
        "or write to jonathan.reed@example.com. He was born on 14 July 1961.",
    },
)


def demo(out: Path = Path("polyveil-demo"), *, on_event: Listener = silence) -> DesensitizeReport:
    """Makes OUT/album, desensitizes it into OUT/safe, and returns the report.

    The report shows before and after, which is right here and nowhere else: nobody's secret is in
    these pictures.
    """
    album = out / "album"
    write_album(album)
    return desensitize(album, out / "safe", measure=True, pairs=4, workers=1, on_event=on_event)


def write_album(album: Path) -> None:
    """The album as files: four pictures and metadata.jsonl. Writing it again changes nothing."""
    album.mkdir(parents=True, exist_ok=True)
    portrait = _photograph("astronaut.png").crop((50, 0, 430, 310))
    sideways = (
        ImageOps.mirror(portrait).crop((20, 0, 360, 310)).transpose(Image.Transpose.ROTATE_90)
    )
    grey = portrait.crop((50, 0, 330, 300)).convert("L")
    lines = (json.dumps(row, ensure_ascii=False) for row in ROWS)
    files = {
        ROWS[0]["file_name"]: _encoded(portrait, "JPEG", quality=95),
        ROWS[1]["file_name"]: _encoded(sideways, "JPEG", quality=95, exif=_exif()),
        ROWS[2]["file_name"]: _encoded(grey, "PNG"),
        ROWS[3]["file_name"]: _encoded(_photograph("camera.png"), "PNG"),
        "metadata.jsonl": ("\n".join(lines) + "\n").encode(),
    }
    for name, content in files.items():
        # Not touched if it is there: a file that is newer makes another job of the same command.
        if not (album / name).is_file() or (album / name).read_bytes() != content:
            (album / name).write_bytes(content)


def _encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def _photograph(name: str) -> Image.Image:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UsageError("The demo's photographs come with scikit-image, which is not installed.")
    return Image.open(Path(spec.origin).parent / "data" / name)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[_ORIENTATION] = _ROTATE_90
    exif.get_ifd(_GPS).update({1: "N", 2: (29.0, 33.0, 33.0), 3: "W", 4: (95.0, 5.0, 20.0)})
    return exif
