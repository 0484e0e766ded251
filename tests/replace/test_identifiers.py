# SPDX-License-Identifier: Apache-2.0
"""Stand-in identifiers have the format of the original and belong to nobody."""

from __future__ import annotations

import ipaddress
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban as stdnum_iban
from stdnum import luhn
from stdnum.de import idnr
from stdnum.gb import nhs
from stdnum.us import ssn

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.pseudonym import Draw
from polyveil.records.finding import Kind
from polyveil.replace import numbers, online, phones, places
from polyveil.replace.casting import Part, PersonaRegistry, cast
from polyveil.replace.things import already_stand_in, cast_thing, project_shift

KEY = ProjectKey(bytes(32))
seeds = st.binary(min_size=1, max_size=8).map(Draw)


def shape(text: str) -> str:
    return "".join("9" if c.isdecimal() else "a" if c.isalpha() else c for c in text)


@given(st.integers(10**12, 10**19 - 1), st.sampled_from(["", " ", "-"]), seeds)
def test_a_card_is_a_test_card(number: int, joint: str, draw: Draw):
    digits = str(number)
    surface = joint.join(digits[i : i + 4] for i in range(0, len(digits), 4))
    new = numbers.card(surface, draw)
    plain = re.sub(r"\D", "", new)
    assert shape(new) == shape(surface) and new != surface
    assert luhn.is_valid(plain)
    assert plain.startswith(("400000", "555555", "378282"))  # never a range that is issued
    assert already_stand_in(Kind.CARD, new)


@pytest.mark.parametrize(
    "surface",
    ["GB29 NWBK 6016 1331 9268 19", "DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606",
     "nl91abna0417164300", "NO9386011117947", "CH93 0076 2011 6238 5295 7"],
)  # fmt: skip
@given(draw=seeds)
@settings(max_examples=20)
def test_an_iban_keeps_its_country_and_has_no_bank(surface: str, draw: Draw):
    new = numbers.iban(surface, draw)
    plain = re.sub(r"\s", "", new).upper()
    assert shape(new) == shape(surface) and new != surface
    assert new[:2] == surface[:2]
    assert stdnum_iban.is_valid(plain, check_country=False)
    assert set(plain[4:8]) <= {"0", "X"}
    assert numbers.is_reserved_iban(new)


@given(st.from_regex(r"\d{3}-\d{2}-\d{4}", fullmatch=True), seeds)
def test_a_social_security_number_is_never_issued(surface: str, draw: Draw):
    new = numbers.national_id(surface, "us_ssn", draw)
    assert shape(new) == shape(surface)
    assert not ssn.is_valid(new)
    assert new[0] == "9" and 1 <= int(new[4:6]) <= 49


@given(st.from_regex(r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}", fullmatch=True), seeds)
def test_other_identifiers_fail_their_checksum(surface: str, draw: Draw):
    new = numbers.national_id(surface, "de_idnr", draw)
    assert shape(new) == shape(surface) and new != surface
    assert not idnr.is_valid(new)


@given(seeds)
def test_british_identifiers_are_reserved_ones(draw: Draw):
    assert nhs.is_valid(numbers.national_id("943 476 5919", "gb_nhs", draw))
    assert numbers.national_id("943 476 5919", "gb_nhs", draw).startswith("999 ")
    assert re.fullmatch(
        r"QQ \d\d \d\d \d\d [A-D]", numbers.national_id("AB 12 34 56 C", "gb_nino", draw)
    )


@pytest.mark.parametrize(
    ("surface", "canonical", "pattern"),
    [
        ("+1 (415) 867-5309", "+14158675309", r"\+1 \(\d{3}\) 555-01\d\d"),
        ("415.867.5309", "+14158675309", r"\d{3}\.555\.01\d\d"),
        ("020 7123 4567", "+442071234567", r"0\d\d \d{4} \d{4}"),
        ("+44 7911 123456", "+447911123456", r"\+44 7700 900\d{3}"),
        ("06 12 34 56 78", "+33612345678", r"06 39 98 \d\d \d\d"),
        ("867-5309", "", r"555-01\d\d"),
        ("(415) 867-5309 x12", "+14158675309", r"\(\d{3}\) 555-01\d\d x\d\d"),
    ],
)
@given(draw=seeds)
@settings(max_examples=20)
def test_a_telephone_number_rings_nowhere(surface: str, canonical: str, pattern: str, draw: Draw):
    new = phones.fictional(surface, canonical, draw)
    assert re.fullmatch(pattern, new)
    assert new != surface


@given(
    st.sampled_from(
        [(86, "13800138000"), (91, "9876543210"), (39, "0669821234"), (48, "512345678")]
    ),
    seeds,
)
@settings(max_examples=60)
def test_elsewhere_the_number_cannot_be_assigned(where: tuple[int, str], draw: Draw):
    code, national = where
    surface = f"+{code} {national}"
    new = phones.fictional(surface, surface.replace(" ", ""), draw)
    assert shape(new) == shape(surface) and new != surface
    assert new.startswith(f"+{code} ")
    assert not phonenumbers.is_valid_number(phonenumbers.parse(new, None))


@given(st.ip_addresses().map(str), seeds)
def test_addresses_are_for_documentation(surface: str, draw: Draw):
    new = ipaddress.ip_address(online.ip(surface, draw))
    documentation = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]
    assert any(new in ipaddress.ip_network(net) for net in documentation)
    assert new.version == ipaddress.ip_address(surface).version


