# SPDX-License-Identifier: Apache-2.0
"""Words about looks, changed where they are no longer true of the new face, and only there.

"The bearded man in red" becomes "the man in red" when the stand-in has no beard; "a woman with
glasses and a hat" becomes "a woman with a hat"; "he has a beard" becomes "he has no beard".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from polyveil.replace.grammar import other_sex

Change = tuple[int, int, str]
"""(start, end, replacement) in the text."""

_ADJECTIVES: Mapping[str, Mapping[str, str]] = {
    "beard": {
        "none": "clean-shaven", "stubble": "stubbly", "moustache": "moustached",
        "goatee": "goateed", "beard": "bearded",
    },
    "glasses": {"none": "", "glasses": "bespectacled", "sunglasses": "bespectacled"},
    "expression": {
        "neutral": "calm", "smiling": "smiling", "sad": "sad", "angry": "angry",
        "surprised": "surprised",
    },
    "age": {
        "baby": "baby", "child": "young", "teenager": "teenage", "adult": "", "senior": "elderly",
    },
}  # fmt: skip
_NOUNS: Mapping[str, Mapping[str, str]] = {
    "beard": {
        "stubble": "stubble", "moustache": "a moustache", "goatee": "a goatee", "beard": "a beard",
    },
    "glasses": {"glasses": "glasses", "sunglasses": "sunglasses"},
}  # fmt: skip
_INSTEAD = {"beard": "chin", "glasses": "collar"}  # "strokes his beard", "adjusts her glasses"
_ADJECTIVE_WORDS = re.compile(
    r"(?i)\b(?:bearded|moustached|mustached|mustachioed|moustachioed|goateed|stubbly|stubbled|"
    r"unshaven|whiskered|clean[- ]shaven|beardless|bespectacled|smiling|laughing|grinning|beaming|"
    r"happy|cheerful|joyful|sad|unhappy|crying|upset|frowning|angry|mad|furious|scowling|surprised|"
    r"shocked|amazed|astonished|neutral|serious|calm|young|old|older|elderly|aged|teenaged?|teen|"
    r"adult|little|middle-aged|senior|youthful)\b"
)
_NOUN_WORDS = re.compile(
    r"(?i)\b(?:beards?|whiskers|moustaches?|mustaches?|goatees?|stubble|facial hair|"
    r"(?:sun|eye)?glasses|"
    r"spectacles|shades|specs|goggles)\b"
)
_VERB_WORDS = re.compile(r"(?i)\b(?:smiles?|laughs?|grins?|beams?|frowns?|cries|cry|scowls?)\b")
_PERSON_WORDS = re.compile(
    r"(?i)\b(?:man|woman|boy|girl|child|kid|baby|toddler|infant|teenager|teen|adult|senior|person|"
    r"lady|gentleman|guy|youngster|youth)\b"
)
_MANNER = (
    r"(?:(?:\w+ly|long|short|thick|thin|gr[ae]y|white|black|brown|red|dark|big|full|bushy|small|"
    r"round|neat|trimmed|blonde?|large|little|pair of|of)[ ,]+){0,4}"
)
_DETERMINER = r"(?:(?:a|an|the|some|his|her|their|its)\s+)?"
_LEAD = re.compile(
    rf"(?i)(?P<lead>,?\s*\b(?:with|in|wearing|sporting|having|who wears|who has|"
    rf"and)\s+){_DETERMINER}{_MANNER}$"
)
_HAVING = re.compile(
    rf"(?i)\b(?:has|have|had|wears?|wore|sports?|grew|got)\s+(?P<np>{_DETERMINER}{_MANNER})$"
)
_OWNED = re.compile(rf"(?i)\b(?:his|her|their)\s+(?P<manner>{_MANNER})$")
_NOUN_PHRASE = re.compile(rf"(?i)(?:\b(?:a|an|some|the)\s+)?{_MANNER}$")
_OF_SMILE = re.compile(
    r"(?i)\b(?:a|an|his|her|their)\s+(?:(?:big|wide|bright|broad|huge|little|happy|slight)\s+)?$"
)
_ABSENT = re.compile(r"(?i)\b(?P<lack>without(?:\s+(?:a|an|any))?|no)\s+$")
_PEOPLE: Mapping[tuple[str | None, str], str] = {
    ("man", "baby"): "baby", ("woman", "baby"): "baby", (None, "baby"): "baby",
    ("man", "child"): "boy", ("woman", "child"): "girl", (None, "child"): "child",
    ("man", "teenager"): "teenage boy", ("woman", "teenager"): "teenage girl",
    (None, "teenager"): "teenager",
    ("man", "adult"): "man", ("woman", "adult"): "woman", (None, "adult"): "person",
    ("man", "senior"): "old man", ("woman", "senior"): "old woman", (None, "senior"): "old person",
}  # fmt: skip
_SEX = {"boy": "man", "girl": "woman", "lady": "woman", "gentleman": "man", "guy": "man"}


def change(
    text: str, span: tuple[int, int], facet: str, new: str, sex: str | None = None
) -> Change | None:
    """The edit after which a text says the new value of a facet.

    Args:
      text: the whole string.
      span: characters of the attribute, e.g. of "bearded", "a beard" or "with a beard".
      facet: a facet of the face.
      new: what is true of the new face.
      sex: of the persona, to choose between "man" and "woman".

    Returns:
      (start, end, replacement), or None where the words are not understood.
    """
    if facet == "sex":
        return _person(text, span, lambda word: other_sex(word, new))
    if facet == "age":
        person = _person(text, span, lambda word: _aged(word, new, sex))
        return person or _adjective(text, span, facet, new)
    if facet not in _ADJECTIVES:
        return None
    noun = _within(_NOUN_WORDS, text, span)
    if noun and facet in _NOUNS:
        return _absent(text, noun, facet, new) or _noun(text, noun, facet, new)
    verb = _within(_VERB_WORDS, text, span)
    if verb and facet == "expression":
        return _verb(text, verb, new)
    return _adjective(text, span, facet, new)


def _within(pattern: re.Pattern[str], text: str, span: tuple[int, int]) -> tuple[int, int] | None:
    match = pattern.search(text, *span)
    return match.span() if match else None


def _person(text: str, span: tuple[int, int], other: Callable[[str], str | None]) -> Change | None:
    for match in re.finditer(r"\w+", text[span[0] : span[1]]):
        new = other(match.group())
        if new:
            return span[0] + match.start(), span[0] + match.end(), new
    return None


def _aged(word: str, age: str, sex: str | None) -> str | None:
    if not _PERSON_WORDS.fullmatch(word):
        return None
    own = _SEX.get(word.lower(), word.lower() if word.lower() in {"man", "woman"} else None)
    new = _PEOPLE[sex or own, age] if own else _PEOPLE[None, age]
    return new.capitalize() if word[0].isupper() else new


def _adjective(text: str, span: tuple[int, int], facet: str, new: str) -> Change | None:
    found = _within(_ADJECTIVE_WORDS, text, span)
    if not found:
        return None
    start, end = found
    word = _ADJECTIVES[facet].get(new, "")
    attributive = re.match(r"[ ]+[^\W\d_]", text[end:]) is not None
    if facet == "beard" and new == "none" and attributive and not _after_verb(text, start):
        word = ""
    if word:
        return start, end, word.capitalize() if text[start].isupper() else word
    return _removed(text, start, end)


def _after_verb(text: str, start: int) -> bool:
    return bool(re.search(r"(?i)\b(?:is|are|was|were|looks?|seems?|be|and)\s+$", text[:start]))


def _removed(text: str, start: int, end: int) -> Change:
    """A word without its blank and comma; the next word takes over its capital."""
    comma = re.search(r",\s*$", text[:start])
    if comma:
        return comma.start(), end, ""
    after = re.match(r",?\s+(?:and\s+)?", text[end:])
    stop = end + (after.end() if after else 0)
    if text[start].isupper() and text[stop : stop + 1].islower():
        return start, stop + 1, text[stop].upper()
    if not after and text[start - 1 : start] == " ":
        start -= 1
    return start, stop, ""


def _noun(text: str, noun: tuple[int, int], facet: str, new: str) -> Change:
    start, end = noun
    if new != "none":
        return _other_noun(text, start, end, facet, new)
    lead = _LEAD.search(text, 0, start)
    coordinated = re.match(r",?\s+and\s+", text[end:])
    if lead:
        joins = lead["lead"].strip(" ,").lower() == "and"
        if coordinated and not joins:
            return lead.end("lead"), end + coordinated.end(), ""
        return lead.start(), end, ""
    having = _HAVING.search(text, 0, start)
    if having:
        return having.start("np"), end, f"no {text[start:end].lower()}"
    owned = _OWNED.search(text, 0, start)
    if owned:
        return owned.start("manner"), end, _INSTEAD[facet]
    phrase = _NOUN_PHRASE.search(text, 0, start)
    begin = phrase.start() if phrase else start
    if coordinated:
        return begin, end + coordinated.end(), ""
    listed = re.search(r",\s*$", text[:begin])
    return (listed.start(), end, "") if listed else (begin, end, f"no {text[start:end].lower()}")


def _other_noun(text: str, start: int, end: int, facet: str, new: str) -> Change:
    """Another noun, with the article that it takes: "a beard" and "stubble"."""
    phrase = _NOUNS[facet][new]
    bare = phrase.removeprefix("a ")
    article = re.search(r"(?i)\b(a|an|some)\s+((?:\w+[ ,]+)?)$", text[:start])
    if article and bare == phrase:  # the new noun takes none
        return article.start(), end, article[2] + bare
    determined = article or re.search(rf"(?i)\b(?:the|his|her|their|no)\s+{_MANNER}$", text[:start])
    return start, end, bare if determined else phrase


def _absent(text: str, noun: tuple[int, int], facet: str, new: str) -> Change | None:
    """ "without glasses" becomes "with glasses" when there are some."""
    lack = _ABSENT.search(text, 0, noun[0])
    if not lack:
        return None
    if new == "none":
        return lack.start(), noun[1], text[lack.start() : noun[1]]
    lead = "with " if lack["lack"].lower().startswith("without") else ""
    return lack.start(), noun[1], lead + _NOUNS[facet][new]


def _verb(text: str, verb: tuple[int, int], new: str) -> Change:
    start, end = verb
    word = text[start:end].lower()
    look = {"sad": "sad", "angry": "angry", "surprised": "surprised", "neutral": "calm"}.get(new)
    if not word.endswith("s") and _OF_SMILE.search(text, 0, start):
        noun = "smile" if look is None else f"{look} look"
        return start, end, noun
    ending = "s" if word.endswith("s") else ""
    if look is None:
        return start, end, f"smile{ending}"
    aimed = re.match(r"\s+(?:at|to|towards?|into)\b", text[end:])
    if new == "neutral":
        return start, end, f"look{ending}" if aimed else f"look{ending} on"
    return start, end, f"look{ending} {look}"
