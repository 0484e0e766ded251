# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""What a name is made of: given and family part, title, sex, canonical form; who can be the same.

Conventions differ by culture and a text rarely says which one it follows: the last word counts as
the family name, a particle ("van", "bin") begins it, a comma or Han characters put it first.
"""

from __future__ import annotations

import re
import unicodedata

from polyveil.detect import wordlists

FIRM_TITLES = frozenset(
    "mr mrs ms mx dr prof professor miss madam sir rev reverend sgt capt lt herr frau mme mlle sra "
    "srta señor señora senator pt patient doctor nurse captain officer sergeant "
    "commander lieutenant colonel admiral detective inspector sheriff astronaut congressman "
    "congresswoman".split()
)
"""Titles after which a word that is not everyday is a name."""
PARTICLES = frozenset(
    "van von der den de del della di da dos das du la le el al bin bint ibn ben abu ter ten "
    "zu af av".split()
)
"""Words that begin or join a family name."""
_SUFFIXES = frozenset("jr sr ii iii iv phd md esq".split())
_MALE_TITLES = frozenset(
    "mr sir herr señor senor sr monsieur signor father brother fr lord king prince duke pope uncle "
    "grandpa congressman".split()
)
_FEMALE_TITLES = frozenset(
    "mrs ms miss madam madame mme mlle frau sra srta señora senora lady sister queen princess "
    "duchess aunt auntie grandma congresswoman mother".split()
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


def parts(name: str) -> tuple[list[str], list[str], bool]:
    """(given words, family words, whether the family name stood first) of a name without title.

    A single word counts as given unless the lists know it only as a family name.
    """
    if "," in name:
        family, _, given = name.partition(",")
        if given.strip() and wordlists.fold(given.strip(" .")) not in _SUFFIXES:
            return given.split(), family.split(), True
    words = [
        word
        for word in name.replace(",", " ").split()
        if wordlists.fold(word.strip(".")) not in _SUFFIXES
    ]
    if not words:
        return [name.strip()], [], False
    if len(words) == 1:
        if len(name) > 1 and all(_HAN.match(character) for character in name):
            cut = 2 if len(name) > 3 else 1
            return [name[cut:]], [name[:cut]], True
        known = wordlists.flags(words[0])
        only_family = known & wordlists.FAMILY and not known & (wordlists.MAN | wordlists.WOMAN)
        return ([], words, False) if only_family else (words, [], False)
    cut = len(words) - 1
    for at in range(1, len(words)):
        if wordlists.fold(words[at]) in PARTICLES:
            cut = at
            break
    return words[:cut], words[cut:], False


def facets(name: str, title: str) -> dict[str, str]:
    """Facets of a name mention.

    `given`, `family`: how many words of each; `order`: "family_first" where so written; `title`;
    `sex` where title or first given name tells.
    """
    given, family, family_first = parts(name)
    if (
        title in FIRM_TITLES - {"sir", "patient", "pt", "nurse", "astronaut"}
        and len(given) == 1
        and not family
    ):
        given, family = [], given
    result = {"given": str(len(given)), "family": str(len(family))}
    if family_first:
        result["order"] = "family_first"
    if title:
        result["title"] = title
    sex = "man" if title in _MALE_TITLES else "woman" if title in _FEMALE_TITLES else None
    if sex is None and given:
        sex = wordlists.sex_of(given[0]) or wordlists.sex_of(given[0].split("-")[0])
    if sex:
        result["sex"] = sex
    return result


def canonical(name: str) -> str:
    """NFKC, case-folded, one space between words, given name first."""
    given, family, family_first = parts(name)
    suffixes = [word for word in name.split() if wordlists.fold(word.strip(".,")) in _SUFFIXES]
    ordered = [*given, *family] if family_first and "," in name else name.replace(",", " ").split()
    if suffixes and family_first and "," in name:
        ordered = [word for word in ordered if word not in suffixes] + suffixes
    return " ".join(unicodedata.normalize("NFKC", " ".join(ordered)).casefold().split())


def _key_words(name: str) -> list[str]:
    words = [wordlists.fold(word) for word in re.split(r"[\s.,]+", canonical(name)) if word]
    while len(words) > 1 and words[0] in FIRM_TITLES:
        words = words[1:]
    return [word for word in words if word not in _SUFFIXES]


def same_person(one: str, other: str) -> bool:
    """See `names.same_person`."""
    short, long = sorted((_key_words(one), _key_words(other)), key=len)
    if not short:
        return False
    if sorted(short) == sorted(long):
        return True
    if len(short) == 1:
        return len(short[0]) > 1 and short[0] in long
    free = list(long)
    for word in short:
        match = next((w for w in free if w == word), None) or next(
            (w for w in free if 1 in (len(word), len(w)) and w[0] == word[0]), None
        )
        if match is None:
            return False
        free.remove(match)
    return any(word in long and len(word) > 1 for word in short)
