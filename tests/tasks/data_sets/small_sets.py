# SPDX-License-Identifier: Apache-2.0
"""Every known layout, made up small: tones, smooth pictures and a few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE) -> NDArray[np.float64]:
    """A voiced sound: five overtones."""
    time = np.arange(round(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 6)]
    return 0.2 * np.sum(waves, axis=0)


def jpeg(seed: int) -> bytes:
    """A smooth random picture."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", picture)[1])


def emo_db(root: Path, *, inside: str = "wav", suffix: str = ".wav", actors: int = 8) -> Path:
    """Actors say two sentences with two feelings: high or low."""
    folder = root / inside
    folder.mkdir(parents=True, exist_ok=True)
    for actor in range(3, 3 + actors):
        for sentence in ("a01", "b03"):
            for letter, hertz in (("W", 220.0), ("T", 110.0)):
                path = folder / f"{actor:02d}{sentence}{letter}a{suffix}"
                soundfile.write(path, tone(hertz + actor), RATE, subtype="PCM_16")
    return root


def crema_d(root: Path, *, actors: int = 12) -> Path:
    """Actors say a sentence with two feelings; of one clip there is a picture, of nobody."""
    for name in ("AudioWAV", "frames"):
        (root / name).mkdir(parents=True)
    for actor in range(1001, 1001 + actors):
        for code, hertz in (("ANG", 220.0), ("SAD", 110.0)):
            clip = f"{actor}_DFA_{code}_XX"
            path = root / "AudioWAV" / f"{clip}.wav"
            soundfile.write(path, tone(hertz + actor % 50), RATE, subtype="PCM_16")
    (root / "frames" / "1001_DFA_ANG_XX.jpg").write_bytes(jpeg(0))
    return root


def tweets(root: Path, *, count: int = 40) -> Path:
    """Every fourth retweets one of five authors, every tenth has the picture of the one before."""
    (root / "images").mkdir(parents=True)
    rows = []
    for at in range(count):
        (root / f"images/{at}.jpg").write_bytes(jpeg(at - 1 if at % 10 == 9 else at))
        text = f"{'glad' if at % 2 else 'sad'} {'abcdefghij'[at % 10] * 2}{'klmno'[at // 10]}"
        if at % 4 == 0:
            text = f"RT @Anna{at // 4 % 5}: {text}"
        feeling = "positive" if at % 2 else "negative"
        rows.append({"id": at, "image": f"images/{at}.jpg", "text": text, "sentiment": feeling})
    (root / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


def mvsa(root: Path, *, count: int = 40) -> Path:
    """The same tweets as MVSA's makers would distribute them."""
    own = tweets(root / "tweets", count=count)
    (root / "data").mkdir()
    lines = ["ID\ttext,image"]
    for line in (own / "pairs.jsonl").read_text().splitlines():
        row = json.loads(line)
        (own / row["image"]).rename(root / "data" / f"{row['id']}.jpg")
        (root / "data" / f"{row['id']}.txt").write_text(row["text"])
        lines.append(f"{row['id']}\t{row['sentiment']},neutral")
    (own / "pairs.jsonl").unlink()
    (root / "labelResultAll.txt").write_text("\n".join(lines))
    return root


def av_mnist(root: Path, *, beside: bool = False, clips: int = 20, pairs: int = 3) -> Path:
    """Clip i says digit i % 10; the last five clips are the test part's.

    Args:
      root: what holds `av_mnist/dev`, and `voice_fsdd/dev` unless the sounds are `beside`.
    """
    seen = root / "av_mnist" / "dev"
    spoken = seen if beside else root / "voice_fsdd" / "dev"
    for folder in (seen, spoken):
        folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    rows = np.array([[at, at // pairs, at // pairs % 10] for at in range(clips * pairs)])
    train, test = np.split(rows, [(clips - 5) * pairs])
    test = test - np.array([(clips - 5) * pairs, 0, 0])
    pictures = draw.integers(0, 255, (len(rows), 28, 28), dtype=np.uint8)
    np.savez(seen / "mnist.npz", x_train=pictures[: len(train)], x_test=pictures[len(train) :])
    np.savez(seen / "pairs.npz", train=draw.permutation(train), test=test)
    sounds = [tone(100 + 7 * at, 0.3 + 0.01 * at, 8000) for at in range(clips)]
    soundfile.write(spoken / "audio_8k.flac", np.concatenate(sounds), 8000, subtype="PCM_16")
    np.savez(spoken / "index.npz", offsets=np.cumsum([0, *map(len, sounds)]))
    return root


def digits_as_distributed(root: Path, *, inside: str = ".", clips: int = 10) -> Path:
    """mnist.npz as it is known, and takes of two digits by one speaker, five of each for testing.

    Args:
      inside: folder that `recordings` lies in.
      clips: of each digit.
    """
    draw = np.random.default_rng(1)
    folder = root / inside / "recordings"
    folder.mkdir(parents=True)
    for digit in (0, 1):
        for take in range(clips):
            wave = tone(100 + 40 * digit + take, 0.3, 8000)
            soundfile.write(folder / f"{digit}_ann_{take}.wav", wave, 8000, subtype="PCM_16")
    arrays = {}
    for part, count in (("train", 40), ("test", 12)):
        arrays[f"x_{part}"] = draw.integers(0, 255, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(count, dtype=np.uint8) % 2
    np.savez(root / "mnist.npz", **arrays)
    return root


def less(name: str, root: Path, at: int) -> None:
    """Takes the at-th record away; of AV-MNIST, the at-th pair."""
    if name in {"CREMA-D", "EMO-DB"}:
        folder = root / ("AudioWAV" if name == "CREMA-D" else "wav")
        sorted(folder.glob("*.wav"))[at].unlink()
    elif name == "AV-MNIST":
        path = root / "av_mnist/dev/pairs.npz"
        with np.load(path) as pairs:
            rows = {part: pairs[part] for part in ("train", "test")}
        np.savez(path, **(rows | {"train": np.delete(rows["train"], at, axis=0)}))
    else:
        path = root / ("pairs.jsonl" if name == "tweets" else "labelResultAll.txt")
        lines = path.read_text().splitlines()
        del lines[at + (name == "MVSA")]
        path.write_text("\n".join(lines))


MADE: dict[str, Callable[..., Path]] = {
    "CREMA-D": crema_d,
    "MVSA": mvsa,
    "tweets": tweets,
    "EMO-DB": emo_db,
    "AV-MNIST": av_mnist,
}
"""Name of a layout -> what makes a folder of it."""
