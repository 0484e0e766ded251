# SPDX-License-Identifier: Apache-2.0
"""Before/after pairs for the report, when the user asks for them. They hold originals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.errors import RecordError
from polyveil.export.journal import Journal
from polyveil.records.picture import decode
from polyveil.records.record import Record
from polyveil.records.source import Source
from polyveil.report.facts import Pair

SIDE = 480
"""Longest side in the report, pixels."""


def before_after(source: Source, journal: Journal, out: Path, most: int) -> tuple[Pair, ...]:
    """The first `most` released records in which something was replaced."""
    return tuple(islice(_pairs(source, journal, out), most)) if most else ()


def _pairs(source: Source, journal: Journal, out: Path) -> Iterator[Pair]:
    for index, record in enumerate(source.records()):
        outcome = journal.outcome(index)
        if not isinstance(record, Record) or outcome is None or outcome.refused is not None:
            continue
        if not (outcome.facts["faces"] or outcome.facts["mentions"]):
            continue
        after = Record(record.id, outcome.row, out / outcome.file if outcome.file else None)
        yield Pair(record.id, _thumbnail(record), _thumbnail(after), _text(record), _text(after))


def _text(record: Record) -> str:
    return "\n".join(text for _, text in record.texts())


def _thumbnail(record: Record) -> bytes | None:
    if record.image is None:
        return None
    try:
        pixels = decode(record.image).pixels
    except RecordError:
        return None
    scale = min(1.0, SIDE / max(pixels.shape[:2]))
    if scale < 1:
        pixels = np.asarray(
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
    return _jpeg(pixels)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    channels = pixels if pixels.ndim == 2 else pixels[..., ::-1]
    _, data = cv2.imencode(".jpg", channels, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return bytes(data)
