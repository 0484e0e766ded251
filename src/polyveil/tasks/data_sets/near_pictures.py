# SPDX-License-Identifier: Apache-2.0
"""Which pictures are the same, byte by byte or to the eye: ties that a split must not cut."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from polyveil.errors import UnreadableRecord
from polyveil.records import picture
from polyveil.records.perceptual_hash import NEAR, perceptual_hash
from polyveil.records.record import Record
from polyveil.records.regular_file import read_bytes
from polyveil.tasks.reading import side_by_side

_CHUNK = 512


def digest(record: Record) -> str:
    """SHA-256 of the bytes of a record's picture, in hex; "" without one that can be read."""
    if record.image is None:
        return ""
    try:
        data = read_bytes(record.image, "image", limit=picture.DEFAULT_LIMITS.max_bytes)
    except UnreadableRecord:
        return ""
    return hashlib.sha256(data).hexdigest()


def near_ties(records: Sequence[Record]) -> list[frozenset[str]]:
    """Ties of each record to those whose picture's hash is at most 3 bits apart.

    A picture of one colour, or that cannot be decoded, has none.
    """
    ties: list[set[str]] = [set() for _ in records]
    for first, second in near_pairs(list(side_by_side(_look, records))):
        ties[first].add(f"like {first}")
        ties[second].add(f"like {first}")
    return [frozenset(names) for names in ties]


def near_pairs(hashes: Sequence[int]) -> list[tuple[int, int]]:
    """(i, j), i < j, of perceptual hashes at most `NEAR` bits apart; 0 is near to none."""
    values = np.array(hashes, dtype=np.uint64)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(values), _CHUNK):
        some = values[start : start + _CHUNK]
        near = np.bitwise_count(some[:, None] ^ values[None]) <= NEAR
        near &= (some[:, None] != 0) & (values[None] != 0)
        for left, right in zip(*np.nonzero(near), strict=True):
            if start + left < right:
                pairs.append((int(start + left), int(right)))
    return pairs


def _look(record: Record) -> int:
    """Perceptual hash of a record's picture; 0 where there is none that can be decoded."""
    if record.image is None:
        return 0
    try:
        return perceptual_hash(picture.decode(record.image).pixels)
    except UnreadableRecord:
        return 0
