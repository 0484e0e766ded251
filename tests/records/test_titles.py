# SPDX-License-Identifier: Apache-2.0
"""Titles: known ones, those that are names as well."""

from polyveil.records.titles import GIVEN_TOO, TITLES, is_title


def test_a_title_before_a_name() -> None:
    assert is_title("commander", " Collins")
    assert is_title("dr", ".")
    assert not is_title("anna", " Lee")


def test_a_comma_makes_it_a_family_name() -> None:
    assert not is_title("king", ", Martin")


def test_a_given_name_that_is_a_title_needs_its_full_stop() -> None:
    assert GIVEN_TOO <= TITLES
    assert not is_title("dean", "Martin")
    assert is_title("m", ".")
