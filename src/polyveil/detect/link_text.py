# SPDX-License-Identifier: Apache-2.0
"""Which mentions of one record speak of the same person: names, addresses, expressions, pronouns.

Joined only where the text says so: one name inside another, an e-mail that spells a name, an
apposition, a second caption of the same picture that fits exactly one person. Everything else stays
apart; two personas for one person cost consistency, one persona for two persons costs truth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from polyveil.detect.name_parts import same_person
from polyveil.detect.wordlists import fold
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import TextPath

ANCHORS = (Kind.EMAIL, Kind.HANDLE, Kind.PHONE, Kind.CARD, Kind.IBAN, Kind.NATIONAL_ID)
"""Identify someone by themselves."""
DETAILS = (Kind.DATE, Kind.AGE, Kind.ADDRESS)
"""Belong to whoever the text is about."""

_GENERIC = frozenset(
    {"info", "contact", "support", "admin", "sales", "office", "hello"}
    | {"mail", "noreply", "reply", "help", "service", "team"}
)
_LINKED = re.compile(r"^\s*(?:,|\(|-|–|—|:|is|was|,? who is)?\s*$", re.IGNORECASE)
_DEFINITE = re.compile(r"^(?:the|this|that|these|those|said)\b", re.IGNORECASE)
_RELATION = re.compile(r"^(?:his|her|their|my|our|your)\b|['’]s\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_HE = re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE)
_SIDES = ({"left", "right"}, {"front", "back"}, {"top", "bottom"})


Mentions: TypeAlias = tuple[Mention, ...]


@dataclass(eq=False)
class Group:
    """Mentions of one person, or of one plural ("two women"), while the record is being read.

    Attributes:
      mentions: indices into Findings.mentions.
      facets: what they say together; the first word on a facet stands.
      count: how many people; 0 where the text leaves it open ("some women").
      paths: the strings in which they stand.
    """

    mentions: list[int]
    facets: dict[str, str] = field(default_factory=dict)
    count: int = 1
    paths: set[TextPath] = field(default_factory=set)

    def named(self, mentions: Mentions) -> list[str]:
        """The person's names as written canonically, longest first."""
        names = {mentions[i].canonical for i in self.mentions if mentions[i].kind is Kind.NAME}
        return sorted(names, key=lambda name: (-len(name.split()), -len(name), name))

    def take(self, other: Group) -> None:
        """Adds the other's mentions and what they say."""
        self.mentions += other.mentions
        self.facets = {**other.facets, **self.facets}
        self.paths |= other.paths


def people(mentions: Mentions, texts: Mapping[TextPath, str]) -> list[Group]:
    """All personal mentions in groups, one a person, in the order of their first mention."""
    groups = _names(mentions)
    named = list(groups)
    for kind in ANCHORS:
        _anchors(kind, mentions, texts, groups, named)
    _expressions(mentions, texts, groups)
    _details(mentions, texts, groups)
    for group in groups:
        group.mentions.sort()
    _pronouns(groups, mentions, texts)
    return sorted(groups, key=lambda group: group.mentions[0])


