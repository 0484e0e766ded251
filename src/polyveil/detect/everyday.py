# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: SIM905 - word lists read better as text
"""Takes everyday words out of what the name network found.

Why: the network knows only the words of its training text, and takes "skis", "rural" or "Skiers"
for names; a caption rewritten at such a place is damaged for nothing. A word of the English
dictionary in small letters is a name only where something beside it says so.

Source: the word list of SCOWL, see `wordlists.english`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from polyveil.detect import wordlists
from polyveil.detect.name_parts import FIRM_TITLES, PARTICLES
from polyveil.records.finding import Kind

_GIVEN = wordlists.MAN | wordlists.WOMAN
_NAMES = _GIVEN | wordlists.FAMILY
_BEFORE = frozenset(
    "dear hi hello hey hiya named called name names i'm signed regards cheers sincerely mom mum "
    "dad brother sister uncle aunt auntie grandma grandpa cousin nephew niece husband wife son "
    "daughter patient customer client contact attn employee tenant".split()
)
"""Words right before a name."""
_FIELDS = frozenset(
    "name patient contact customer client applicant employee guest passenger author from to signed "
    "attn recipient sender holder owner first last surname".split()
)
"""Words before a colon, before a name."""
_AFTER = frozenset("said says told tells wrote writes asked replied added".split())
_TO_PLACE = frozenset("from in to near via".split())
_ENDS = frozenset(".!?:\"“”'‘’()[]-–—*•>")
_THINGS = frozenset(
    "labrador labradors rottweiler rottweilers doberman dobermans dalmatian dalmatians weimaraner "
    "pomeranian pekingese chihuahua chihuahuas malamute schnauzer labradoodle collie corgi frisbee "
    "frisbees mohawk levis santa".split()
)
_PAIRS = frozenset(
    tuple(pair.split())
    for pair in "boston terrier,saint bernard,russell terrier,yorkshire terrier,bull terrier,"
    "shih tzu,ferris wheel,mardi gras,santa claus,santa hat,santa suit,border collie,great dane,"
    "german shepherd,charles spaniel,basset hound,teddy bear,jolly roger,tommy gun".split(",")
)
"""Dogs and things that are called like people or places."""
_OPENERS = frozenset({"guy", "lady", "miss"})
"""Given names that open a sentence about somebody without a name."""
_SUFFIXES = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e"),
    ("ers", ""), ("ers", "e"), ("er", ""), ("er", "e"), ("y", ""), ("y", "e"), ("ish", ""),
    ("less", ""), ("like", ""), ("ly", ""),
)  # fmt: skip
SURE, CERTAIN = 0.8, 0.97
"""Scores from which everyday words are a name: a listed given and a listed family name; one listed
word. Chosen on development parts and captions of our own."""
_HALF = 4
"""Letters that either half of a compound has at least; shorter ones make names of syllables."""


@lru_cache(maxsize=1 << 15)
def is_everyday(word: str) -> bool:
    """Whether English uses the word: in its dictionary, an inflection, or two of its words."""
    key = wordlists.fold(word)
    known = wordlists.english()
    if key in known:
        return True
    found = wordlists.flags(key)
    if found & wordlists.COMMON:
        return True
    if found & (_NAMES | wordlists.PLACE | wordlists.COMPANY) or not key.isascii():
        return False
    for suffix, instead in _SUFFIXES:
        stem = key.removesuffix(suffix)
        if stem != key and len(stem) > 2:
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            if stem + instead in known or (not instead and doubled in known):
                return True
    halves = ((key[:at], key[at:]) for at in range(_HALF, len(key) - _HALF + 1))
    return any(one in known and other in known for one, other in halves)


def kept(
    words: Sequence[str], first: int, last: int, kind: Kind, score: float
) -> Iterator[tuple[int, int]]:
    """What is left of a span of tokens: all of it, a part in its middle, or nothing."""
    if not all(word.isascii() for word in words[first:last]):
        yield first, last
        return
    plain = [_plain(words, at) for at in range(first, last)]
    if not any(plain):
        yield first, last
        return
    if _introduced(words, first, last, kind):
        yield first, last
        return
    letters = [at for at in range(first, last) if words[at][0].isalpha()]
    if all(plain[at - first] for at in letters):
        if _listed(words, letters, kind, score):
            yield first, last
        return
    # A name stands in it: what is small and everyday at its ends does not belong to it.
    while first < last and _loose(words, first, plain, letters):
        first, plain = first + 1, plain[1:]
    full = last - first > 1 and score >= SURE and not plain[0]
    full = full and kind is Kind.NAME and bool(wordlists.flags(words[first]) & _GIVEN)
    while not full and last > first and _loose(words, last - 1, plain, letters, back=True):
        last, plain = last - 1, plain[:-1]
    if first < last and any(word[0].isalnum() for word in words[first:last]):
        yield first, last


def _plain(words: Sequence[str], at: int) -> bool:
    """Whether a token is an everyday word in everyday spelling."""
    word = words[at]
    if not word[0].isalpha():
        return False
    key, follower = word.lower(), words[at + 1] if at + 1 < len(words) else ""
    before = words[at - 1].lower() if at else ""
    if key in _THINGS or (key, follower.lower()) in _PAIRS or (before, key) in _PAIRS:
        return True
    if word.islower():
        # "an ollie", "a harley": what can be counted is no person.
        counted = before in {"a", "an"} and not wordlists.flags(word) & wordlists.PLACE
        return is_everyday(word) or counted
    if not word[0].isupper() or (len(word) > 1 and not word[1:].islower()):
        return False
    opens = at == 0 or words[at - 1][0] in _ENDS or before in {"a", "an"}
    # "Rider jumps" opens a sentence; "Rider Jumps" may be a name, "Rose jumps" is one.
    small = follower.islower()
    known = wordlists.flags(word)
    given = known & _GIVEN and not known & wordlists.COMMON and key not in _OPENERS
    return opens and small and is_everyday(word) and not given


def _introduced(words: Sequence[str], first: int, last: int, kind: Kind) -> bool:
    """Whether the words around a span say that it is a name."""
    if kind is not Kind.NAME:
        return False
    before = wordlists.fold(words[first - 1]) if first else ""
    earlier = wordlists.fold(words[first - 2]) if first > 1 else ""
    after = words[last].lower() if last < len(words) else ""
    if before == "." and earlier in FIRM_TITLES:
        return True
    if before == "is" and earlier == "name":
        return True
    if before in ":=" and before and earlier in _FIELDS:
        return True
    known = wordlists.flags(words[first]) & _NAMES
    return bool(known) and (
        before in _BEFORE
        or before in FIRM_TITLES
        or after in _AFTER
        or (before == "by" and last - first > 1)
    )


def _listed(words: Sequence[str], letters: Sequence[int], kind: Kind, score: float) -> bool:
    """Whether everyday words are, together, as a list knows a full name or a country."""
    first = letters[0]
    if kind is Kind.PLACE:
        key = " ".join(wordlists.fold(words[at]) for at in letters)
        country = wordlists.lists().get(key, 0) & wordlists.COUNTRY
        return bool(country) and first > 0 and words[first - 1].lower() in _TO_PLACE
    if kind is not Kind.NAME or score < SURE or (first and words[first - 1].lower() in {"a", "an"}):
        return False
    pairs = pairwise(words[at].lower() for at in letters)
    if words[first].lower() in _THINGS | _OPENERS or any(pair in _PAIRS for pair in pairs):
        return False
    found = [wordlists.flags(words[at]) for at in letters]
    if len(found) > 1:
        return bool(found[0] & _GIVEN) and bool(found[-1] & wordlists.FAMILY)
    # "john" and "frank" are in the dictionary, too.
    return bool(found[0] & _NAMES) and score >= CERTAIN


def _loose(
    words: Sequence[str],
    at: int,
    plain: Sequence[bool],
    letters: Sequence[int],
    *,
    back: bool = False,
) -> bool:
    """Whether the token at an end of a span is everyday and not a word of the name."""
    word = words[at]
    if not word[0].isalnum():
        return False
    if not plain[-1 if back else 0] or not word.islower() or word in PARTICLES or len(word) == 1:
        return False
    # In small letters "smith" beside "anna" is her name; beside "Anna" it is a craft.
    mixed = any(words[other][0].isupper() for other in letters)
    return mixed or not wordlists.flags(word) & _NAMES
