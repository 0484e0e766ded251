# SPDX-License-Identifier: Apache-2.0
"""Which of several equal ways is the fastest here: timed once on the real tensors, then kept.

The usual rule (factor norms where 2 T^2 <= d p) counts memory, not time, and is wrong by 5 to
10 % of a step at width 128. What is fast depends on caches and on the matrix library, so it is
measured: one warm-up and the fastest of three runs of each way, once for each key (operation,
shapes, precision, threads). All ways compute the same numbers up to rounding.

Timing sees how long an operation takes on a batch of records; nothing of it leaves the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager

import torch

REPEATS = 3

_chosen: dict[Hashable, str] = {}
_pinned: list[str] = []


def fastest(key: Hashable, ways: Mapping[str, Callable[[], object]], *, device: str = "cpu") -> str:
    """The name of the way that took least time, the first time this key was asked for.

    Args:
      key: what the answer depends on besides device and number of threads.
      ways: name -> a call without lasting effects; timed in this order, ties go to the first.
      device: device type that the ways run on.

    Raises:
      ValueError: without ways.
    """
    if not ways:
        raise ValueError(f"choice of {key!r}: expected at least one way, got none.")
    for name in reversed(_pinned):
        if name in ways:
            return name
    full = (key, device, torch.get_num_threads())
    if full not in _chosen:
        _chosen[full] = _timed(ways, device) if len(ways) > 1 else next(iter(ways))
    return _chosen[full]


@contextmanager
def pinned(name: str) -> Iterator[None]:
    """Within, every choice that knows this way takes it, untimed; for reproducible runs."""
    _pinned.append(name)
    try:
        yield
    finally:
        _pinned.remove(name)


def forget() -> None:
    """Drop what was measured, for example after the number of cores changed."""
    _chosen.clear()


def _timed(ways: Mapping[str, Callable[[], object]], device: str) -> str:
    # A thread's own time does not count what its neighbours take from it.
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.thread_time if alone else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + REPEATS):
        # Interleaved, so that a busy neighbour slows every way alike.
        for name, way in ways.items():
            _wait(device)
            start = clock()
            way()
            _wait(device)
            seconds[name].append(clock() - start)
    # Whatever disturbs a run makes it slower, never faster.
    return min(seconds, key=lambda name: min(seconds[name][1:]))


def _wait(device: str) -> None:
    if device != "cpu":
        torch.accelerator.synchronize()
