# SPDX-License-Identifier: Apache-2.0
"""Hostile pictures: typed refusals, no crash, at most 5 s each, bounded memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

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
    start = time.process_time()
    with pytest.raises(UnreadableRecord) as caught:
        decode(REFUSED[name])
    assert time.process_time() - start < 5
    # No decoder's message, which may quote the file, comes along.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", SURVIVED)
def test_is_read_or_refused(name: str) -> None:
    start = time.process_time()
    try:
        picture = decode(SURVIVED[name])
    except UnreadableRecord:
        pass
    else:
        assert picture.pixels.dtype == np.uint8
    assert time.process_time() - start < 5


def test_memory_stays_bounded() -> None:
    """Peak of a process that meets the whole corpus, bombs included, in kilobytes.

    Not getrusage: its peak is inherited from the process that starts this one.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process is read from Linux's /proc")
    program = (
        "import hostile_pictures, re\n"
        "from polyveil.errors import UnreadableRecord\n"
        "from polyveil.records.picture import decode\n"
        "corpus = {**hostile_pictures.refused(), **hostile_pictures.survived()}\n"
        "for data in corpus.values():\n"
        "    try: decode(data)\n"
        "    except UnreadableRecord: pass\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    here = Path(__file__).parent
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=here, capture_output=True, text=True, check=True
    )
    assert int(said.stdout) < 1 << 20
