# SPDX-License-Identifier: Apache-2.0
"""Figures read as a person writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polyveil.records.finding import Kind
from polyveil.report import Counts
from polyveil.report.facts import Job
from polyveil.report.sentences import KIND_WORDS, duration, number, plural, seconds, was_refused


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0, "share", "0 %"), (1.0, "share", "100 %"), (0.972, "share", "97.2 %"),
        (1203, "", "1,203"), (0.954, "", "0.954"), (14.2, "", "14.20"), (11.8514, "", "11.85"),
        (85, "ms", "85 ms"), (0.0, "", "0"), (-3.5, "", "-3.50"), (1e-9, "", "0.000000"),
    ],
)  # fmt: skip
def test_numbers(value: float, unit: str, said: str) -> None:
    assert number(value, unit).replace("\u00a0", " ") == said


def test_times() -> None:
    assert seconds(4.25) == "4.2 s"
    assert seconds(192) == "3 min 12 s"
    assert seconds(7500) == "2 h 5 min"


def test_plurals() -> None:
    assert (plural(1, "record"), plural(1203, "record")) == ("1 record", "1,203 records")


def test_every_kind_of_mention_has_words() -> None:
    assert set(KIND_WORDS) == {kind.value for kind in Kind}


def test_records_that_the_job_never_came_to_are_named() -> None:
    assert was_refused(Counts(5, 3, 1)).endswith("1 record not processed.")
    assert was_refused(Counts(1, 1)) == "No record was refused."


@pytest.mark.parametrize(
    ("finished", "said"),
    [("00:00", "under 1 s"), ("00:01", "1 s"), ("01:05", "1 min 5 s"), ("later", "unknown")],
)
def test_a_duration_says_no_more_than_its_ends(job: Job, finished: str, said: str) -> None:
    began = "2026-11-21T09:00:00+00:00"
    done = began.replace("00:00+", f"{finished}+")
    assert duration(replace(job, started=began, finished=done)) == said
