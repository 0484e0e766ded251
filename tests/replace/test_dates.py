# SPDX-License-Identifier: Apache-2.0
"""Dates move by exactly the shift, in the format in which they were written."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.privacy.pseudonym import Draw
from polyveil.replace import ages, dates

days = st.integers(-547, 547).filter(lambda d: abs(d) > 183)
when = st.dates(date(1905, 1, 1), date(2034, 12, 31))
FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%B %d, %Y", "%d %B %Y", "%d %b %Y", "%A, %d %B %Y", "%Y%m%d",
           "%d.%m.%Y", "%a %b %d, %Y", "%Y-%m-%dT10:22:00Z", "%m/%d/%y"]  # fmt: skip


@given(when, days, st.sampled_from(FORMATS))
def test_a_shifted_date_is_the_date_plus_the_shift(day: date, shift: int, written: str):
    new = day + timedelta(days=shift)
    if "%y" in written and not (1937 <= day.year <= 2036 and 1937 <= new.year <= 2036):
        return
    if "%b" in written and day.month == 5:
        return  # "May" is long and short at once; the long form follows
    result = dates.shift(day.strftime(written), shift, day.isoformat())
    assert result is not None
    numeric = "%B" not in written and "%b" not in written
    expected = new.strftime(written)
    if not numeric:  # a day below ten has a zero in front only where one was
        expected = expected if day.day < 10 else expected.replace(f"{new.day:02}", str(new.day), 1)
    assert result == expected


@given(when, when, days)
def test_distances_are_kept(one: date, other: date, shift: int):
    moved = [dates.read(dates.shift(d.isoformat(), shift) or "") for d in (one, other)]
    assert moved[0] and moved[1]
    assert moved[0].day - moved[1].day == one - other


@given(when, days, st.sampled_from(FORMATS))
def test_the_other_way_round_leads_back(day: date, shift: int, written: str):
    text = day.strftime(written)
    there = dates.shift(text, shift, day.isoformat())
    assert there is not None and there != text
    if "%y" not in written:
        new = (day + timedelta(days=shift)).isoformat()
        back = dates.read(dates.shift(there, -shift, new) or "", day.isoformat())
        assert back is not None and back.day == day


@pytest.mark.parametrize(
    ("text", "shift", "expected"),
    [
        ("March 5th, 1984", 1, "March 6th, 1984"),
        ("March 5th, 1984", 18, "March 23rd, 1984"),
        ("the 1st of May 2001", 10, "the 11th of May 2001"),
        ("05/03/84", 200, "11/19/84"),
        ("Feb 29, 2020", 366, "Mar 1, 2021"),
        ("February 28, 2019", 366, "February 29, 2020"),
        ("29.2.2000", -366, "28.2.1999"),
        ("born in 1975", 200, "born in 1976"),
        ("born in 1975", -200, "born in 1974"),
        ("MARCH 5, 1984", 31, "APRIL 5, 1984"),
        ("5. März 1984", 31, "5. April 1984"),
        ("1er mars 1984", 1, "2 mars 1984"),
        ("Sunday, July 4, 2010", 1, "Monday, July 5, 2010"),
        ("on Tuesday", 200, "on Saturday"),
        ("March 1984", 200, "October 1984"),
        ("2024年3月5日", 200, "2024年9月21日"),
        ("3 Sept 2001", 30, "3 Oct 2001"),
        ("31/02/1999", 200, None),
        ("hello", 200, None),
    ],
)
def test_forms(text: str, shift: int, expected: str | None):
    assert dates.shift(text, shift) == expected


def test_the_canonical_form_decides_between_day_and_month():
    assert dates.shift("03/04/2001", 1, "2001-03-04") == "03/05/2001"
    assert dates.shift("03/04/2001", 1, "2001-04-03") == "04/04/2001"


def test_a_shift_of_zero_is_refused():
    with pytest.raises(ValueError, match="days != 0"):
        dates.shift("2001-01-01", 0)


@given(st.text(max_size=40), days)
def test_nothing_raises(text: str, shift: int):
    dates.shift(text, shift)


@given(st.integers(0, 125), st.binary(min_size=1, max_size=4))
def test_ages_stay_in_their_band(age: int, seed: bytes):
    new = ages.age_near(age, Draw(seed))
    if age >= 90:
        assert new == 90
    else:
        assert new != age and abs(new - age) <= 2
        assert any(low <= age <= high and low <= new <= high for low, high in ages.BANDS.values())


@pytest.mark.parametrize(
    "text", ["34 years old", "a 5-year-old", "thirty-four", "aged 7", "3 months old", "47yo"]
)
def test_an_age_keeps_its_words(text: str):
    new = ages.move(text, Draw(text.encode()))
    assert new is not None and new != text
    assert [w for w in new.split() if w.isalpha()] == [w for w in text.split() if w.isalpha()]


def test_ages_above_89_are_one_category():
    assert ages.move("a 97-year-old", Draw(b"")) == "a 90-year-old"
    assert ages.move("in her forties", Draw(b"")) == "in her forties"
