# SPDX-License-Identifier: Apache-2.0
"""Draws that are the same in every run of the tests.

Keys, tokens and noise are secrets of the operating system, and what follows from them may come out
otherwise once in a hundred runs: nobody held out of forty records, a stranger accepted at just the
rate that was promised. Tests that read them would fail as often, on changes that have no part in
it. So `secrets` draws here from a stream that the name of the test starts.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Steady:
    """Stands for `secrets`."""

    def __init__(self) -> None:
        self._stream, self._process = random.Random(0), os.getpid()

    def token_bytes(self, nbytes: int | None = None) -> bytes:
        """As `secrets.token_bytes`."""
        if self._elsewhere:
            return os.urandom(32 if nbytes is None else nbytes)
        return self._stream.randbytes(32 if nbytes is None else nbytes)

    def randbelow(self, exclusive_upper_bound: int) -> int:
        """As `secrets.randbelow`."""
        stream = random.SystemRandom() if self._elsewhere else self._stream
        return stream.randrange(exclusive_upper_bound)

    @property
    def _elsewhere(self) -> bool:
        """In a forked process: those that work side by side must not draw alike."""
        return os.getpid() != self._process

    def start(self, name: str) -> None:
        """From here on the stream of that name."""
        self._stream.seed(name)

    @contextmanager
    def apart(self, name: str) -> Iterator[None]:
        """Inside the stream of that name; then on where it stood."""
        before = self._stream.getstate()
        self.start(name)
        try:
            yield
        finally:
            self._stream.setstate(before)


def start_again() -> None:
    """Global generators, of which other libraries draw, as they are in a fresh process."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
