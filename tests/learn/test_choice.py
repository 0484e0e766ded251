# SPDX-License-Identifier: Apache-2.0
"""Choosing by time: the faster way wins, once, and a pinned way is not timed."""

import time

import pytest

from polyveil.learn import choice


@pytest.fixture(autouse=True)
def nothing_known():
    choice.forget()
    yield
    choice.forget()


def busy(seconds: float) -> None:
    """Works for so long by the thread's own clock; sleeping would not count."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_the_faster_way_wins():
    ways = {"slow": lambda: busy(0.01), "fast": lambda: None}
    assert choice.fastest("one", ways) == "fast"


def test_one_slow_run_does_not_decide():
    runs = iter([0.0, 0.03, 0.0, 0.0])
    ways = {"hiccup": lambda: busy(next(runs)), "slow": lambda: busy(0.005)}
    assert choice.fastest("two", ways) == "hiccup"


def test_a_key_is_timed_once():
    calls = []
    ways = {"a": lambda: calls.append(1), "b": lambda: calls.append(1)}
    first = choice.fastest("three", ways)
    count = len(calls)
    assert choice.fastest("three", ways) == first
    assert len(calls) == count == 2 * (1 + choice.REPEATS)


def test_a_single_way_is_not_run():
    assert choice.fastest("four", {"only": lambda: 1 / 0}) == "only"


def test_a_pinned_way_is_taken_untimed():
    ways = {"a": lambda: 1 / 0, "b": lambda: 1 / 0}
    with choice.pinned("b"), choice.pinned("unknown here"):
        assert choice.fastest("five", ways) == "b"


def test_no_way_is_refused():
    with pytest.raises(ValueError, match="at least one way"):
        choice.fastest("six", {})
