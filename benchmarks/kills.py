# SPDX-License-Identifier: Apache-2.0
"""Claim: 200 kills at random moments lose nothing, leave no partial file, and the rerun is exact.

A job over pictures, captions and broken files is started again and again; each time its whole
process group is killed (SIGKILL) after a random delay, until it ends by itself. After every kill,
each file under a final name must decode. At the end, the output must equal, row for row and pixel
for pixel, that of a run that nobody killed, and one more run must be a no-op.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from _album import flickr
from _common import table, write

KILLS, RECORDS, SEED = 200, 40, 20261121


def main() -> None:
    """Kills until the count is full; always finishes the job that is under way."""
    rng = random.Random(SEED)
    kills = partial = lost = jobs = different = 0
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        album = flickr(work / "album", RECORDS)
        for number in (3, 17, 33):
            broken = album / f"{number:05d}.jpg"
            broken.write_bytes(broken.read_bytes()[: 400 * number])
        start = time.perf_counter()
        finish(album, work / "whole", work)
        usual = time.perf_counter() - start
        expected = contents(work / "whole")
        while kills < KILLS:
            jobs += 1
            out = work / f"job{jobs}"
            while True:
                process = start_job(album, out, work)
                try:
                    process.wait(rng.uniform(0.3, 0.95) * usual if kills < KILLS else None)
                    break
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    kills += 1
                    partial += damaged(out)
            found = contents(out)
            lost += len(expected) - len(found)
            different += sum(a != b for a, b in zip(expected, found, strict=False))
            before = snapshot(out)
            finish(album, out, work)
            different += snapshot(out) != before
    figures = {
        "kills": kills, "jobs": jobs, "records": RECORDS, "seed": SEED,
        "partial_files": partial, "lost_records": lost, "different_records": different,
    }  # fmt: skip
    print(table(list(figures), [list(figures.values())]))
    write("kills", figures, packages=("polyveil",))
    if partial or lost or different:
        raise SystemExit(1)


def start_job(album: Path, out: Path, work: Path) -> subprocess.Popen:
    """The job in a process group of its own."""
    command = [
        sys.executable, "-m", "polyveil.apps.cli.main", "desensitize", str(album),
        "--out", str(out), "--key", str(work / "key"), "--workers", "2", "--json",
    ]  # fmt: skip
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def finish(album: Path, out: Path, work: Path) -> None:
    """Runs to the end; refused records are expected."""
    code = start_job(album, out, work).wait()
    if code != 3:
        raise SystemExit(f"the job ended with {code}, expected 3 (three broken files)")


def damaged(out: Path) -> int:
    """Files under a final name that do not decode or do not parse."""
    bad = 0
    for path in files(out):
        try:
            if path.suffix == ".jpg":
                Image.open(path).load()
            elif path.suffix in {".jsonl", ".json"}:
                [
                    json.loads(line)
                    for line in path.read_text().splitlines()
                    if path.suffix == ".jsonl"
                ]
        except (OSError, ValueError):
            bad += 1
    return bad


def contents(out: Path) -> list[tuple[str, str]]:
    """(row without its file name, hash of its pixels), row by row."""
    rows = []
    for line in (out / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        pixels = np.asarray(Image.open(out / row.pop("file_name"))).tobytes()
        rows.append((json.dumps(row, sort_keys=True), hashlib.sha256(pixels).hexdigest()))
    return rows


def snapshot(out: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of every file that a recipient gets."""
    return [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files(out)]


def files(out: Path) -> list[Path]:
    """Files under final names: everything outside the journal's folder."""
    return sorted(p for p in out.rglob("*") if p.is_file() and ".polyveil" not in p.parts)


if __name__ == "__main__":
    main()
