# SPDX-License-Identifier: Apache-2.0
"""AV-MNIST: a written digit seen beside the same digit spoken. Chimeric: paired by digit.

    mnist.npz         x_train, x_test: uint8 (n, 28, 28)
    pairs.npz         train, test: whole numbers (m, 3): row of x_train or x_test, clip, digit
    audio_8k.flac     the clips of the Free Spoken Digit Dataset, one after the other
    index.npz         offsets: where each of n clips begins, and where the last one ends (n + 1,)

The last two stand beside the first two, or in another folder next to theirs: AV/dev and
voice_fsdd/dev, or AV and voice_fsdd. Without pairs.npz, digits as their makers distribute them are
paired: see `polyveil.tasks.data_sets.av_mnist_pairing`. Nobody wrote and said these digits
together: picture and sound share their class alone, so that what is learned of one tells nothing
else of the other.

The makers' test part has other takes and other pictures, of the same speakers. Of the others, pairs
are tied by their clip: a clip is in several pairs, a picture in one. A clip is known by its place
in a table's split, and by its samples where it is held out of a training, so that one clip more
moves no other.

Source: LeCun et al., MNIST, 1998; Jackson et al., Free Spoken Digit Dataset, 2018; the pairing
follows Vielzeuf et al., CentralNet, ECCV Workshops 2018
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.records.record import Record
from polyveil.tasks.data_sets.av_mnist_pairing import (
    RECORDINGS,
    Clip,
    find_recordings,
    paired,
    recordings,
)
from polyveil.tasks.data_sets.labelled_set import LabelledSet

DIGITS = tuple(str(digit) for digit in range(10))
PICTURES, PAIRS, SOUNDS, INDEX = "mnist.npz", "pairs.npz", "audio_8k.flac", "index.npz"
SPOKEN, SEEN = "voice_fsdd", "av_mnist"
"""Names of folders that hold the spoken digits, and the others."""
EXPECTED = (
    f"{PICTURES} (x_train, y_train, x_test, y_test) and {RECORDINGS}/ (7_jackson_32.wav ...); or "
    f"{PICTURES}, {PAIRS}, {SOUNDS} and {INDEX}, the last two beside them or in {SPOKEN}/ next to "
    "their folder"
)
PARTS = ("train", "test")


def find_av_mnist(root: Path) -> tuple[Path, ...]:
    """The folder of pictures, and that of sounds where it is found; or ()."""
    seen = next((one for one in (root, root / SEEN, root / SEEN / "dev") if _has_pairs(one)), None)
    if seen is not None:
        whole = seen.resolve()
        near = (seen, whole.parent / SPOKEN, whole.parent.parent / SPOKEN / whole.name)
        spoken = next((one for one in near if (one / SOUNDS).is_file()), None)
        return (seen,) if spoken is None else (seen, spoken)
    clips = find_recordings(root) if (root / PICTURES).is_file() else None
    return () if clips is None else (root, clips)


def read_av_mnist(seen: Path, spoken: Path | None = None) -> LabelledSet:
    """All pairs: those for training, then the makers' test part.

    Args:
      seen: folder of pictures, and of pairs where these were made.
      spoken: folder of sounds; None for the same.

    Raises:
      UsageError: a file is missing, or they do not fit each other.
    """
    spoken = spoken or seen
    made = _has_pairs(seen) and (spoken / SOUNDS).is_file() and (spoken / INDEX).is_file()
    if not (made or ((seen / PICTURES).is_file() and not (seen / PAIRS).exists())):
        raise UsageError(f"AV-MNIST: expected a folder with {EXPECTED}.")
    pictures = _arrays(seen / PICTURES, *(f"x_{part}" for part in PARTS))
    clips: Sequence[bytes | Path]
    if made:
        pairs = _arrays(seen / PAIRS, *PARTS)
        clips = _clips(spoken)
        digests = [hashlib.sha256(clip).hexdigest() for clip in clips]
    else:
        found = recordings(spoken)
        clips, digests = [one.path for one in found], [one.digest.hex() for one in found]
        pairs = _paired(seen, pictures, found)
    _check(pictures, pairs, len(clips))
    rows = [(part, *row) for part in PARTS for row in pairs[part].tolist()]
    records = tuple(
        Record(f"{part} {at}", {}, _png(pictures[f"x_{part}"][image]), voice=clips[clip])
        for at, (part, image, clip, _) in enumerate(rows)
    )
    return LabelledSet(
        "AV-MNIST",
        records,
        tuple(DIGITS[digit] for *_, digit in rows),
        DIGITS,
        tuple(frozenset({f"clip {clip:09d}"}) for *_, clip, _ in rows),
        tuple(f"clip {digests[clip]}" for *_, clip, _ in rows),
        tuple(part == "test" for part, *_ in rows),
        remarks=(
            "chimeric: picture and sound were paired by digit; nobody wrote and said them together",
            "the test part has other takes of the same speakers",
        ),
    )


def _paired(
    seen: Path, pictures: dict[str, NDArray[Any]], clips: list[Clip]
) -> dict[str, NDArray[Any]]:
    digits = _arrays(seen / PICTURES, *(f"y_{part}" for part in PARTS))
    for part in PARTS:
        _check_pictures(part, pictures)
        if digits[f"y_{part}"].shape != (len(pictures[f"x_{part}"]),):
            raise UsageError(f"AV-MNIST: {PICTURES}: expected y_{part}, a digit a picture.")
    return {
        part: paired(pictures[f"x_{part}"], digits[f"y_{part}"], clips, tested=part == "test")
        for part in PARTS
    }


def _has_pairs(folder: Path) -> bool:
    return (folder / PICTURES).is_file() and (folder / PAIRS).is_file()


def _clips(folder: Path) -> list[bytes]:
    """Each clip as a WAV of its own."""
    ends = _arrays(folder / INDEX, "offsets")["offsets"]
    try:
        samples, rate = soundfile.read(folder / SOUNDS, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise UsageError(f"AV-MNIST: {SOUNDS}: {type(error).__name__}; expected FLAC.") from None
    whole = ends.ndim == 1 and np.issubdtype(ends.dtype, np.integer) and len(ends) > 1
    if samples.ndim != 1 or not whole or (np.diff(ends) < 1).any():
        raise UsageError(f"AV-MNIST: {INDEX}: expected rising offsets into one channel of sound.")
    if ends[0] < 0 or ends[-1] > len(samples):
        raise UsageError(f"AV-MNIST: {INDEX}: offsets beyond the end of {SOUNDS}.")
    return [_wav(samples[start:end], rate) for start, end in pairwise(ends.tolist())]


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def _arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise UsageError(
            f"AV-MNIST: {path.name}: expected an .npz with plain arrays {', '.join(names)}."
        ) from None


def _check(pictures: dict[str, NDArray[Any]], pairs: dict[str, NDArray[Any]], clips: int) -> None:
    """Refuses pairs that point nowhere."""
    for part in PARTS:
        _check_pictures(part, pictures)
        images, rows = pictures[f"x_{part}"], pairs[part]
        if rows.ndim != 2 or rows.shape[1] != 3 or not np.issubdtype(rows.dtype, np.integer):
            raise UsageError(f"AV-MNIST: {PAIRS}: expected {part} as whole numbers (n, 3).")
        if (rows < 0).any() or (rows >= (len(images), clips, len(DIGITS))).any():
            raise UsageError(
                f"AV-MNIST: {PAIRS}: {part} names a picture, clip or digit that is not there; "
                f"expected numbers below {len(images)}, {clips} and {len(DIGITS)}."
            )


def _check_pictures(part: str, pictures: dict[str, NDArray[Any]]) -> None:
    images = pictures[f"x_{part}"]
    if images.ndim != 3 or images.dtype != np.uint8:
        raise UsageError(f"AV-MNIST: {PICTURES}: expected x_{part} as uint8 (n, 28, 28).")
