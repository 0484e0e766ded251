# SPDX-License-Identifier: Apache-2.0
"""Private alternating multimodal learning with hybrid-uncertainty fusion: the paper's table.

The paper splits CREMA-D at random, so that the same actors are trained and tested on; here no
actor, author or picture is on both sides, which makes the figures lower and mean something.

Source: Sun et al., Applied Sciences 15(10):5229, 2025, https://doi.org/10.3390/app15105229
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyveil.errors import UsageError
from polyveil.inputs import FrontEnd, front_end
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Options
from polyveil.report.reproduced import Printed
from polyveil.tasks.data_sets import LabelledSet, read_crema_d, read_emo_db, read_mvsa
from polyveil.tasks.data_sets.crema_d import FOLDERS
from polyveil.tasks.data_sets.mvsa import LABELS

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

NOT_DONE = (
    "the paper's encoders (ResNet-18, BERT) with weights from elsewhere: networks here are small "
    "and start from nothing, so that every figure is of the records alone",
    "the paper's random split, which has the same actors on both sides",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set as its makers distribute it.

    Attributes:
      title: e.g. "CREMA-D".
      is_there: whether a folder has this layout.
      read: its records.
      front_ends: modality -> how it is read.
      shares: of validation and test.
      plain, private: how long and in what steps, without and with a promise; chosen on validation
        records.
    """

    title: str
    is_there: Callable[[Path], bool]
    read: Callable[[Path], LabelledSet]
    front_ends: Mapping[str, FrontEnd]
    shares: tuple[float, float]
    plain: Options
    private: Options

    def options(self, epsilon: float | None) -> Options:
        """Of a cell with this budget."""
        return self.plain if epsilon is None else self.private


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

    def parts(self, seed: int) -> Parts:
        """The split of a seed; no tie runs between two parts."""
        validation, test = self.layout.shares
        split = self.records.split(validation=validation, test=test, seed=seed)

        def part(rows: np.ndarray) -> Multimodal:
            return self.everything.where(np.isin(np.arange(len(self.everything)), rows))

        return Parts(self.layout.title, part(split.train), part(split.validation), part(split.test))


LAYOUTS = (
    Layout(
        "CREMA-D",
        lambda root: (root / "AudioWAV").is_dir(),
        read_crema_d,
        {"voice": front_end("voice", seconds=2.5), "image": front_end("face", size=48)},
        (0.15, 0.15),
        Options(epochs=30, batch_size=64),
        Options(epochs=30, batch_size=512),
    ),
    Layout(
        "MVSA",
        lambda root: (root / LABELS).is_file(),
        read_mvsa,
        {"image": front_end("look"), "text": front_end("text", width=4096)},
        (0.1, 0.1),
        Options(epochs=15, batch_size=64),
        Options(epochs=30, batch_size=512),
    ),
    Layout(
        "EMO-DB",
        lambda root: any((root / "wav").glob("*.wav")) or any(root.glob("wav/*.flac")),
        read_emo_db,
        {"spectrogram": front_end("voice", seconds=2.0), "prosody": front_end("prosody")},
        (0.15, 0.3),
        Options(epochs=40, batch_size=32),
        Options(epochs=40, batch_size=128),
    ),
)


def corpus(root: Path) -> Corpus:
    """The data set in a folder.

    Raises:
      UsageError: the folder has none of the known layouts, or nothing in it can be read.
    """
    layout = next((one for one in LAYOUTS if one.is_there(root)), None)
    if layout is None:
        raise UsageError(
            "data: none of the known layouts; expected CREMA-D (AudioWAV/ and "
            f"{'/ or '.join(FOLDERS)}/), MVSA (data/ and {LABELS}) or EMO-DB (wav/)."
        )
    records, everything = layout.read(root).readable(layout.front_ends)
    return Corpus(layout, records, everything)
