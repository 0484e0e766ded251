# SPDX-License-Identifier: Apache-2.0
"""A layout of a data set: how a folder of it is recognised, read, split and trained on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from polyveil.errors import UsageError
from polyveil.inputs import FrontEnd
from polyveil.learn.multimodal import Options
from polyveil.tasks.data_sets.labelled_set import LabelledSet, Split

INNER = "dev"
"""A folder that holds nothing but a part of a set: looked into where the layout is not outside."""
_UNASKED = frozenset(("__MACOSX", "@eaDir"))
"""Folders that archivers and file servers write unasked."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set as it lies in a folder, and how models of it are trained.

    Attributes:
      name: as a plan says it: layout = "EMO-DB".
      title: as a table says it.
      expected: what such a folder holds, for messages.
      find: the folders that hold its records, of one to look in; () where that has another layout.
      read_folders: records of those folders.
      front_ends: modality -> how it is read.
      shares: of validation and test in a table; test None for the makers' own part.
      plain, private: how long and in what steps, without and with a promise.
      steeper: whether the private learning rate is that of epsilon 1 and grows by epsilon's root:
        with less noise longer steps are worth their while.
      clipping: of each release, see `Budget`.
      network: sizes, as `MultimodalConfig` calls them, where they are others than its own.
      alike: whether a table's split keeps pictures that look alike in one part.
      held_out: who is held out together in a training, as sentences for its report.
    """

    name: str
    title: str
    expected: str
    find: Callable[[Path], tuple[Path, ...]]
    read_folders: Callable[..., LabelledSet]
    front_ends: Mapping[str, FrontEnd]
    shares: tuple[float, float | None]
    plain: Options
    private: Options
    network: Mapping[str, Any] = field(default_factory=dict)
    alike: bool = False
    held_out: tuple[str, ...] = ()
    steeper: bool = False
    clipping: Literal["per-layer", "flat"] = "per-layer"

    def folders(self, root: Path) -> tuple[Path, ...]:
        """The folders that hold its records; or ().

        In `root`, in what it calls `INNER`, or in the one folder of it that has this layout, such
        as the folder that an archive unpacks to.
        """
        if found := self.at(root):
            return found
        inside = self.inside(root)
        return self.at(inside[0]) if len(inside) == 1 else ()

    def at(self, root: Path) -> tuple[Path, ...]:
        """The folders that hold its records, in `root` or in what it calls `INNER`; or ()."""
        return self.find(root) or self.find(root / INNER)

    def inside(self, root: Path) -> list[Path]:
        """The folders of a root that have this layout."""
        if not root.is_dir():
            return []
        return [path for path in sorted(root.iterdir()) if _readable(path) and self.at(path)]

    def read(self, root: Path) -> LabelledSet:
        """Its records, not yet decoded; each is read by itself.

        Raises:
          UsageError: the folder has another layout, or holds no usable record.
        """
        found = self.folders(root)
        if not found:
            raise UsageError(f"{self.name}: expected a folder with {self.expected}.")
        return self.read_folders(*found)

    def options(self, epsilon: float | None) -> Options:
        """Of a training with this budget."""
        if epsilon is None:
            return self.plain
        if not self.steeper:
            return self.private
        return replace(self.private, learning_rate=self.private.rate * math.sqrt(epsilon))

    def split(self, records: LabelledSet, seed: int) -> Split:
        """A table's split; no tie runs between two parts."""
        validation, test = self.shares
        return records.split(validation=validation, test=test, seed=seed)


def _readable(path: Path) -> bool:
    """Whether it is a folder that somebody made, and that may be listed."""
    unasked = path.name.startswith(".") or path.name in _UNASKED
    return path.is_dir() and not unasked and os.access(path, os.R_OK | os.X_OK)
