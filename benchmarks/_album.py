# SPDX-License-Identifier: Apache-2.0
"""Data sets for the benchmarks as a user would bring them: a folder with metadata.jsonl."""

from __future__ import annotations

import json
import shutil
from itertools import cycle, islice
from pathlib import Path

from _common import DATA


def flickr(folder: Path, records: int) -> Path:
    """`records` pictures with their five captions; beyond 700 they repeat."""
    pack = DATA / "imgtext_flickr8k" / "dev"
    lines = (pack / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    folder.mkdir(parents=True)
    images = next(p for p in pack.iterdir() if p.is_dir())
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as metadata:
        for number, line in enumerate(islice(cycle(lines), records)):
            entry = json.loads(line)
            name = f"{number:05d}.jpg"
            shutil.copyfile(images / entry["file"], folder / name)
            row = {"file_name": name, "captions": entry["captions"]}
            metadata.write(json.dumps(row, ensure_ascii=False) + "\n")
    return folder
