# SPDX-License-Identifier: Apache-2.0
"""The three chimeric sets of the recognition benchmarks, read once and kept under .cache.

What counts as another session differs by data set, and is said in `Set.sessions`: LFW other photos,
ORL other pictures, EMO-DB other sentences, keystrokes other (later) sentences. LibriSpeech has
other utterances for 7 speakers alone; of the others there is one utterance, whose first half
enrols and whose second half probes: same session, same channel, so voice looks better than it is.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from _common import DATA, ROOT
from polyveil.detect.faces import find_faces
from polyveil.detect.landmarks import landmarks
from polyveil.models.recognition import Modality
from polyveil.recognize.chimeric import PARTS, Part, Source, divided
from polyveil.records.finding import Face

CACHE = ROOT / ".cache" / "recognition"
SPLIT_SEED = 20261121
NAMES = ("lfw", "orl", "emodb")
TITLES = {
    "lfw": "LFW + LibriSpeech + keystrokes (chimeric)",
    "orl": "ORL + LibriSpeech + keystrokes (chimeric)",
    "emodb": "ORL + EMO-DB + keystrokes (chimeric)",
}
SESSIONS = {
    "faces_lfw": "other photos",
    "faces_orl": "other pictures",
    "voice_librispeech": "other utterances for 7 speakers; second half of one utterance for others",
    "voice_emodb": "other sentences",
    "behaviour_keystroke_aalto": "other, later sentences",
}

SIDE, MELS, FRAMES, STEPS = 48, 40, 80, 48
RATE, HOP, WINDOW = 16_000, 400, 2.0
"""Hz; samples between frames; seconds of a voice sample: FRAMES * HOP = WINDOW * RATE."""

ALIGNED = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])
"""Eyes, nose, corners of the mouth of a face aligned to 112 x 112."""

Arrays = tuple[NDArray[np.float32], NDArray[np.str_], NDArray[np.str_]]


@dataclass(frozen=True, eq=False)
class Set:
    """One chimeric set: sources to draw pairings from, and their samples.

    Attributes:
      name: one of NAMES; `title` says what is in it.
      sources: face, voice, behaviour.
      arrays: modality -> float32 (n, *shape), in the order of its source.
      modalities: for `RecogniserConfig`, in order.
      distant: (n of voice,) bool, whether enrolment and probe of the speaker are of different
        utterances.
    """

    name: str
    sources: tuple[Source, ...] = field(repr=False)
    arrays: dict[str, NDArray[np.float32]] = field(repr=False)
    modalities: tuple[Modality, ...]
    distant: NDArray[np.bool_] = field(repr=False)

    @property
    def title(self) -> str:
        return TITLES[self.name]


_PACKS: dict[str, dict[str, dict[str, tuple[Part, ...]]]] = {
    "lfw": {
        "face": {"faces_lfw": PARTS},
        "voice": {"voice_librispeech": PARTS},
        "behaviour": {"behaviour_keystroke_aalto": PARTS},
    },
    "orl": {
        "face": {"faces_orl": PARTS, "faces_lfw": ("background",)},
        "voice": {"voice_librispeech": PARTS},
        "behaviour": {"behaviour_keystroke_aalto": PARTS},
    },
    "emodb": {
        "face": {"faces_orl": PARTS, "faces_lfw": ("background",)},
        "voice": {"voice_emodb": PARTS, "voice_librispeech": ("background", "development")},
        "behaviour": {"behaviour_keystroke_aalto": PARTS},
    },
}
"""Set -> modality -> data set -> parts that it lends people to."""

SHARES: dict[str, dict[Part, float]] = {
    "faces_lfw": {"background": 0.4, "development": 0.2, "evaluation": 0.4},
    "faces_orl": {"background": 0.0, "development": 0.4, "evaluation": 0.6},
    "voice_librispeech": {"background": 0.4, "development": 0.2, "evaluation": 0.4},
    "voice_emodb": {"evaluation": 1.0},
    "behaviour_keystroke_aalto": {"background": 0.7, "development": 0.1, "evaluation": 0.2},
}
"""ORL is too small for a background of its own, EMO-DB for one and for development."""

# The speakers with several utterances: 5 of 7 are evaluated on.
_ALWAYS: dict[str, Part] = {
    **dict.fromkeys(("1688", "1998"), "development"),
    **dict.fromkeys(("2414", "2609", "3080", "3331", "367"), "evaluation"),
}


def load(name: str) -> Set:
    """The set of that name, from .cache where it was read before."""
    read = {kind: _source(kind, packs) for kind, packs in _PACKS[name].items()}
    arrays = {kind: x for kind, (x, _) in read.items()}
    sources = tuple(source for _, source in read.values())
    voice = read["voice"][1]
    one_utterance = np.char.startswith(voice.people, "voice_librispeech/")
    distant = ~one_utterance | np.isin(voice.people, [f"voice_librispeech/{n}" for n in _ALWAYS])
    return Set(name, sources, arrays, _modalities(arrays), distant)


def _source(kind: str, packs: dict[str, tuple[Part, ...]]) -> tuple[NDArray[np.float32], Source]:
    """Samples and people of one modality; people are called pack/person."""
    parts: dict[Part, tuple[str, ...]] = dict.fromkeys(PARTS, ())
    columns = []
    for pack, lends in packs.items():
        x, bare, roles = _cached(pack)
        people = np.char.add(f"{pack}/", bare)
        fixed = _ALWAYS if pack == "voice_librispeech" else {}
        found = divided(
            people.tolist(),
            SHARES[pack],
            seed=SPLIT_SEED,
            always={f"{pack}/{name}": part for name, part in fixed.items()},
        )
        for part in lends:
            parts[part] += found.get(part, ())
        columns.append((x, people, roles))
    x, people, roles = (np.concatenate(column) for column in zip(*columns, strict=True))
    return x, Source(kind, " and ".join(packs), people, roles, parts)


def _modalities(arrays: dict[str, NDArray[np.float32]]) -> tuple[Modality, ...]:
    spreads = {"face": 0.1, "voice": 0.5, "behaviour": 0.5}
    return tuple(Modality(name, x.shape[1:], spreads[name]) for name, x in arrays.items())


def _cached(pack: str) -> Arrays:
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = CACHE / f"{pack}-{version}.npz"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        x, people, roles = READERS[pack]()
        np.savez_compressed(kept, x=x, people=people, roles=roles)
    with np.load(kept) as found:
        return found["x"], found["people"], found["roles"]


def _lfw() -> Arrays:
    rows = csv.DictReader((DATA / "faces_lfw/dev/labels.csv").open(encoding="utf-8"))
    files = [
        (row["name"], DATA / "faces_lfw/dev" / row["file"])
        for row in rows
        if row["kind"] == "multi"
    ]
    return _faces(files)


def _orl() -> Arrays:
    files = sorted((DATA / "faces_orl/dev").glob("s*/*.png"))
    return _faces([(file.parent.name, file) for file in files])


def _faces(files: list[tuple[str, Path]]) -> Arrays:
    """Every other picture of a person enrols."""
    found = [(who, face) for who, file in files if (face := _face(file)) is not None]
    people = np.array([who for who, _ in found])
    order = np.concatenate([np.arange((people == who).sum()) for who in dict.fromkeys(people)])
    return np.stack([face for _, face in found]), people, _roles(order % 2 == 0)


def _libri() -> Arrays:
    """Windows of 2 s: three an utterance's half, or of the 7 speakers' whole utterances three."""
    samples: list[tuple[str, NDArray[np.float32], bool]] = []
    seen: dict[str, int] = {}
    for row in _rows("voice_librispeech"):
        wave = _wave("voice_librispeech", row["file"])
        speaker = row["speaker"]
        if row["subset"] == "test-other":
            seen[speaker] = seen.get(speaker, 0) + 1
            samples += [(speaker, one, seen[speaker] <= 5) for one in _windows(wave)]
        elif len(wave) >= 2 * WINDOW * RATE:
            halves = wave[: len(wave) // 2], wave[len(wave) // 2 :]
            samples += [
                (speaker, one, half == 0) for half in (0, 1) for one in _windows(halves[half])
            ]
    people, sounds, enrols = zip(*samples, strict=True)
    return np.stack(sounds), np.array(people), _roles(np.array(enrols))


def _emodb() -> Arrays:
    """Every other of the ten sentences enrols."""
    rows = _rows("voice_emodb")
    enrolled = sorted({row["sentence"] for row in rows})[::2]
    sounds = np.stack([_windows(_wave("voice_emodb", row["file"]))[0] for row in rows])
    enrols = np.array([row["sentence"] in enrolled for row in rows])
    return sounds, np.array([row["speaker"] for row in rows]), _roles(enrols)


def _keystrokes() -> Arrays:
    """Of 15 sentences in order of time the first 8 enrol."""
    with np.load(DATA / "behaviour_keystroke_aalto/dev/data.npz") as pack:
        users, sections, offsets = pack["user"], pack["section"], pack["offsets"]
        keys = np.stack([pack["down_down_ms"], pack["hold_ms"], pack["keycode"]], 1)
    x = np.stack([_sentence(keys[a:b]) for a, b in itertools.pairwise(offsets)])
    enrols = np.zeros(len(users), dtype=np.bool_)
    for user in np.unique(users):
        own = np.flatnonzero(users == user)
        enrols[own[np.argsort(sections[own])][:8]] = True
    return x, users.astype(np.str_), _roles(enrols)


READERS: dict[str, Callable[[], Arrays]] = {
    "faces_lfw": _lfw,
    "faces_orl": _orl,
    "voice_librispeech": _libri,
    "voice_emodb": _emodb,
    "behaviour_keystroke_aalto": _keystrokes,
}


def _roles(enrols: NDArray[np.bool_]) -> NDArray[np.str_]:
    return np.where(enrols, "enrolment", "probe")


def _rows(pack: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / pack / "dev/labels.csv").open(encoding="utf-8")))


def _face(file: Path) -> NDArray[np.float32] | None:
    """The face in the middle of a picture, aligned on its five points; None: none was found."""
    pixels = np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])
    faces = sorted(find_faces(pixels), key=lambda face: _off_centre(face, pixels))
    if not faces or _off_centre(faces[0], pixels) > 40:
        return None
    face = landmarks(pixels, faces[:1])[0]
    target = (ALIGNED - 56) * 0.9 * (SIDE / 112) + SIDE / 2
    matrix = cv2.estimateAffinePartial2D(face.points.astype(np.float64), target)[0]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    cut = cv2.warpAffine(grey, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut / 255, np.float32)[None]


def _off_centre(face: Face, pixels: NDArray[np.uint8]) -> float:
    box, (height, width) = face.box, pixels.shape[:2]
    return float(np.hypot(box.left + box.right - width, box.top + box.bottom - height) / 2)


def _wave(pack: str, file: str) -> NDArray[np.float32]:
    return np.asarray(soundfile.read(DATA / pack / "dev" / file, dtype="float32")[0])


def _windows(wave: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Up to three samples, evenly spread; a sound that is too short comes again."""
    size = round(WINDOW * RATE)
    starts = sorted({round(at) for at in np.linspace(0, max(len(wave) - size, 0), 3)})
    return [_log_mel(np.resize(wave[at : at + size], size)) for at in starts]


