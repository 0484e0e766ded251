# SPDX-License-Identifier: Apache-2.0
"""Written digits and spoken ones as their makers distribute them, paired by digit.

    mnist.npz                      x_train, y_train, x_test, y_test
    recordings/7_jackson_32.wav    digit, speaker, take; also in free-spoken-digit-dataset/

Every picture gets one clip of its digit, of the same part: takes 0 to 4 are the test part, as the
Free Spoken Digit Dataset says. Which one follows from what both hold, by the highest of their mixed
hashes, so that one picture more changes no pair, and one clip more only those that it takes over.
A promise about one record is about one pair, thus about one picture, and less about a clip.

Source: Thaler & Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998 (highest hash)
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records.regular_file import read_bytes

RECORDINGS = "recordings"
DOWNLOADED = "free-spoken-digit-dataset"
TEST_TAKES = 5

_NAME = re.compile(r"(\d)_(\w+)_(\d+)\.wav")
_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording: where it is, what it says, and a digest of its bytes."""

    path: Path
    digit: int
    tested: bool
    digest: bytes


def find_recordings(folder: Path) -> Path | None:
    """The recordings that belong to a folder of pictures; None without any."""
    near = (folder, folder / DOWNLOADED, folder.resolve().parent / DOWNLOADED)
    return next((one / RECORDINGS for one in near if (one / RECORDINGS).is_dir()), None)


def recordings(folder: Path) -> list[Clip]:
    """The clips of a folder, in the order of their names; other files are passed over.

    One that cannot be read stays: its pairs are refused one by one.
    """
    found = []
    for path in sorted(folder.glob("*.wav")):
        if name := _NAME.fullmatch(path.name):
            try:
                data = read_bytes(path, "voice", limit=_LIMIT)
            except UnreadableRecord:
                data = b""
            digest = hashlib.sha256(data).digest()
            found.append(Clip(path, int(name[1]), int(name[3]) < TEST_TAKES, digest))
    return found


def paired(
    pictures: NDArray[np.uint8], digits: NDArray[Any], clips: list[Clip], *, tested: bool
) -> NDArray[np.int64]:
    """(n, 3): row of `pictures`, of `clips`, digit; every picture once, in order.

    Raises:
      UsageError: no clip of this part says a digit that is written.
    """
    keys = np.array([int.from_bytes(one.digest[:8], "big") for one in clips], dtype=np.uint64)
    chosen = np.zeros(len(pictures), dtype=np.int64)
    for digit in np.unique(digits).tolist():
        rows = [at for at, one in enumerate(clips) if (one.digit, one.tested) == (digit, tested)]
        if not rows:
            part = "test" if tested else "training"
            raise UsageError(f"AV-MNIST: {RECORDINGS}/: no {part} take of digit {digit}.")
        for at in np.flatnonzero(digits == digit).tolist():
            key = hashlib.sha256(pictures[at].tobytes()).digest()[:8]
            mixed = _mixed(keys[rows] ^ np.uint64(int.from_bytes(key, "big")))
            chosen[at] = rows[int(mixed.argmax())]
    return np.stack([np.arange(len(pictures)), chosen, digits.astype(np.int64)], axis=1)


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finisher of splitmix64: every bit of a key moves every bit of its hash."""
    mixed = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
