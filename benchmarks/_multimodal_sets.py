# SPDX-License-Identifier: Apache-2.0
"""The three sets of the multimodal benchmarks as arrays, split without leakage, kept under .cache.

| Set          | Modalities                     | Split                                        |
|--------------|--------------------------------|----------------------------------------------|
| av_mnist     | picture and sound of a digit   | its own test part (other takes, the same     |
|              | (paired by digit: chimeric)    | speakers); validation: other takes of train  |
| imgtext_mvsa | picture and text of a tweet    | no picture (near-duplicates too), words or   |
|              |                                | handle in two parts                          |
| voice_emodb  | spectrogram and prosody of one | no actor in two parts; 4 of 7 train, 1       |
|              | utterance                      | validates, 2 test                            |

The seed draws the split of the last two, and av_mnist's validation part. Front ends have no fitted
part. What a picture of a tweet gives (the shipped alignment tower's embedding beside a histogram of
colours) and what its text gives (hashed n-grams) was chosen on training and validation records:
`python benchmarks/_multimodal_sets.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from _common import DATA, ROOT, table
from polyveil.detect.alignment import HEAD, AlignmentModel
from polyveil.inputs import FrontEnd, front_end
from polyveil.inputs.look import colours
from polyveil.inputs.text import hashed
from polyveil.learn.modalities import Multimodal
from polyveil.records import picture
from polyveil.records.record import Record
from polyveil.tasks.data_sets import read_emo_db
from polyveil.tasks.data_sets.labelled_set import LabelledSet
from polyveil.tasks.data_sets.mvsa import CLASSES, text_ties
from polyveil.tasks.data_sets.near_pictures import picture_ties

NAMES = ("av_mnist", "imgtext_mvsa", "voice_emodb")
TITLES = {
    "av_mnist": "AV-MNIST (chimeric: paired by digit)",
    "imgtext_mvsa": "MVSA tweets (800)",
    "voice_emodb": "EMO-DB (339 utterances)",
}
CACHE = ROOT / ".cache" / "multimodal"
TEXT_WIDTH = 4096
HELD_TAKES = 0.1
"""Share of av_mnist's training clips that validate."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Parts:
    """One set, split. `train` fits models, `validation` everything that is chosen."""

    name: str
    train: Multimodal
    validation: Multimodal
    test: Multimodal


def parts(name: str, seed: int) -> Parts:
    """A set and its split of that seed."""
    return {"av_mnist": _av_mnist, "imgtext_mvsa": _mvsa, "voice_emodb": _emodb}[name](seed)


def _av_mnist(seed: int) -> Parts:
    arrays = _kept("av_mnist", VOICE, _read_av_mnist)
    classes = tuple(str(digit) for digit in range(10))

    def part(name: str, chosen: NDArray[np.bool_] | slice = slice(None)) -> Multimodal:
        rows = arrays[name][chosen]
        inputs = {
            "image": arrays[f"images_{name}"][rows[:, 0]],
            "sound": arrays["sounds"][rows[:, 1]],
        }
        return _whole(inputs, rows[:, 2], classes)

    # A picture occurs in one pair, a clip in eight: pairs of a clip stay on one side.
    clips = np.unique(arrays["train"][:, 1])
    order = np.random.default_rng(seed).permutation(clips)
    held = np.isin(arrays["train"][:, 1], order[: round(HELD_TAKES * len(clips))])
    return Parts("av_mnist", part("train", ~held), part("train", held), part("test"))


VOICE = front_end("voice", seconds=0.5, mels=32)
SPECTROGRAM = front_end("voice", seconds=2.0, mels=40, over="whole")


def _read_av_mnist() -> dict[str, NDArray]:
    folder, speech = DATA / "av_mnist" / "dev", DATA / "voice_fsdd" / "dev"
    pictures, pairs = np.load(folder / "mnist.npz"), np.load(folder / "pairs.npz")
    samples, rate = soundfile.read(speech / "audio_8k.flac", dtype="float32")
    ends = np.load(speech / "index.npz")["offsets"]
    sounds = np.zeros((len(ends) - 1, *VOICE.shape), np.float32)
    for row, (start, end) in enumerate(pairwise(ends)):
        buffer = io.BytesIO()
        soundfile.write(buffer, samples[start:end], rate, format="WAV", subtype="PCM_16")
        sounds[row] = VOICE.read(Record(str(row), {}, voice=buffer.getvalue()))
    found = {"sounds": sounds, "train": pairs["train"], "test": pairs["test"]}
    for name in ("train", "test"):
        found[f"images_{name}"] = pictures[f"x_{name}"].astype(np.float32)[:, None] / 255
    return found


def _mvsa(seed: int) -> Parts:
    tweets = _tweets()
    # Pictures are compared with each other once; the ties are kept with the arrays.
    arrays = _kept("imgtext_mvsa", TEXT_WIDTH, lambda: _read_mvsa(tweets))
    ties = tuple(frozenset(json.loads(str(one))) for one in arrays["ties"])
    tied = LabelledSet(tweets.name, tweets.records, tweets.labels, CLASSES, ties)
    labels = np.array([CLASSES.index(one) for one in tweets.labels])
    inputs = {"image": arrays["image"], "text": arrays["text"]}
    return _by_split("imgtext_mvsa", tied, _whole(inputs, labels, CLASSES), seed, 0.2, 0.2)


