# SPDX-License-Identifier: Apache-2.0
"""Multimodal data sets in the layouts that their makers distribute, split without leakage."""

from polyveil.tasks.data_sets.av_mnist import read_av_mnist
from polyveil.tasks.data_sets.crema_d import read_crema_d
from polyveil.tasks.data_sets.emo_db import read_emo_db
from polyveil.tasks.data_sets.labelled_set import LabelledSet, Split
from polyveil.tasks.data_sets.mvsa import read_mvsa
from polyveil.tasks.data_sets.tweets import read_tweets

__all__ = [
    "LabelledSet",
    "Split",
    "read_av_mnist",
    "read_crema_d",
    "read_emo_db",
    "read_mvsa",
    "read_tweets",
]
