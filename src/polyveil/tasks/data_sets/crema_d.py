# SPDX-License-Identifier: Apache-2.0
"""CREMA-D as distributed: actors who say a sentence with an emotion, in sound and picture.

    AudioWAV/1001_DFA_ANG_XX.wav      actor, sentence, emotion, intensity
    VideoFlash/1001_DFA_ANG_XX.flv    the video of the same clip

A picture of each clip comes from its frames, extracted beforehand: `FRAMES/<clip>.jpg`, or the
middle one of `FRAMES/<clip>/*.jpg` (also .png), where FRAMES is one of `FOLDERS`. `extract_frames`
makes the former from VideoFlash. A clip may lack its sound or its picture.

Clips are tied, and held out, by actor. The published random split has the same 91 actors on both
sides; pass `apart=False` to `LabelledSet.split` to compare with it.

Source: Cao et al., CREMA-D, IEEE Transactions on Affective Computing 5(4), 2014
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2

from polyveil import _disk
from polyveil.errors import UsageError
from polyveil.records.record import Record, Refused
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
FOLDERS = ("frames", "Image-01-FPS", "VideoFlash")
"""Where frames are looked for, in this order."""

_CLIP = re.compile(r"(\d{4})_([A-Z0-9]{3})_([A-Z]{3})_([A-Z]{1,2}|X)")
_PICTURES = (".jpg", ".png")


def find_crema_d(root: Path) -> tuple[Path, ...]:
    """The folder, where it has this layout."""
    return (root,) if (root / "AudioWAV").is_dir() else ()


def read_crema_d(root: Path) -> LabelledSet:
    """All clips; their `voice` and `image` are the modalities.

    Raises:
      UsageError: the folder has another layout, or holds no clip.
    """
    sounds = root / "AudioWAV"
    pictures = next((root / name for name in FOLDERS if _has_frames(root / name)), None)
    if not sounds.is_dir():
        raise UsageError("CREMA-D: expected a folder with AudioWAV/ and frames/ or VideoFlash/.")
    if pictures is None:
        raise UsageError(
            "CREMA-D: no frames; expected frames/<clip>.jpg or frames/<clip>/*.jpg. Make them with "
            "polyveil.tasks.data_sets.crema_d.extract_frames(root)."
        )
    records: list[Record] = []
    labels: list[str] = []
    ties: list[frozenset[str]] = []
    refused: list[Refused] = []
    # A clip whose sound is missing is still a clip: names come from both folders.
    names = {path.stem for path in sounds.glob("*.wav")} | _clips(pictures)
    for at, name in enumerate(sorted(names)):
        found = _CLIP.fullmatch(name)
        if found is None or found[3] not in EMOTIONS:
            reason = "name: expected actor_sentence_emotion_intensity, such as 1001_DFA_ANG_XX."
            refused.append(Refused(f"clip {at}", "UnreadableRecord", reason))
            continue
        sound = sounds / f"{name}.wav"
        image = _frame(pictures, name)
        records.append(
            Record(
                f"clip {at}",
                {"sentence": found[2]},
                image,
                None if image is None else image.relative_to(root).as_posix(),
                person=found[1],
                voice=sound if sound.is_file() else None,
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
        remarks=(f"one frame a clip, from {pictures.name}",),
    )


def extract_frames(root: Path) -> int:
    """Writes the middle frame of each VideoFlash/*.flv as frames/<clip>.jpg; returns how many.

    Frames that are there are kept, so that it may be run again; videos that cannot be decoded are
    passed over. The decoder is OpenCV's: run it on the files that CREMA-D's makers distribute, and
    on no stranger's.
    """
    written = 0
    target = root / "frames"
    target.mkdir(exist_ok=True)
    for video in sorted((root / "VideoFlash").glob("*.flv")):
        out = target / f"{video.stem}.jpg"
        if not out.exists() and (encoded := _middle_frame(video)) is not None:
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


def _has_frames(folder: Path) -> bool:
    return folder.is_dir() and bool(_clips(folder))


def _clips(folder: Path) -> set[str]:
    """Names of clips that have a picture, or a folder of pictures."""
    return {
        path.stem if path.is_file() else path.name
        for path in folder.iterdir()
        if path.suffix.lower() in _PICTURES or path.is_dir()
    }


def _frame(folder: Path, clip: str) -> Path | None:
    for suffix in _PICTURES:
        if (folder / f"{clip}{suffix}").is_file():
            return folder / f"{clip}{suffix}"
    inside = folder / clip
    found = sorted(path for path in inside.glob("*") if path.suffix.lower() in _PICTURES)
    return found[len(found) // 2] if found else None
