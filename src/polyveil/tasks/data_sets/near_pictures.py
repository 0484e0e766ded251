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

_CHUNK = 512


def picture_ties(records: Sequence[Record]) -> list[frozenset[str]]:
    """Ties of each record: by the bytes of its picture, and by hashes at most 3 bits apart.

    Pictures of one colour are tied by their bytes alone; a picture that cannot be decoded, too.
    """
    digests, hashes = [], []
    for record in records:
        digest, look = _seen(record)
        digests.append(digest)
        hashes.append(look)
    ties = [{f"picture {digest}"} if digest else set() for digest in digests]
    for first, second in near_pairs(hashes):
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


def _seen(record: Record) -> tuple[str, int]:
    """Digest of the picture's bytes, "" without one; its hash, 0 where it cannot be decoded."""
    if record.image is None:
        return "", 0
    try:
        data = read_bytes(record.image, "image", limit=picture.DEFAULT_LIMITS.max_bytes)
        digest = hashlib.sha256(data).hexdigest()
    except UnreadableRecord:
        return "", 0
    try:
        return digest, perceptual_hash(picture.decode(data).pixels)
    except UnreadableRecord:
        return digest, 0
