# SPDX-License-Identifier: Apache-2.0
"""A whole job without models, as a program: python a_job.py IN OUT [pause]. Killed in tests."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from polyveil.export.journal import Journal
from polyveil.export.layout import Layout
from polyveil.export.writer import Writer
from polyveil.records.picture import decode
from polyveil.records.record import Desensitized, Refused
from polyveil.records.source import open_source


def run(source_path: Path, out: Path, *, pause: float = 0.0) -> int:
    """Copy every record through decoder, journal and writer; returns how many were done now."""
    source, done = open_source(source_path), 0
    with Journal.open(out, source.fingerprint(b"key"), source=source_path) as journal:
        writer = Writer(out, journal, Layout.of(source, journal))
        for index, record in enumerate(source.records()):
            if journal.finished or journal.settled(index):
                continue
            done += 1
            if isinstance(record, Refused):
                writer.refuse(index, record)
                continue
            journal.put_findings(index, f"secret finding {index}".encode())
            pixels = decode(record.image).pixels if record.image is not None else None
            time.sleep(pause)
            writer.release(index, record, Desensitized(record.id, dict(record.row), pixels))
        writer.finish(expected=len(source))
    return done


if __name__ == "__main__":
    print("ready", flush=True)
    print(run(Path(sys.argv[1]), Path(sys.argv[2]), pause=float(sys.argv[3])), flush=True)
