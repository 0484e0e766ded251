# SPDX-License-Identifier: Apache-2.0
"""English grammar around a replacement: a/an, capitals, possessives, pronouns."""

from __future__ import annotations

import re

from polyveil.replace.spoken_name import like

_PAIRS = tuple(
    (man, woman)
    for pair in (  # noqa: SIM905
        "man/woman men/women boy/girl boys/girls gentleman/lady gentlemen/ladies guy/woman "
        "guys/women "
        "guy/gal dude/girl male/female males/females father/mother fathers/mothers dad/mom dad/mum "
        "daddy/mommy son/daughter sons/daughters brother/sister brothers/sisters husband/wife "
        "husbands/wives uncle/aunt nephew/niece grandfather/grandmother grandpa/grandma "
        "grandson/granddaughter boyfriend/girlfriend groom/bride king/queen prince/princess "
        "actor/actress waiter/waitress policeman/policewoman fireman/firewoman cowboy/cowgirl "
        "businessman/businesswoman salesman/saleswoman cameraman/camerawoman snowman/snowwoman "
        "sportsman/sportswoman schoolboy/schoolgirl host/hostess widower/widow "
        "bachelor/bachelorette"
    ).split()
    for man, woman in [pair.split("/")]
)
_TO_WOMAN = dict(reversed(_PAIRS))
_TO_MAN = {woman: man for man, woman in reversed(_PAIRS)}
_HE = re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)
_NO_NOUN = re.compile(
    r"\s*(?:$|[^\w\s'’-]|(?:and|or|but|to|in|on|at|by|with|from|for|of|as|that|while|when|who|which|into|onto|"
    r"over|under|up|down|off|out|is|are|was|were|has|had|will|would|can|could|the|a|an|this|through|near|"
    r"behind|before|after|during|because|if|so|then|there|here|again|away|back|about|if)\b)",
    re.IGNORECASE,
)
_SENTENCE_START = re.compile(r"(?:^|[.!?…]['\"”’)]*\s+|\n\s*)[\"'“‘(\[]*$")
_ARTICLE = re.compile(r"(?<![\w'’.-])(an?)(\s+)$", re.IGNORECASE)
_AN_SOUND = re.compile(
    r"(?i)(?:8|11(?!\d)|18(?!\d)|heir|honest|honou?r|hour|x-ray|(?!eu|ewe|one\b|once\b|u[kns]i|us[aeiu]|ut[eio]|"
    r"ub[iou]|ur[aeiou]n|ufo)[aeiouàáâäåèéêëìíîïòóôöøùúûü])"
)


def article_before(text: str, start: int) -> tuple[int, str, str] | None:
    """(start, article, blanks) of an "a" or "an" that ends right at a position."""
    match = _ARTICLE.search(text, max(0, start - 8), start)
    return (match.start(), match.group(1), match.group(2)) if match else None


def article_for(article: str, following: str) -> str:
    """ "a" or "an", whichever goes before a word, in the case of the one that stood there."""
    new = "an" if _AN_SOUND.match(following) else "a"
    if article.isupper() and len(article) > 1:
        return new.upper()
    return new.capitalize() if article[0].isupper() else new


def starts_sentence(text: str, start: int) -> bool:
    """Whether a position is the first of a sentence."""
    return bool(_SENTENCE_START.search(text[max(0, start - 12) : start]))


def other_sex(word: str, sex: str | None) -> str | None:
    """The word for a person of the other sex ("boy" -> "girl"); None where there is none."""
    pairs = {"woman": _TO_WOMAN, "man": _TO_MAN}.get(sex or "", {})
    other = pairs.get(word.lower())
    if other is None:
        return None
    return other.capitalize() if word[0].isupper() and not word.isupper() else like(word, other)


def pronouns(text: str, sex: str) -> list[tuple[int, int, str]]:
    """Every pronoun of the other sex with the one for this sex: (start, end, new)."""
    found = []
    for match in (_HE if sex == "woman" else _SHE).finditer(text):
        new = _pronoun(match.group().lower(), text[match.end() :])
        old = match.group()
        capital = old[0].isupper() and not (old.isupper() and len(old) > 1)
        found.append((match.start(), match.end(), new.capitalize() if capital else like(old, new)))
    return found


def possessive_end(text: str, end: int, replacement: str) -> tuple[int, str]:
    """Extends "James' car" by its apostrophe where the stand-in does not end in s."""
    bare = text[end - 1 : end].lower() == "s" and re.match(r"['’](?=\s+\w)", text[end:])
    if bare and not replacement.lower().endswith("s") and not _quoted(text, end):
        return end + 1, f"{replacement}{text[end]}s"
    return end, replacement


def _quoted(text: str, end: int) -> bool:
    """Whether an apostrophe closes a quotation rather than marks a possessive."""
    return bool(re.search(r"(?:^|[\s(])['‘][^'‘’]*$", text[:end]))


def _pronoun(old: str, following: str) -> str:
    simple = {"he": "she", "him": "her", "himself": "herself", "she": "he", "herself": "himself"}
    if old in simple:
        return simple[old]
    alone = bool(_NO_NOUN.match(following))
    if old == "his":
        return "hers" if alone else "her"
    if old == "hers":
        return "his"
    return "him" if alone else "his"
