# SPDX-License-Identifier: Apache-2.0
"""The three sets of the multimodal benchmarks as arrays, split without leakage.

| Set          | Modalities                     | Split                                        |
|--------------|--------------------------------|----------------------------------------------|
| av_mnist     | picture and sound of a digit   | its own test part (other takes, the same     |
|              | (paired by digit: chimeric)    | speakers); validation: other takes of train  |
| imgtext_mvsa | picture and text of a tweet    | no picture (near-duplicates too), words or   |
|              |                                | handle in two parts                          |
| voice_emodb  | spectrogram and prosody of one | no actor in two parts; 4 of 7 train, 1       |
|              | utterance                      | validates, 2 test                            |

The seed draws the split of the last two, and av_mnist's validation part. How they are read, split
and trained on is the product's: `polyveil.tasks.data_sets.layouts`.
"""

from __future__ import annotations

from functools import cache

from _common import DATA, ROOT
from polyveil.tasks.data_sets.layout import Layout
from polyveil.tasks.data_sets.layouts import AV_MNIST, EMO_DB, TWEETS
from polyveil.tasks.reproducing import pamrl
from polyveil.tasks.reproducing.pamrl import Corpus, Parts

LAYOUTS: dict[str, Layout] = {"av_mnist": AV_MNIST, "imgtext_mvsa": TWEETS, "voice_emodb": EMO_DB}
NAMES = tuple(LAYOUTS)
TITLES = {
    "av_mnist": AV_MNIST.title,
    "imgtext_mvsa": f"{TWEETS.title} (800)",
    "voice_emodb": f"{EMO_DB.title} (339 utterances)",
}
CACHE = ROOT / ".cache" / "multimodal"


def parts(name: str, seed: int) -> Parts:
    """A set and its split of that seed; `train` fits models, `validation` all that is chosen."""
    return corpus(name).parts(seed)


@cache
def corpus(name: str) -> Corpus:
    """A set, read once in a process."""
    return pamrl.read(LAYOUTS[name], DATA / name)