def _tweets() -> LabelledSet:
    folder = DATA / "imgtext_mvsa" / "dev"
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text("utf-8").splitlines()]
    records = tuple(
        Record(f"pairs.jsonl:{at}", {"text": row["text"]}, folder / row["image"], row["image"])
        for at, row in enumerate(rows)
    )
    labels = tuple(str(row["sentiment"]) for row in rows)
    return LabelledSet("MVSA", records, labels, CLASSES, (frozenset(),) * len(rows))


def _read_mvsa(tweets: LabelledSet) -> dict[str, NDArray]:
    looks = _looks([one.image for one in tweets.records])
    texts = [str(one.row["text"]) for one in tweets.records]
    ties = zip(picture_ties(tweets.records), texts, strict=True)
    return {
        "image": np.concatenate([looks["embedding"], looks["colours"]], axis=1),
        "text": np.stack([hashed(text, TEXT_WIDTH) for text in texts]),
        "ties": np.array([json.dumps(sorted(tie | text_ties(text))) for tie, text in ties]),
    }


def _looks(images: list[Path]) -> dict[str, Floats]:
    """What a whole picture gives: the alignment tower's embedding, small pixels, colours."""
    crops, pixels, shares = [], [], []
    for image in images:
        decoded = picture.decode(image).pixels
        rgb = decoded if decoded.ndim == 3 else np.repeat(decoded[:, :, None], 3, axis=2)
        crops.append(cv2.resize(rgb, (HEAD, HEAD), interpolation=cv2.INTER_AREA))
        pixels.append(cv2.resize(rgb, (16, 16), interpolation=cv2.INTER_AREA).ravel() / 255 - 0.5)
        shares.append(colours(rgb))
    embedding = AlignmentModel().image(np.stack(crops))
    return {
        "embedding": embedding,
        "pixels": np.stack(pixels).astype(np.float32) / 4,
        "colours": np.stack(shares),
    }


def _emodb(seed: int) -> Parts:
    spoken = read_emo_db(DATA / "voice_emodb" / "dev")
    ends = {"spectrogram": SPECTROGRAM, "prosody": front_end("prosody")}
    arrays = _kept("voice_emodb", SPECTROGRAM, lambda: dict(spoken.read(ends).inputs))
    labels = np.array([spoken.classes.index(one) for one in spoken.labels])
    # As a sequence of frames: told apart by its mean over time, better on validation actors than
    # as a picture.
    frames = np.ascontiguousarray(arrays["spectrogram"][:, 0].transpose(0, 2, 1))
    inputs = {"spectrogram": frames, "prosody": arrays["prosody"]}
    whole = _whole(inputs, labels, spoken.classes)
    return _by_split("voice_emodb", spoken, whole, seed, 1 / 7, 2 / 7)


def _by_split(
    name: str, data: LabelledSet, whole: Multimodal, seed: int, validation: float, test: float
) -> Parts:
    split = data.split(validation=validation, test=test, seed=seed)
    chosen = [np.isin(np.arange(len(whole)), rows) for rows in (split.train, split.validation)]
    return Parts(name, *(whole.where(one) for one in (*chosen, ~(chosen[0] | chosen[1]))))


def _whole(inputs: dict[str, Floats], labels: NDArray, classes: tuple[str, ...]) -> Multimodal:
    present = np.ones((len(labels), len(inputs)), dtype=bool)
    return Multimodal(inputs, present, labels.astype(np.int64), classes)


def _kept(
    name: str, version: FrontEnd | int, read: Callable[[], dict[str, NDArray]]
) -> dict[str, NDArray]:
    """Arrays of a set, read once for each version of how they are read."""
    said = json.dumps(version.to_json() if isinstance(version, FrontEnd) else version)
    path = CACHE / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part.npz")
        np.savez(draft, **read())
        draft.replace(path)
    with np.load(path) as kept:
        return dict(kept)


def main() -> None:
    """Which features of a tweet tell most, on validation records of five splits."""
    from sklearn.linear_model import LogisticRegression

    tweets = _tweets()
    texts = [str(one.row["text"]) for one in tweets.records]
    looks = _looks([one.image for one in tweets.records])
    words, said = (
        np.stack([hashed(text, TEXT_WIDTH) for text in texts]),
        AlignmentModel().text(texts),
    )
    features = {
        "image: alignment tower": looks["embedding"],
        "image: 16 x 16 pixels": looks["pixels"],
        "image: colours": looks["colours"],
        "image: tower and pixels": np.concatenate([looks["embedding"], looks["pixels"]], 1),
        "image: tower and colours": np.concatenate([looks["embedding"], looks["colours"]], 1),
        "text: hashed n-grams": words,
        "text: alignment tower": said,
        "text: both": np.concatenate([words, said / 2], 1),
    }
    arrays = _kept("imgtext_mvsa", TEXT_WIDTH, lambda: _read_mvsa(tweets))
    ties = tuple(frozenset(json.loads(str(one))) for one in arrays["ties"])
    tied = LabelledSet(tweets.name, tweets.records, tweets.labels, CLASSES, ties)
    labels, rows = np.array(tweets.labels), []
    splits = [tied.split(validation=0.2, test=0.2, seed=seed) for seed in range(5)]
    for name, values in features.items():
        best = max(
            (
                float(
                    np.mean(
                        [
                            LogisticRegression(C=strength, max_iter=300)
                            .fit(values[one.train], labels[one.train])
                            .score(values[one.validation], labels[one.validation])
                            for one in splits
                        ]
                    )
                ),
                strength,
            )
            for strength in (0.1, 1.0, 10.0)
        )
        rows.append([name, values.shape[1], *best])
    print(table(["features", "width", "validation accuracy", "C"], rows))


if __name__ == "__main__":
    main()
