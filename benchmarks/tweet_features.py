# SPDX-License-Identifier: Apache-2.0
"""Which features of a tweet tell its feeling, by logistic regression on validation records.

    python benchmarks/tweet_features.py

Five splits, none of them cut between pictures, words or handles; the best of three strengths of
regularisation each. No test record is looked at. What a picture gives in `inputs.look`, and a text
in `inputs.text`, was chosen by this.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from _common import table
from _multimodal_sets import LAYOUTS, corpus
from polyveil.detect.alignment import HEAD, AlignmentModel
from polyveil.inputs.look import colours
from polyveil.inputs.text import hashed
from polyveil.records import picture
from polyveil.records.record import Record
from polyveil.tasks.data_sets import Split

STRENGTHS = (0.1, 1.0, 10.0)
SEEDS = 5
TEXT_WIDTH = 4096

Floats = NDArray[np.float32]


def looks(records: Sequence[Record]) -> dict[str, Floats]:
    """What a whole picture gives: the alignment tower's embedding, small pixels, colours."""
    crops, pixels, shares = [], [], []
    for record in records:
        decoded = picture.decode(record.image).pixels
        rgb = decoded if decoded.ndim == 3 else np.repeat(decoded[:, :, None], 3, axis=2)
        crops.append(cv2.resize(rgb, (HEAD, HEAD), interpolation=cv2.INTER_AREA))
        pixels.append(cv2.resize(rgb, (16, 16), interpolation=cv2.INTER_AREA).ravel() / 255 - 0.5)
        shares.append(colours(rgb))
    return {
        "alignment tower": AlignmentModel().image(np.stack(crops)),
        "16 x 16 pixels": np.stack(pixels).astype(np.float32) / 4,
        "colours": np.stack(shares),
    }


def validated(values: Floats, labels: NDArray, strength: float, splits: list[Split]) -> float:
    """Mean accuracy on validation records."""
    return float(
        np.mean(
            [
                LogisticRegression(C=strength, max_iter=300)
                .fit(values[one.train], labels[one.train])
                .score(values[one.validation], labels[one.validation])
                for one in splits
            ]
        )
    )


def main() -> None:
    """Prints a row for each kind of features."""
    tweets = corpus("imgtext_mvsa").records
    texts = [str(one.row["text"]) for one in tweets.records]
    seen = looks(tweets.records)
    words = np.stack([hashed(text, TEXT_WIDTH) for text in texts])
    said = AlignmentModel().text(texts)
    tower = seen["alignment tower"]
    features = {
        **{f"image: {name}": values for name, values in seen.items()},
        "image: tower and pixels": np.concatenate([tower, seen["16 x 16 pixels"]], 1),
        "image: tower and colours": np.concatenate([tower, seen["colours"]], 1),
        "text: hashed n-grams": words,
        "text: alignment tower": said,
        "text: both": np.concatenate([words, said / 2], 1),
    }
    labels = np.array(tweets.labels)
    splits = [LAYOUTS["imgtext_mvsa"].split(tweets, seed) for seed in range(SEEDS)]
    rows = []
    for name, values in features.items():
        found = [(validated(values, labels, one, splits), one) for one in STRENGTHS]
        rows.append([name, values.shape[1], *max(found)])
    print(table(["features", "width", "validation accuracy", "C"], rows))


if __name__ == "__main__":
    main()
