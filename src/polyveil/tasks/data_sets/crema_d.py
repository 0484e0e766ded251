# SPDX-License-Identifier: Apache-2.0
"""CREMA-D as distributed: actors who say a sentence with an emotion, in sound and picture.

    AudioWAV/1001_DFA_ANG_XX.wav      actor, sentence, emotion, intensity
    VideoFlash/1001_DFA_ANG_XX.flv    the video of the same clip

A picture of each clip comes from its frames, extracted beforehand: `FRAMES/<clip>.jpg`, or the
middle one of `FRAMES/<clip>/*.jpg` (also .jpeg, .png), where FRAMES is one of `FOLDERS`, or another
Image-NN-FPS. `extract_frames` makes the former from VideoFlash. Sounds may be FLAC. A clip may lack
its sound or its picture; hidden files are passed over.

Sounds and videos are kept with git-lfs: a download without it has pointers of 130 bytes in their
place, and is refused as a whole. Of the clips that are known to be damaged, three are silent or
empty, so that they refuse themselves; the fourth is refused by its name, see `DAMAGED`.

Clips are tied, and held out, by actor. The published random split has the same 91 actors on both
sides; pass `apart=False` to `LabelledSet.split` to compare with it.

Source: Cao et al., CREMA-D, IEEE Transactions on Affective Computing 5(4), 2014
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2

from polyveil import _disk
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records.record import Record, Refused
from polyveil.records.regular_file import read_file
from polyveil.tasks.data_sets.labelled_set import LabelledSet

EMOTIONS = {
    "NEU": "neutral",
    "HAP": "happiness",
    "SAD": "sadness",
    "ANG": "anger",
    "FEA": "fear",
    "DIS": "disgust",
}
"""Code in a clip's name -> its class."""
DAMAGED = {"1064_IEO_DIS_MD": "a minute that holds all emotions of its sentence"}
"""Clips that can be read and are not what their names say."""
FOLDERS = ("frames", "Image-01-FPS", "VideoFlash")
"""Where frames are looked for, in this order."""

_CLIP = re.compile(r"(\d{4})_([A-Z0-9]{3})_([A-Z]{3})_([A-Z]{1,2}|X)")
_PICTURES = (".jpg", ".jpeg", ".png")
_SOUNDS = (".wav", ".flac")
_POINTER = b"version https://git-lfs"
_MAKE_FRAMES = (
    'python -c "from polyveil.tasks.data_sets.crema_d import extract_frames; '
    "print(extract_frames('CREMA-D'))\""
)


def find_crema_d(root: Path) -> tuple[Path, ...]:
    """The folder of sounds, and that of frames where there is one; () in another layout.

    These two are what a training pays for: whatever else is added to the data set or deleted, such
    as MP3s and tables, must not make another one of it, with a budget of its own.
    """
    sounds = root / "AudioWAV"
    if not sounds.is_dir():
        return ()
    frames = next((one for one in _places(root) if _has_frames(one)), None)
    return (sounds,) if frames is None else (sounds, frames)


def read_crema_d(root: Path, frames: Path | None = None) -> LabelledSet:
    """All clips; their `voice` and `image` are the modalities.

    Args:
      root: of the data set, or its AudioWAV/.
      frames: folder of frames; None for the first of the known ones that has any.

    Raises:
      UsageError: the folder has another layout, or holds no clip.
    """
    root = root.parent if root.name == "AudioWAV" else root
    if not (root / "AudioWAV").is_dir():
        raise UsageError("CREMA-D: expected a folder with AudioWAV/ and frames/ or VideoFlash/.")
    sounds = _files(root / "AudioWAV", _SOUNDS)
    _refuse_pointers("AudioWAV", sounds.values())
    frames = frames or next((one for one in _places(root) if _has_frames(one)), None)
    if frames is None:
        raise UsageError(
            "CREMA-D: no frames; expected frames/<clip>.jpg or frames/<clip>/*.jpg. Make them from "
            f"VideoFlash/: {_MAKE_FRAMES}"
        )
    pictures = _pictures(frames)
    records: list[Record] = []
    labels: list[str] = []
    ties: list[frozenset[str]] = []
    refused: list[Refused] = []
    # A clip whose sound is missing is still a clip: names come from both folders.
    for at, name in enumerate(sorted(sounds.keys() | pictures.keys())):
        found, reason = _CLIP.fullmatch(name), ""
        if found is None or found[3] not in EMOTIONS:
            reason = "name: expected actor_sentence_emotion_intensity, such as 1001_DFA_ANG_XX."
        elif name in DAMAGED:
            reason = f"clip: {DAMAGED[name]}; expected one emotion."
        if found is None or reason:
            refused.append(Refused(f"clip {at}", "UnreadableRecord", reason))
            continue
        image = pictures.get(name)
        records.append(
            Record(
                f"clip {at}",
                {"sentence": found[2]},
                image,
                None if image is None else image.relative_to(root).as_posix(),
                person=found[1],
                voice=sounds.get(name),
            )
        )
        labels.append(EMOTIONS[found[3]])
        ties.append(frozenset({f"actor {found[1]}"}))
    return LabelledSet(
        "CREMA-D",
        tuple(records),
        tuple(labels),
        tuple(EMOTIONS.values()),
        tuple(ties),
        tuple(f"actor {record.person}" for record in records),
        refused=tuple(refused),
        remarks=(f"one frame a clip, from {frames.name}",),
    )