def _log_mel(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-mel energies (1, MELS, FRAMES), less their mean: loudness says nothing."""
    size = 512
    padded = np.pad(wave, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::HOP][:FRAMES]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    mels = np.linspace(*(2595 * np.log10(1 + hertz / 700) for hertz in (60, 7600)), MELS + 2)
    low, centre, high = (
        (700 * (10 ** (mels / 2595) - 1))[at : at + MELS, None] for at in (0, 1, 2)
    )
    bins = np.fft.rfftfreq(size, 1 / RATE)
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    logs = np.log(power @ np.clip(np.minimum(rising, falling), 0, None).T + 1e-6).T
    return np.asarray((logs - logs.mean()) / 3, np.float32)[None]


def _sentence(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """Keystrokes (STEPS, 11): hold, from press to press, from release to press, which key."""
    pressed, held, code = keys[:STEPS].astype(np.float64).T
    released = pressed - np.concatenate([[0.0], held[:-1]])
    times = [
        (np.log(held + 5) - 4.65) / 0.4,
        (np.log(pressed + 20) - 5.2) / 0.7,
        np.arcsinh(released / 100) - 0.7,
    ]
    bits = [((code.astype(np.int64) >> bit) & 1) - 0.5 for bit in range(5)]
    named = [code == key for key in (32, 8, 16)]  # space, backspace, shift
    x = np.clip(np.stack([*times, *bits, *named], 1), -4, 4)
    return np.asarray(np.pad(x, ((0, STEPS - len(x)), (0, 0))), np.float32)
