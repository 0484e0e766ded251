# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905, E501 - word lists read better as text
"""Makes src/polyveil/detect/wordlists/words.txt.xz: names with sex, places, companies, everyday words.

Command: python training/wordlists.py      (data pack: text_pii_ner; Faker 40; phonenumbers 9)

Held out: name tokens that only every eighth fake identity bears are left out of every list, here
and in the training text, so that `benchmarks/names.py` can measure names that nobody listed.
"""

from __future__ import annotations

import csv
import importlib
import lzma
import os
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import faker.providers.address
import faker.providers.lorem
import faker.providers.person
import phonenumbers.geodata

ROOT = Path(__file__).resolve().parents[1]
DATA = (
    Path(os.environ.get("POLYVEIL_DATA", ROOT.parent / "shared" / "data")) / "text_pii_ner" / "dev"
)
sys.path.insert(0, str(ROOT / "src"))

from polyveil.detect import wordlists as lists  # noqa: E402
from polyveil.detect.tokens import tokenise  # noqa: E402

TITLES = (
    "mr mrs ms miss mx dr prof professor doctor sir madam madame lady lord dame rev reverend father "
    "sister brother fr sr sra srta señor señora señorita monsieur mme mlle herr frau fräulein dhr "
    "mevr don doña dom signor signora sig dott ing captain capt sergeant sgt lieutenant lt colonel "
    "col major general gen admiral commander officer detective inspector constable sheriff judge "
    "justice president senator sen governor gov mayor minister chancellor ambassador king queen "
    "prince princess duke duchess baron baroness count countess emperor pope cardinal bishop rabbi "
    "imam sheikh shaikh coach nurse uncle aunt auntie grandma grandpa pan pani dra docteur"
)