def extract_frames(root: str | Path) -> int:
    """Writes the middle frame of each VideoFlash/*.flv as frames/<clip>.jpg; returns how many.

    Frames that are there are kept, so that it may be run again; videos that cannot be decoded are
    passed over. The decoder is OpenCV's: run it on the files that CREMA-D's makers distribute, and
    on no stranger's.

    Raises:
      UsageError: there are no videos, or none was downloaded.
    """
    written = 0
    source, target = Path(root) / "VideoFlash", Path(root) / "frames"
    videos = _files(source, (".flv",)) if source.is_dir() else {}
    if not videos:
        raise UsageError("CREMA-D: no videos; expected VideoFlash/<clip>.flv.")
    _refuse_pointers("VideoFlash", videos.values())
    target.mkdir(exist_ok=True)
    for name in sorted(videos):
        out = target / f"{name}.jpg"
        if not out.exists() and (encoded := _middle_frame(videos[name])) is not None:
            _disk.write_whole(out, encoded)
            written += 1
    return written


def _middle_frame(video: Path) -> bytes | None:
    """JPEG of the middle one of all frames; read through, since these files cannot be searched."""
    capture = cv2.VideoCapture(str(video))
    frames: list[Any] = []
    try:
        while len(frames) < 1000:
            there, frame = capture.read()
            if not there:
                break
            frames.append(frame)
    finally:
        capture.release()
    if not frames:
        return None
    there, encoded = cv2.imencode(".jpg", frames[len(frames) // 2], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return bytes(encoded) if there else None


def _places(root: Path) -> Iterator[Path]:
    """Folders that frames may be in."""
    yield from filter(Path.is_dir, (root / name for name in FOLDERS))
    yield from filter(Path.is_dir, sorted(root.glob("Image-*-FPS*")))


def _has_frames(folder: Path) -> bool:
    return bool(_files(folder, _PICTURES)) or any(
        _files(one, _PICTURES) for one in _folders(folder)
    )


def _pictures(folder: Path) -> dict[str, Path]:
    """Clip -> its picture, the middle one where it has a folder of them."""
    middle: dict[str, Path] = {}
    for one in _folders(folder):
        if found := _files(one, _PICTURES):
            middle[one.name] = found[sorted(found)[len(found) // 2]]
    return middle | _files(folder, _PICTURES)


def _folders(folder: Path) -> Iterator[Path]:
    """Those that are called as clips are."""
    return (one for one in folder.iterdir() if _CLIP.fullmatch(one.name) and one.is_dir())


def _files(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Stem -> file of one of these kinds, however its suffix is written; none that is hidden."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            found.setdefault(path.stem, path)
    return found


def _refuse_pointers(folder: str, files: Iterable[Path]) -> None:
    """Refuses a folder of nothing but what git-lfs leaves in place of files."""
    found = list(files)
    if found and all(_is_pointer(path) for path in found):
        raise UsageError(
            f"CREMA-D: {folder}/ holds git-lfs pointers in place of the files. Get these with "
            "'git lfs pull', or from the mirror that the makers name."
        )


def _is_pointer(path: Path) -> bool:
    try:
        return read_file(path, "clip", head=len(_POINTER)) == _POINTER
    except UnreadableRecord:
        return False
