# SPDX-License-Identifier: Apache-2.0
"""Records as numbers, several at once: from files to what a network takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UnreadableRecord
from polyveil.inputs import FrontEnd
from polyveil.learn.modalities import Example
from polyveil.records.record import Record

Item = TypeVar("Item")
Found = TypeVar("Found")

_AT_ONCE = 64
"""Records that are read side by side, and held at once."""
_HANDS = 8
"""Records that are decoded at the same moment at most, however many cores there are: a picture of
40 million pixels takes 0.4 GB until it was made small."""


def example(record: Record, label: str, ends: Mapping[str, FrontEnd]) -> Example:
    """A record as numbers, and its class; raises as `read_inputs`."""
    return Example(read_inputs(record, ends), label)


def read_inputs(record: Record, ends: Mapping[str, FrontEnd]) -> dict[str, NDArray[np.float32]]:
    """Modality -> numbers, of those that a record has.

    Raises:
      UnreadableRecord: one of them is broken, or it has none.
    """
    inputs = {name: end.read(record) for name, end in ends.items()}
    there = {name: one for name, one in inputs.items() if one is not None}
    if not there:
        raise UnreadableRecord(f"record: none of {', '.join(ends)}; expected one or more.")
    return there


def side_by_side(work: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
    """work(item) of each item, in order; `work` returns, and never raises, for a bad record."""
    # Finding a face and decoding a sound leave the interpreter to others.
    with ThreadPoolExecutor(min(_HANDS, (os.cpu_count() or 1) + 4)) as pool:
        for some in batched(items):
            yield from pool.map(work, some)


def batched(items: Iterable[Item]) -> Iterator[list[Item]]:
    """A few at a time, in order: as many as may be held at once."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
