# SPDX-License-Identifier: Apache-2.0
"""What of the replaced is still readable: the same strings, and the words of replaced names, again.

A name that a detector saw once is looked for everywhere in the record, in any case. Words that are
common words as well ("Will", "Rose") count only where a capital inside a sentence makes them names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from polyveil.records.finding import Kind, Mention
from polyveil.records.record import TextPath
from polyveil.replace.casting import name_words
from polyveil.replace.grammar import starts_sentence
from polyveil.replace.name_shape import PARTICLES, SUFFIXES, TITLES
from polyveil.replace.names import UNSPACED, fold, script_of

_COMMON = frozenset(
    """will may mark young rose grace hope faith joy art bill rich frank brown white black green
    gray grey long short king page price rice day summer june april august stone wood woods field
    hill
    lake park bush west north the and for how can man  cook hunter
      best good new early small little major sharp strong wise wild winter spring bell
    bird fox wolf lamb rush rose dean chase grant drew pat sue jack gene ray dawn ivy daisy iris
    violet olive ruby pearl amber jade crystal star sky angel christian guy miles max skip chip bob
    rob don lane street house church bishop pope knight noble power powers love case bond cash
    cross dale ford glass gold golden hand head heart holiday bank banks bay beach bridge camp
    canyon castle city court dance mercy patience reading apple target gap shell orange amazon
    oracle visa time times post mail sun mirror guardian nation turkey china chile jordan georgia
    nice mobile buffalo phoenix bath cork split chad mali tank ball bear box bull call cannon child
    coffee  dell down flowers french german  ham hat home hood hook keen key kid law""".split()  # noqa: SIM905
)
_IDENTIFIERS = frozenset(Kind) - {Kind.EXPRESSION, Kind.AGE, Kind.NAME}
_LETTER = r"[^\W\d_]"


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something replaced that can still be read.

    Attributes:
      path, start, end: where.
      mention: index of the mention it repeats.
      whole: the whole surface or canonical, not only one word of a name.
      text: the characters. Secret.
    """

    path: TextPath
    start: int
    end: int
    mention: int
    whole: bool
    text: str = field(repr=False)


def leftovers(
    texts: Mapping[TextPath, str] | str,
    mentions: Sequence[Mention],
    *,
    stand_ins: Mapping[TextPath, Sequence[tuple[int, int]]] | None = None,
    replaced: Iterable[int] | None = None,
) -> list[Leftover]:
    """Every place where a replaced mention can still be read, in order.

    Args:
      texts: the record's strings after replacement; one string stands for path ().
      mentions: what was found before.
      stand_ins: spans of stand-ins by path: one that happens to hold a word of another real name
        is no leftover (a whole real name still is).
      replaced: indices of the mentions that were replaced; None: all but expressions.
    """
    strings: Mapping[TextPath, str] = {(): texts} if isinstance(texts, str) else texts
    wanted = range(len(mentions)) if replaced is None else sorted(set(replaced))
    found: dict[tuple[TextPath, int, int], Leftover] = {}
    for index in wanted:
        for path, text in strings.items():
            ours = (stand_ins or {}).get(path, ())
            for start, end, whole in occurrences(text, mentions[index]):
                inside = any(s < end and start < e for s, e in ours)
                if not (inside and not whole):
                    left = Leftover(path, start, end, index, whole, text[start:end])
                    found.setdefault((path, start, end), left)
    return sorted(found.values(), key=lambda left: (str(left.path), left.start, -left.end))


def occurrences(text: str, mention: Mention) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whole) wherever a text repeats a mention or a word of its name."""
    if mention.kind in _IDENTIFIERS or mention.kind is Kind.NAME:
        for pattern, one_word in _whole_patterns(mention):
            for match in pattern.finditer(text):
                if not one_word or _means_it(text, match, one_word):
                    yield match.start(), match.end(), True
    if mention.kind is Kind.NAME:
        for word in words_of(mention):
            for match in _word_pattern(word).finditer(text):
                if _means_it(text, match, word):
                    yield match.start(), match.end(), False


def words_of(mention: Mention) -> tuple[str, ...]:
    """Folded words of a name that tell something: at least three letters, no title or particle."""
    idle = TITLES | PARTICLES | SUFFIXES
    words = (*name_words(mention.surface), *name_words(mention.canonical))
    return tuple(dict.fromkeys(w for w in words if len(w) >= 3 and w not in idle))


def _whole_patterns(mention: Mention) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of surface and canonical; the word is given where it is a single common one."""
    patterns = []
    for spelling in dict.fromkeys((mention.surface.strip(), mention.canonical.strip())):
        if sum(map(str.isalnum, spelling)) < 3 or (
            mention.kind is Kind.DATE and spelling.startswith("--")
        ):
            continue
        word = fold(spelling) if re.fullmatch(r"\w+", spelling) else ""
        patterns.append((_pattern(spelling), word))
    return patterns


@lru_cache(maxsize=2048)
def _pattern(spelling: str) -> re.Pattern[str]:
    body = r"\s+".join(map(re.escape, spelling.split()))
    if script_of(spelling) in UNSPACED:
        return re.compile(body, re.IGNORECASE)
    return re.compile(rf"(?<![^\W_]){body}(?![^\W_])", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _word_pattern(word: str) -> re.Pattern[str]:
    """A folded word in any case and with any accents."""
    marks = "[\u0300-\u036f]*"
    body = "".join(re.escape(char) + (marks if char.isascii() else "") for char in word)
    if script_of(word) in UNSPACED:
        return re.compile(body)
    return re.compile(rf"(?<!{_LETTER}){body}(?!{_LETTER})", re.IGNORECASE)


def _means_it(text: str, match: re.Match[str], word: str) -> bool:
    """Whether a common word stands there as a name: capitalised inside a sentence."""
    if word not in _COMMON:
        return True
    seen = match.group()
    return seen[0].isupper() and not starts_sentence(text, match.start())