def identities() -> list[dict[str, str]]:
    """Rows of the fake identities."""
    with (DATA / "fake_identities_3000.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def held_out() -> frozenset[str]:
    """Folded name tokens that only every eighth fake identity bears."""
    sides: tuple[set[str], set[str]] = (set(), set())
    for row in identities():
        parts = f"{row['GivenName']} {row['Surname']} {row['MothersMaiden']}"
        sides[int(row["Number"]) % 8 == 0].update(words(parts))
    return frozenset(word for word in sides[1] - sides[0] if len(word) > 3)


def words(text: str) -> list[str]:
    """Folded letter tokens of a text."""
    lower = text.lower()
    return [lists.fold(lower[a:b]) for a, b in tokenise(lower) if lower[a].isalpha()]


def phrase(text: str) -> str:
    """A list key: folded tokens joined by a space."""
    lower = text.lower()
    return " ".join(lists.fold(lower[a:b]) for a, b in tokenise(lower))


def providers(package: object) -> Iterator[tuple[str, type]]:
    """Locale name, provider class, for each locale of a Faker package."""
    for module in pkgutil.iter_modules(package.__path__):  # type: ignore[attr-defined]
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")  # type: ignore[attr-defined]
        yield module.name, loaded.Provider


def flat(value: object) -> Iterator[str]:
    """Every string inside nested sequences or mapping keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (key for key in value if isinstance(key, str))
    elif isinstance(value, (list, tuple, set)):
        for part in value:
            yield from flat(part)


_ENTRY = re.compile(r"^[^\W\d_][^\d{}()/%#?]*$")


def names() -> Iterator[tuple[str, str, int]]:
    """(locale, name, flag) of every Faker locale, then of the fake identities."""
    for locale, provider in providers(faker.providers.person):
        for attribute in dir(provider):
            if attribute.startswith("_") or "prefix" in attribute or "format" in attribute:
                continue
            flag = 0
            if "first" in attribute and "name" in attribute:
                flag = (
                    (lists.WOMAN if "female" in attribute else lists.MAN)
                    if "male" in attribute
                    else 0
                )
            elif "last" in attribute or "surname" in attribute:
                flag = lists.FAMILY
            value = getattr(provider, attribute)
            if flag and not callable(value):
                yield from ((locale, name, flag) for name in flat(value) if _ENTRY.match(name))
    for row in identities():
        sex = lists.WOMAN if row["Gender"] == "female" else lists.MAN
        yield row["NameSet"], row["GivenName"], sex
        yield row["NameSet"], row["Surname"], lists.FAMILY
        yield row["NameSet"], row["MothersMaiden"], lists.FAMILY


def places() -> Iterator[tuple[str, int]]:
    """(place, flag): countries, states, cities."""
    kinds = ("cities", "states", "regions", "provinces", "city_names", "region_names", "countries")
    for _, provider in providers(faker.providers.address):
        for attribute in (*kinds, "metropolitan_cities", "real_city_names", "province_lgus"):
            extra = lists.COUNTRY if attribute == "countries" else 0
            for name in flat(getattr(provider, attribute, ())):
                if _ENTRY.match(name) and len(name) > 2:
                    yield name.split(",")[0].strip(), lists.PLACE | extra
    for module in pkgutil.iter_modules(phonenumbers.geodata.__path__):
        if module.name.startswith("data"):
            table = importlib.import_module(f"phonenumbers.geodata.{module.name}").data
            for text in {entry.get("en", "") for entry in table.values()}:
                for name in re.split(r"[,/]| - ", text):
                    if _ENTRY.match(name.strip()) and len(name.strip()) > 3:
                        yield name.strip(), lists.PLACE
    for row in identities():
        for column in ("City", "StateFull", "CountryFull"):
            if _ENTRY.match(row[column]) and len(row[column]) > 2:
                yield row[column], lists.PLACE | (lists.COUNTRY if column == "CountryFull" else 0)


def common() -> Iterable[str]:
    """Words that the corpora write in lower case and do not tag, or that Faker's English uses."""
    seen: Counter[str] = Counter()
    for name in ("wnut17_train", "btc_a", "btc_b", "btc_e", "btc_f", "sec_fin5", "wikigold"):
        lines = (DATA / f"{name}.conll").read_text("utf-8", "replace").splitlines()
        if name == "wikigold":
            lines = lines[: len(lines) // 2]
        for line in lines:
            parts = line.rsplit(None, 1)
            if len(parts) == 2 and parts[1] == "O":
                seen.update(
                    word for word in [parts[0].split()[0]] if word.islower() and word.isalpha()
                )
    english = importlib.import_module("faker.providers.lorem.en_US").Provider.word_list
    topics = importlib.import_module("pydoc_data.topics").topics
    prose: Counter[str] = Counter(re.findall(r"\b[a-z]{3,}\b", " ".join(topics.values())))
    return (
        {w for w, n in seen.items() if n >= 2}
        | set(english)
        | {w for w, n in prose.items() if n > 9}
    )


def main() -> None:
    """Writes the file and prints how many words bear each flag."""
    table: dict[str, int] = {}
    votes: Counter[tuple[str, int]] = Counter()
    out = held_out()

    def add(text: str, flag: int) -> None:
        key = phrase(text)
        if key and len(key) <= 40 and not out & set(key.split()):
            table[key] = table.get(key, 0) | flag
            votes[key, flag] += 1

    for _, name, flag in names():
        add(name, flag)
        for part in name.split():
            if len(part) > 2 or not part.isascii():
                add(part, flag)
    for name, flag in places():
        add(name, flag)
    for row in identities():
        add(row["Company"], lists.COMPANY)
    for word in common():
        add(word, lists.COMMON)
    for word in TITLES.split():
        add(word, lists.TITLE)
    for key, flag in list(table.items()):
        man, woman = votes[key, lists.MAN], votes[key, lists.WOMAN]
        if min(man, woman) * 5 <= max(man, woman):  # one odd locale does not make a name unisex
            table[key] = flag & ~(lists.WOMAN if man > woman else lists.MAN if woman > man else 0)
    body = "\n".join(f"{word}\t{flag:x}" for word, flag in sorted(table.items()))
    target = ROOT / "src" / "polyveil" / "detect" / "wordlists" / "words.txt.xz"
    target.write_bytes(lzma.compress(body.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME))
    print(len(table), "entries,", target.stat().st_size, "bytes,", len(out), "held out")
    for bit, label in enumerate("man woman family place company common title country".split()):
        print(label, sum(bool(flag >> bit & 1) for flag in table.values()))


if __name__ == "__main__":
    main()
