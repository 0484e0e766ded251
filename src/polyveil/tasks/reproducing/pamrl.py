# SPDX-License-Identifier: Apache-2.0
"""Private alternating multimodal learning with hybrid-uncertainty fusion: the paper's table.

The paper splits CREMA-D at random, so that the same actors are trained and tested on; here no
actor, author or picture is on both sides, which makes the figures lower and mean something.

Source: Sun et al., Applied Sciences 15(10):5229, 2025, https://doi.org/10.3390/app15105229
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyveil.learn.modalities import Multimodal
from polyveil.report.reproduced import Printed
from polyveil.tasks.data_sets import LabelledSet
from polyveil.tasks.data_sets.layout import Layout
from polyveil.tasks.data_sets.layouts import LAYOUTS, recognised
from polyveil.tasks.events import Listener, RecordDone, StageStarted, silence

TITLE = "Private alternating multimodal learning"
EPSILONS = (1.0, 2.0, 4.0, 8.0)

PRINTED = (
    *(
        Printed("CREMA-D", epsilon, figure, value)
        for epsilon, accuracy, ece in (
            (None, 72.21, 5.54),
            (1.0, 62.58, 18.34),
            (2.0, 65.69, 14.35),
        )
        for figure, value in (("accuracy", accuracy), ("ECE", ece))
    ),
    *(
        Printed("MVSA", epsilon, figure, value)
        for epsilon, accuracy, ece in ((None, 62.23, 4.76), (1.0, 55.56, 9.45), (2.0, 58.45, 6.43))
        for figure, value in (("accuracy", accuracy), ("ECE", ece))
    ),
)
"""In per cent; its unit of privacy and its delta are not stated there."""

OF_THE_SAME_KIND = {"MVSA tweets": "MVSA"}
"""Title of a set -> the paper's set that it is a part of."""

NOT_DONE = (
    "the paper's encoders (ResNet-18, BERT) with weights from elsewhere: networks here are small, "
    "and where records are few they learn from fixed figures of them",
    "the paper's random split, which has the same actors on both sides",
)


def printed(title: str) -> tuple[Printed, ...]:
    """What the paper prints for a set, or for the larger one that it is a part of."""
    name = OF_THE_SAME_KIND.get(title, title)
    return tuple(one for one in PRINTED if one.set == name)


@dataclass(frozen=True, slots=True)
class Parts:
    """One split; see `polyveil.tasks.reproducing.cell.Parts`."""

    name: str
    train: Multimodal
    validation: Multimodal
    test: Multimodal


@dataclass(frozen=True, slots=True)
class Corpus:
    """A data set, read once, to be split by any seed.

    Attributes:
      layout: of it.
      records: those that could be read.
      everything: what networks take of them, in the same order.
    """

    layout: Layout
    records: LabelledSet
    everything: Multimodal

    @property
    def lacking(self) -> tuple[str, ...]:
        """How many records lack a modality, a sentence each: frames may be there of a few alone."""
        here = self.everything.present.sum(axis=0).tolist()
        whole = len(self.everything)
        return tuple(
            f"{whole - count:,} of {whole:,} records have no {name}: they are learned from and "
            "answered by what else they have"
            for name, count in zip(self.everything.inputs, here, strict=True)
            if count < whole
        )

    def parts(self, seed: int) -> Parts:
        """The split of a seed; no tie runs between two parts."""
        split = self.layout.split(self.records, seed)

        def part(rows: np.ndarray) -> Multimodal:
            return self.everything.where(np.isin(np.arange(len(self.everything)), rows))

        return Parts(self.layout.title, part(split.train), part(split.validation), part(split.test))


def layout(root: Path) -> Layout:
    """Of the data set in a folder.

    Raises:
      UsageError: the folder has none of the known layouts.
    """
    return recognised(root, LAYOUTS)


def corpus(root: Path) -> Corpus:
    """The data set in a folder.

    Raises:
      UsageError: the folder has none of the known layouts, or nothing in it can be read.
    """
    return read(layout(root), root)


def read(known: Layout, root: Path, listen: Listener = silence) -> Corpus:
    """A folder of a layout, decoded, and tied by what looks alike where the layout says so."""
    found = known.read(root)
    found = found.with_near_pictures() if known.alike else found
    listen(StageStarted("records", len(found)))
    records, everything = found.readable(
        known.front_ends, lambda done: listen(RecordDone("records"))
    )
    return Corpus(known, records, everything)
