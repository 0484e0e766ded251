# SPDX-License-Identifier: Apache-2.0
"""Names are read however they are written, and everyday words are not names."""

from __future__ import annotations

import pytest

from polyveil.attack.people.name_list import NameList, _one_off, words_of

LIST = NameList.of(
    [
        ["Zdeněk Hřebíček"],
        ["Mikaela van der Voorst"],
        ["Rose Brown"],
        ["Oyelaran"],
        ["Ann Wu", "A. Wu"],
    ]
)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("met Zdeněk Hřebíček there", "full"),
        ("HREBICEK, ZDENEK (1971)", "full"),
        ("Zdenek's friend, Mr Hrebicek", "full"),
        ("zdenek.hrebicek@example.org", "full"),
        ("@zdenekhrebicek wrote", "disguised"),
        ("Zde\u200bněk Hře\u200bbíček", "disguised"),
        ("Zdenek Hrebbicek came", "misspelt"),
        ("Zdenk Hrebicek came", "misspelt"),
        ("young Hrebicek came", "part"),
    ],
)
def test_ways_of_reading(text: str, level: str) -> None:
    assert LIST.read(text) == {0: level}


@pytest.mark.parametrize(
    "text",
    ["", "a brown rose", "A Rose is a rose", "van der", "Zdena Hrebova", "Mika went", "no one"],
)
def test_what_is_no_name_of_the_list(text: str) -> None:
    assert LIST.read(text) == {}


def test_several_people_and_single_words() -> None:
    assert LIST.read("Mikaela van der Voorst saw Oyelaran") == {1: "full", 3: "full"}
    assert LIST.read("Rose Brown arrived") == {2: "full"}
    assert words_of("Dr. Mikaela van der Voorst") == ("mikaela", "voorst")
    assert NameList.of([[], ["..."]]).read("anything") == {}


def test_one_letter_off() -> None:
    assert all(_one_off("hrebicek", other) for other in ("hrebicek", "hrebicekk", "rebicek",
                                                         "hrabicek", "hrebick"))  # fmt: skip
    assert not any(_one_off("hrebicek", other) for other in ("hrebicekkk", "harbicek", "rebice"))
    assert not _one_off("ann", "anne")