def compatible(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two descriptions can be of one person: sex, age and side must not clash."""
    if len({one.get("sex"), other.get("sex")} - {None}) > 1:
        return False
    ages = {one.get("age"), other.get("age")} - {None}
    # Grown women are called girls: child against adult is no clash, baby or senior is.
    if len(ages) == 2 and (("baby" in ages and "child" not in ages) or {"child", "senior"} == ages):
        return False
    sides = {one.get("position"), other.get("position")} - {None}
    return not any(pair <= sides for pair in _SIDES)


def how_many(facets: Mapping[str, str]) -> int:
    """The count of an expression: 1 where nothing is said, 0 where it is open ("some")."""
    count = facets.get("count", "1")
    return int(count) if count.isdecimal() else 0


def _group(index: int, mention: Mention) -> Group:
    facets = {
        name: value
        for name, value in mention.facets.items()
        if mention.kind is Kind.EXPRESSION or name == "sex"
    }
    return Group([index], facets, how_many(facets), {mention.path})


def _names(mentions: Mentions) -> list[Group]:
    """Fuller names first; a bare name joins the fuller name that it fits, if that is one only."""
    order = [i for i, mention in enumerate(mentions) if mention.kind is Kind.NAME]
    order.sort(key=lambda i: (-len(mentions[i].canonical.split()), i))
    groups: list[Group] = []
    whole: dict[str, Group] = {}
    holding: dict[str, list[Group]] = {}
    for index in order:
        canonical, mine = mentions[index].canonical, _group(index, mentions[index])
        words = [fold(word) for word in re.split(r"[\s.,]+", canonical) if word]
        home = whole.get(canonical)
        if home is None:
            near = {id(g): g for word in words for g in holding.get(word, ())}.values()
            fitting = [g for g in near if same_person(canonical, g.named(mentions)[0])]
            if len(fitting) == 1 and compatible(fitting[0].facets, mine.facets):
                home = fitting[0]
        if home is None:
            home = mine
            groups.append(mine)
            for word in words:
                holding.setdefault(word, []).append(mine)
        else:
            home.take(mine)
        whole.setdefault(canonical, home)
    return groups


def _anchors(
    kind: Kind,
    mentions: Mentions,
    texts: Mapping[TextPath, str],
    groups: list[Group],
    named: list[Group],
) -> None:
    """E-mails, handles, numbers: to the name that they spell, else to the one name nearby."""
    seen: dict[str, Group] = {}
    for index, mention in enumerate(mentions):
        if mention.kind is not kind:
            continue
        mine = _group(index, mention)
        known = [seen[mention.canonical]] if mention.canonical in seen else []
        owner = known or _spelled(mention, mentions, named)
        if not owner and not _of_another(mention):
            owner = _nearby(mention, mentions, texts, named)
        if len(owner) == 1:
            owner[0].take(mine)
        else:
            groups.append(mine)
        seen.setdefault(mention.canonical, owner[0] if len(owner) == 1 else mine)


def _local(mention: Mention) -> list[str]:
    part = mention.canonical.lstrip("@").split("@")[0]
    return [word for word in re.split(r"[\W\d_]+", part.casefold()) if word]


def _spelled(mention: Mention, mentions: Mentions, named: list[Group]) -> list[Group]:
    """Names that an e-mail or a handle spells: anna.schmidt, aschmidt, schmidt_anna."""
    if mention.kind not in (Kind.EMAIL, Kind.HANDLE):
        return []
    words = _local(mention)
    joined = "".join(words)
    full, part = [], []
    for group in named:
        for name in group.named(mentions):
            tokens = [t for t in re.split(r"[^\w]+", name) if t]
            first, last = tokens[0], tokens[-1]
            spellings = {
                first + last,
                last + first,
                first[0] + last,
                last + first[0],
                first + last[0],
            }
            if len(tokens) > 1 and (joined in spellings or {first, last} <= set(words)):
                full.append(group)
                break
            if any(len(t) > 2 and t in words for t in tokens):
                part.append(group)
                break
    return full or part


def _of_another(mention: Mention) -> bool:
    """Whether an e-mail or handle spells somebody, or an office, of its own."""
    if mention.kind not in (Kind.EMAIL, Kind.HANDLE):
        return False
    words = _local(mention)
    return bool(_GENERIC & set(words)) or sum(len(word) > 2 for word in words) > 1


def _nearby(
    mention: Mention,
    mentions: Mentions,
    texts: Mapping[TextPath, str],
    named: list[Group],
) -> list[Group]:
    """The only name of the sentence, else the only name of the string."""
    start, end = _sentence(texts.get(mention.path, ""), mention.start)
    here = [g for g in named if _stands(g, mentions, mention.path, start, end)]
    return here or [g for g in named if mention.path in g.paths]


def _sentence(text: str, at: int) -> tuple[int, int]:
    cuts = [0, *(match.end() for match in _SENTENCE.finditer(text)), len(text) + 1]
    return next(((a, b) for a, b in pairwise(cuts) if a <= at < b), (0, len(text)))


def _stands(group: Group, mentions: Mentions, path: TextPath, start: int, end: int) -> bool:
    return any(
        mentions[i].path == path and start <= mentions[i].start < end for i in group.mentions
    )


def _expressions(mentions: Mentions, texts: Mapping[TextPath, str], groups: list[Group]) -> None:
    """Expressions: to an apposed name, what they take up, the fitting one of another caption."""
    indices = [i for i, mention in enumerate(mentions) if mention.kind is Kind.EXPRESSION]
    for index in sorted(indices, key=lambda i: (str(mentions[i].path), mentions[i].start)):
        mention, mine = mentions[index], _group(index, mentions[index])
        home = _apposed(mention, mentions, texts, groups, mine) or _taken_up(mention, groups, mine)
        home = home or _other_caption(mention, mentions, groups, mine)
        if home is None:
            groups.append(mine)
        else:
            home.take(mine)


def _apposed(
    mention: Mention,
    mentions: Mentions,
    texts: Mapping[TextPath, str],
    groups: Iterable[Group],
    mine: Group,
) -> Group | None:
    """'Anna Lee, the woman in red', 'the goalkeeper Anna Lee', 'Anna is the woman in red'."""
    text = texts.get(mention.path, "")
    for group in groups:
        for other in (mentions[i] for i in group.mentions):
            if other.path != mention.path or other.kind is not Kind.NAME:
                continue
            first, last = sorted((mention, other), key=lambda m: (m.start, m.end))
            gap = text[first.end : last.start]
            inside = other.start >= mention.start and other.end <= mention.end
            # "Anna, the woman in red" but not "Anna, a man and ...": sex must agree as well.
            joined = inside or (last.start >= first.end and _LINKED.match(gap) is not None)
            if joined and mine.count == 1 and compatible(group.facets, mine.facets):
                return group
    return None


def _taken_up(mention: Mention, groups: Iterable[Group], mine: Group) -> Group | None:
    """'A man with a dog ... the man': definite, and fits exactly one person of the string."""
    if not _DEFINITE.match(mention.surface) or _RELATION.search(mention.surface):
        return None
    here = [
        g for g in groups
        if mention.path in g.paths and g.count == mine.count and compatible(g.facets, mine.facets)
        and all(g.facets.get(name, value) == value for name, value in mine.facets.items())
    ]  # fmt: skip
    return here[0] if len(here) == 1 else None


def _other_caption(
    mention: Mention, mentions: Mentions, groups: Iterable[Group], mine: Group
) -> Group | None:
    """The one person of other captions that this expression fits best; none where two fit alike."""
    best: list[tuple[int, Group]] = []
    for group in groups:
        if mention.path in group.paths or group.count != mine.count:
            continue
        if not any(mentions[i].kind in (Kind.EXPRESSION, Kind.NAME) for i in group.mentions):
            continue
        if compatible(group.facets, mine.facets):
            shared = set(group.facets.items()) & set(mine.facets.items())
            clash = {n for n, v in mine.facets.items() if group.facets.get(n, v) != v}
            best.append((2 * len(shared) - len(clash), group))
    best.sort(key=lambda pair: -pair[0])
    if not best or (len(best) > 1 and best[0][0] == best[1][0]):
        return None
    return best[0][1]


def _details(mentions: Mentions, texts: Mapping[TextPath, str], groups: list[Group]) -> None:
    """Dates, ages, addresses: to the nearest person before them, else behind, else of the record.

    Where the record speaks of nobody else they make one person of their own.
    """
    for index, mention in enumerate(mentions):
        if mention.kind not in DETAILS:
            continue
        mine = _group(index, mention)
        start, end = _sentence(texts.get(mention.path, ""), mention.start)
        here = mention.start
        near = [
            (not start <= other.start < end, other.start > here, abs(other.start - here), at)
            for at, group in enumerate(groups)
            for other in (mentions[i] for i in group.mentions)
            if other.path == mention.path and other.kind not in DETAILS and group.count == 1
        ]  # fmt: skip
        home = groups[min(near)[3]] if near else groups[0] if groups else None
        if home is None:
            groups.append(mine)
        else:
            home.take(mine)
            if mention.kind is Kind.AGE and mention.canonical.isdecimal():
                home.facets.setdefault("age", age_band(int(mention.canonical)))


def age_band(years: int) -> str:
    """The value of the facet `age` for a number of years."""
    bands = ((2, "baby"), (13, "child"), (20, "teenager"), (65, "adult"))
    return next((band for below, band in bands if years < below), "senior")


def _pronouns(groups: list[Group], mentions: Mentions, texts: Mapping[TextPath, str]) -> None:
    """'He' and 'she' tell the sex of the only person of a string, where nothing else told it."""
    for path, text in texts.items():
        here = [g for g in groups if path in g.paths]
        if len(here) != 1 or here[0].count != 1 or "sex" in here[0].facets:
            continue
        votes = Counter(man=len(_HE.findall(text)), woman=len(_SHE.findall(text)))
        (sex, most), (_, least) = votes.most_common()
        if most > 0 and least == 0:
            here[0].facets["sex"] = sex
