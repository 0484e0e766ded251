# SPDX-License-Identifier: Apache-2.0
"""Makes docs/images/demo.jpg: two records of the demo, before and after, as the program wrote them.

The key is fixed, so that anybody gets the same picture; it protects nobody.
"""

from __future__ import annotations

import json
import tempfile
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import polyveil
from polyveil.tasks.demo import write_album

TARGET = Path(__file__).parent / "images" / "demo.jpg"
SIDE, GAP, TEXT = 340, 18, 74
PAPER, INK, FAINT = (252, 251, 248), (32, 38, 42), (120, 126, 130)
SHOWN = (0, 1)


def main() -> None:
    """Runs the job and lays the pairs out side by side."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        key = work / "key"
        key.write_bytes(bytes(range(32)))
        key.chmod(0o600)
        write_album(work / "album")
        polyveil.desensitize(work / "album", work / "safe", key=key, workers=1)
        columns = [
            panel(work / folder, rows(work / folder)[at], label)
            for at in SHOWN
            for folder, label in (("album", "before"), ("safe", "after"))
        ]
    width = len(columns) * SIDE + (len(columns) + 1) * GAP
    sheet = Image.new("RGB", (width, columns[0].height + 2 * GAP), PAPER)
    for at, column in enumerate(columns):
        sheet.paste(column, (GAP + at * (SIDE + GAP), GAP))
    TARGET.parent.mkdir(exist_ok=True)
    sheet.save(TARGET, quality=90)


def rows(folder: Path) -> list[dict[str, str]]:
    """The rows of a metadata.jsonl."""
    text = (folder / "metadata.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def panel(folder: Path, row: dict[str, str], label: str) -> Image.Image:
    """One picture with its caption below."""
    picture = ImageOps.exif_transpose(Image.open(folder / row["file_name"])).convert("RGB")
    picture = ImageOps.fit(picture, (SIDE, SIDE), centering=(0.5, 0.2))
    sheet = Image.new("RGB", (SIDE, SIDE + TEXT), PAPER)
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    draw.text((0, SIDE + 8), label, FAINT, ImageFont.load_default(13))
    lines = textwrap.wrap(row["text"], 44)
    draw.text((0, SIDE + 26), "\n".join(lines), INK, ImageFont.load_default(15))
    return sheet


if __name__ == "__main__":
    main()