@given(st.sampled_from(["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"]), seeds)
def test_a_hardware_address_is_locally_administered(surface: str, draw: Draw):
    new = online.mac(surface, draw)
    first = int(re.sub(r"\W", "", new)[:2], 16)
    assert first & 2 and not first & 1
    assert re.sub(r"\w", "x", new) == re.sub(r"\w", "x", surface)
    assert any(c.isupper() for c in new) <= any(c.isupper() for c in surface)


def test_mail_and_handles_speak_of_the_persona():
    registry = PersonaRegistry()
    who = cast(KEY, Part("p", names=("John Smith",), sex="man"), registry)
    first, last = who.given[0].lower(), who.family[0].lower()
    names, draw = ("John Smith",), Draw(b"x")
    for local, expected in {
        "john.smith": f"{first}.{last}", "smith_john": f"{last}_{first}", "jsmith": first[0] + last,
        "johnsmith": first + last, "j.smith": f"{first[0]}.{last}", "JohnSmith": f"{first}{last}",
    }.items():  # fmt: skip
        new = online.email(f"{local}@mail.acme.com", draw, who, names)
        assert new.lower() == f"{expected}@example.com"
    assert re.fullmatch(rf"@{first}_{last}\d\d", online.handle("@john_smith87", draw, who, names))
    assert online.email("john+news@acme.de", draw, who, names).endswith(
        ("example.com", ".org", ".net")
    )


@given(seeds)
def test_a_web_address_keeps_the_shape_of_its_path(draw: Draw):
    new = online.url("https://me:pw@www.acme.co.uk:80/people/john-smith.html?id=17", draw)
    assert re.fullmatch(
        r"https://www\.example\.(com|org|net):80/[a-z]{6}/[a-z]{4}-[a-z]{5}\.html\?[a-z]{2}=\d\d",
        new,
    )
    assert "john" not in new and "pw" not in new.partition("example")[0]


@given(st.floats(-89, 89), st.floats(-179, 179), st.integers(1, 6), seeds)
def test_positions_move_and_keep_their_precision(lat: float, lon: float, places_: int, draw: Draw):
    surface = f"{lat:.{places_}f}, {lon:.{places_}f}"
    new = places.coordinates(surface, draw)
    old, moved = ([float(n) for n in text.split(", ")] for text in (surface, new))
    assert abs(moved[0]) <= 90 and abs(moved[1]) <= 180
    for a, b in zip(old, moved, strict=True):
        assert 0.39 <= abs(a - b) <= 2.11
    assert [len(n.partition(".")[2]) for n in new.split(", ")] == [places_, places_]


@pytest.mark.parametrize(
    ("kind", "surface", "pattern"),
    [
        (Kind.PLACE, "New York City", r"New [A-Z][a-z]+ City"),
        (Kind.PLACE, "PARIS", r"[A-Z]+"),
        (Kind.ORGANISATION, "Acme Ltd", r"[A-Z][a-z]+ Ltd"),
        (Kind.ORGANISATION, "University of Oxford", r"University of [A-Z][a-z]+"),
        (Kind.ORGANISATION, "IBM", r"[A-Z]{3}"),
        (Kind.ORGANISATION, "The Bank", r"The [A-Z][a-z]+ Bank"),
        (Kind.ADDRESS, "221B Baker Street, London NW1 6XE",
         r"[1-9]\d\d[A-Z] [A-Z][a-z]+ Street, [A-Z][a-z]+ [A-Z]{2}\d \d[A-Z]{2}"),
        (Kind.ADDRESS, "1600 Pennsylvania Ave NW, Washington, DC 20500",
         r"[1-9]\d{3} [A-Z][a-z]+ Ave NW, [A-Z][a-z]+, [A-Z]{2} [1-9]\d{4}"),
        (Kind.PLATE, "AB12 CDE", r"[A-Z]{2}\d\d [A-Z]{3}"),
    ],
)  # fmt: skip
def test_places_and_firms_keep_their_shape(kind: Kind, surface: str, pattern: str):
    new = cast_thing(KEY, kind, surface.lower(), surface)
    assert re.fullmatch(pattern, new)
    assert new != surface
    assert new == cast_thing(KEY, kind, surface.lower(), surface)
    assert new != cast_thing(ProjectKey(bytes([7] * 32)), kind, surface.lower(), surface)


@given(
    st.sampled_from([k for k in Kind if k is not Kind.EXPRESSION]), st.text(min_size=1, max_size=30)
)
@settings(max_examples=400, deadline=None)
def test_any_surface_gets_a_stand_in(kind: Kind, surface: str):
    """Detectors are heuristics and plugins are anybody's: no surface may stop the job."""
    new = cast_thing(KEY, kind, surface.casefold(), surface)
    if kind in (Kind.CARD, Kind.PHONE, Kind.NATIONAL_ID, Kind.PLATE) and any(
        c.isdecimal() for c in surface
    ):
        assert len(new) == len(surface)


def test_an_expression_is_no_thing():
    with pytest.raises(ValueError, match="kind of thing"):
        cast_thing(KEY, Kind.EXPRESSION, "x", "x")


def test_the_shift_of_a_project_is_never_small():
    assert {184 <= abs(project_shift(KEY, str(i))) <= 547 for i in range(200)} == {True}
