# SPDX-License-Identifier: Apache-2.0
"""Records are read side by side, in order, and few at once."""

from __future__ import annotations

from threading import Lock
from time import sleep

import pytest

pytest.importorskip("torch")

from polyveil.tasks import reading


def test_many_cores_do_not_hold_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    lock, now, most = Lock(), 0, 0

    def work(item: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        sleep(0.005)
        with lock:
            now -= 1
        return 2 * item

    assert list(reading.side_by_side(work, range(150))) == [2 * item for item in range(150)]
    assert 1 <= most <= 8


def test_a_few_are_taken_at_a_time() -> None:
    taken = 0

    def items():  # type: ignore[no-untyped-def]
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    first = next(reading.batched(items()))
    assert len(first) == taken < 1000
