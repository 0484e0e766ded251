# SPDX-License-Identifier: Apache-2.0
"""What each identifier detector finds, and the near misses that it leaves alone."""

from __future__ import annotations

import pytest

from polyveil.detect.identifiers import IdentifierFinder
from polyveil.detect.mentions import resolve
from polyveil.records.finding import Kind, Mention

FINDER = IdentifierFinder()


def found(text: str, kind: Kind | None = None) -> list[Mention]:
    mentions = resolve(FINDER.find(text))
    for mention in mentions:
        assert text[mention.start : mention.end] == mention.surface
        assert mention.source == f"identifiers.{mention.kind.value}"
    return [mention for mention in mentions if kind in (None, mention.kind)]


GOLDEN = [
    (Kind.EMAIL, "write to John.Doe+x@Mail.Example.com.", "John.Doe+x@Mail.Example.com",
     "john.doe+x@mail.example.com"),
    (Kind.EMAIL, "müller@bücher.de", "müller@bücher.de", "müller@bücher.de"),
    (Kind.EMAIL, "mail john (at) example [dot] com", "john (at) example [dot] com",
     "john@example.com"),
    (Kind.EMAIL, "j o h n @ x . c o m", "j o h n @ x . c o m", "john@x.com"),
    (Kind.PHONE, "+44 20 7946 0958", "+44 20 7946 0958", "+442079460958"),
    (Kind.PHONE, "call (212) 555-0123 now", "(212) 555-0123", "+12125550123"),
    (Kind.PHONE, "tel. 030 901820", "030 901820", None),
    (Kind.PHONE, "0049 151 23456789", "0049 151 23456789", "+4915123456789"),
    (Kind.PHONE, "phone: 541-714-1388 x12", "541-714-1388 x12", "+15417141388"),
    (Kind.CARD, "4111 1111 1111 1111", "4111 1111 1111 1111", "4111111111111111"),
    (Kind.CARD, "378282246310005.", "378282246310005", "378282246310005"),
    (Kind.CARD, "4111\n1111\n1111\n1111", "4111\n1111\n1111\n1111", "4111111111111111"),
    (Kind.CARD, "paid 20 with 5555-5555-5555-4444", "5555-5555-5555-4444", "5555555555554444"),
    (Kind.IBAN, "GB29 NWBK 6016 1331 9268 19", "GB29 NWBK 6016 1331 9268 19",
     "GB29NWBK60161331926819"),
    (Kind.IBAN, "an de89370400440532013000 bitte", "de89370400440532013000",
     "DE89370400440532013000"),
    (Kind.NATIONAL_ID, "078-05-1121", "078-05-1121", "078051121"),
    (Kind.NATIONAL_ID, "my SSN is 536 22 1234", "536 22 1234", "536221234"),
    (Kind.NATIONAL_ID, "NI AB 12 34 56 C", "AB 12 34 56 C", "AB123456C"),
    (Kind.NATIONAL_ID, "NHS number 943 476 5919", "943 476 5919", "9434765919"),
    (Kind.NATIONAL_ID, "DNI 54362315K", "54362315K", "54362315K"),
    (Kind.NATIONAL_ID, "NIE X-2482300-W", "X-2482300-W", "X2482300W"),
    (Kind.NATIONAL_ID, "RCCMNL83S18D969H", "RCCMNL83S18D969H", "RCCMNL83S18D969H"),
    (Kind.NATIONAL_ID, "44051401359", "44051401359", "44051401359"),
    (Kind.NATIONAL_ID, "390.533.447-05", "390.533.447-05", "39053344705"),
    (Kind.NATIONAL_ID, "131052-308T", "131052-308T", "131052-308T"),
    (Kind.NATIONAL_ID, "BSN 111222333", "111222333", "111222333"),
    (Kind.NATIONAL_ID, "passport number X1234567", "X1234567", "X1234567"),
    (Kind.NATIONAL_ID, "driver's license is F162823540116", "F162823540116", "F162823540116"),
    (Kind.IP, "from 192.168.0.17 port", "192.168.0.17", "192.168.0.17"),
    (Kind.IP, "at 2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
    (Kind.MAC, "00-1B-44-11-3a-b7", "00-1B-44-11-3a-b7", "00:1b:44:11:3a:b7"),
    (Kind.URL, "see https://www.Example.com/a?b=1.", "https://www.Example.com/a?b=1",
     "example.com/a?b=1"),
    (Kind.URL, "on flickr.com today", "flickr.com", "flickr.com"),
    (Kind.HANDLE, "by @jane_doe99!", "@jane_doe99", "jane_doe99"),
    (Kind.HANDLE, "Instagram: jane.doe", "jane.doe", "jane.doe"),
    (Kind.COORDINATES, "at 48.8584, 2.2945", "48.8584, 2.2945", "48.85840,2.29450"),
    (Kind.COORDINATES, "40°26'46\"N 79°58'56\"W", "40°26'46\"N 79°58'56\"W",
     "40.44611,-79.98222"),
    (Kind.PLATE, "license plate 7ABC123", "7ABC123", "7ABC123"),
    (Kind.PLATE, "Kennzeichen B-MW 1234", "B-MW 1234", "BMW1234"),
    (Kind.AGE, "a 5-month-old baby", "5-month-old", "0"),
    (Kind.AGE, "forty-two years old", "forty-two years old", "42"),
    (Kind.AGE, "aged 42", "42", "42"),
    (Kind.AGE, "He was 25.", "25", "25"),
    (Kind.AGE, "a 17-jährige Schülerin", "17-jährige", "17"),
    (Kind.AGE, "in her forties", "in her forties", "40"),
    (Kind.ADDRESS, "at 221B Baker Street, London", "221B Baker Street", "221b baker street"),
    (Kind.ADDRESS, "Hauptstraße 12a", "Hauptstraße 12a", "hauptstraße 12a"),
    (Kind.ADDRESS, "12 rue de la Paix", "12 rue de la Paix", "12 rue de la paix"),
    (Kind.ADDRESS, "P.O. Box 123", "P.O. Box 123", "p.o. box 123"),
    (Kind.ADDRESS, "SW1A 1AA", "SW1A 1AA", "sw1a 1aa"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "surface", "canonical"), GOLDEN)
def test_is_found(kind: Kind, text: str, surface: str, canonical: str | None) -> None:
    (mention,) = found(text, kind)
    assert mention.surface == surface
    assert canonical is None or mention.canonical == canonical


@pytest.mark.parametrize(
    ("text", "canonical", "precision", "written"),
    [
        ("1975-03-12", "1975-03-12", "day", "%Y-%m-%d"),
        ("12.3.1975", "1975-03-12", "day", "%d.%-m.%Y"),
        ("3/12/1975", "1975-03-12", "day", "%-m/%d/%Y"),
        ("25/12/75", "1975-12-25", "day", "%d/%m/%y"),
        ("12 March 1975", "1975-03-12", "day", "%d %B %Y"),
        ("March 3rd, 1975", "1975-03-03", "day", "%B %-d%o, %Y"),
        ("3. Mai 1975", "1975-05-03", "day", "%-d. %B %Y"),
        ("12 de octubre de 1975", "1975-10-12", "day", "%d de %B de %Y"),
        ("March 1975", "1975-03", "month", "%B %Y"),
        ("July 4th", "--07-04", "day_of_year", "%B %-d%o"),
        ("born in 1975", "1975", "year", "%Y"),
        ("DOB 19750312", "1975-03-12", "day", "%Y%m%d"),
    ],
)
def test_dates_keep_precision_and_format(
    text: str, canonical: str, precision: str, written: str
) -> None:
    (mention,) = found(text, Kind.DATE)
    assert mention.canonical == canonical
    assert mention.facets["precision"] == precision
    assert mention.facets["format"] == written


def test_an_ambiguous_date_says_so() -> None:
    (mention,) = found("on 3/4/1980", Kind.DATE)
    assert mention.facets["ambiguous"] == "yes"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111 1111 1112", Kind.CARD),  # Luhn wrong
        ("9111 1111 1111 1111", Kind.CARD),  # nobody's prefix
        ("GB29 NWBK 6016 1331 9268 18", Kind.IBAN),
        ("GB29 NWBK 6016 1331 9268", Kind.IBAN),
        ("666-12-3456", Kind.NATIONAL_ID),
        ("54362315L", Kind.NATIONAL_ID),
        ("44051401358", Kind.NATIONAL_ID),
        ("111222333", Kind.NATIONAL_ID),  # valid, but nothing announces it
        ("QQ123456C", Kind.NATIONAL_ID),
        ("256.1.1.1", Kind.IP),
        ("section 1.2.3", Kind.IP),
        ("version 1.2.3.4", Kind.IP),
        ("at 12:30:45", Kind.IP),
        ("00-1B-44-11-3a", Kind.MAC),
        ("at the end.The next", Kind.URL),
        ("e.g. this", Kind.URL),
        ("a @ b", Kind.HANDLE),
        ("john@example.com", Kind.HANDLE),
        ("95.1234, 200.5678", Kind.COORDINATES),
        ("2.50, 3.75", Kind.COORDINATES),
        ("31.02.1975", Kind.DATE),
        ("13/13/1975", Kind.DATE),
        ("you may 3 times", Kind.DATE),
        ("yesterday and last Tuesday", Kind.DATE),
        ("the old man", Kind.AGE),
        ("200 years old", Kind.AGE),
        ("12 people on the street", Kind.ADDRESS),
        ("1,234,567 people", Kind.PHONE),
        ("in 2014-2015 season", Kind.PHONE),
        ("he is number 12", Kind.PHONE),
        ("tracking number 12-345-67, 2021-22", Kind.CARD),
        ("+49 151 57000147", Kind.CARD),
        ("a man in plate armour", Kind.PLATE),
    ],
)
def test_near_miss_is_left_alone(text: str, kind: Kind) -> None:
    assert found(text, kind) == []


@pytest.mark.parametrize(
    "caption",
    [
        "A man in a red shirt stands next to a woman who is climbing a wall at the gym .",
        "Two dogs run on the street in front of 3 children .",
        "A black and white dog catches a frisbee at the park",
        "Player number 12 kicks the ball .",
        "Three men ride 4 horses at a race ; one falls off .",
    ],
)
def test_captions_without_identifiers_stay_clean(caption: str) -> None:
    assert found(caption) == []


@pytest.mark.parametrize("value", ["john@x.com", "4111111111111111", "GB29NWBK60161331926819"])
@pytest.mark.parametrize("hide", ["\u200b", "\u00ad", "\u2060", "\ufe0f", "\u0336", " "])
def test_disguise_is_seen_through(value: str, hide: str) -> None:
    hidden = hide.join(value)
    (mention,) = found(f"it is {hidden} here")
    assert mention.surface == hidden
    assert mention.canonical == value
