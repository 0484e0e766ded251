# SPDX-License-Identifier: Apache-2.0
"""Hostile pictures: typed refusals, no crash, at most 5 s each, bounded memory."""

from __future__ import annotations

import resource
import time

import hostile_pictures
import numpy as np
import pytest

from polyveil.errors import UnreadableRecord
from polyveil.records.picture import decode

REFUSED = hostile_pictures.refused()
SURVIVED = hostile_pictures.survived()


def test_corpus_has_the_promised_size() -> None:
    assert len(REFUSED) + len(SURVIVED) >= 150


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_by_type_in_time(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(UnreadableRecord) as caught:
        decode(REFUSED[name])
    assert time.monotonic() - start < 5
    # No decoder's message, which may quote the file, comes along.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", SURVIVED)
def test_is_read_or_refused(name: str) -> None:
    start = time.monotonic()
    try:
        picture = decode(SURVIVED[name])
    except UnreadableRecord:
        pass
    else:
        assert picture.pixels.dtype == np.uint8
    assert time.monotonic() - start < 5


def test_memory_stayed_bounded() -> None:
    """Peak of the whole test process, bombs included: kilobytes on Linux."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20
