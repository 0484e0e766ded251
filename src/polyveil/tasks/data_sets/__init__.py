# SPDX-License-Identifier: Apache-2.0
"""Multimodal data sets in the layouts that their makers distribute, split without leakage."""

from polyveil.tasks.data_sets.crema_d import read_crema_d
from polyveil.tasks.data_sets.emo_db import read_emo_db
from polyveil.tasks.data_sets.labelled_set import LabelledSet, Split
from polyveil.tasks.data_sets.mvsa import read_mvsa

__all__ = ["LabelledSet", "Split", "read_crema_d", "read_emo_db", "read_mvsa"]
