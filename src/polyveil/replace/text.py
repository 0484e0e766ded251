# SPDX-License-Identifier: Apache-2.0
"""Texts rewritten so that they speak of the stand-ins: names, identifiers, looks, pronouns.

Guarantees, repeated by tests: characters outside the edits stay as they are; a person has one name
in every string; whatever was replaced once is replaced wherever it recurs; text that already speaks
of a stand-in stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey
from polyveil.records.facets import FACE_FACETS, INSIDE_FACE
from polyveil.records.finding import Kind, Mention
from polyveil.records.record import TextPath
from polyveil.replace import attributes, dates, grammar
from polyveil.replace.casting import PersonaRegistry, name_words
from polyveil.replace.leftovers import occurrences
from polyveil.replace.persona import Persona
from polyveil.replace.plain_surface import plain_surface
from polyveil.replace.things import already_stand_in, cast_thing, project_shift

Facets = Mapping[str, Mapping[str, str]]
"""Persona's token -> facet -> value."""

AttributeSpans = Mapping[int, Sequence[tuple[str, str, int, int]]]
"""Index of a mention -> (facet, value, start, end) of its attribute words, in its string."""

_NO_FACETS: Facets = MappingProxyType({})
_NO_SPANS: AttributeSpans = MappingProxyType({})
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement, in characters of the string as it came."""

    path: TextPath
    start: int
    end: int
    replacement: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Strings after replacement.

    Attributes:
      texts: path -> new string.
      edits: in order, not overlapping.
      originals: path -> string as it came. Secret.
      notes: plain sentences on what was left as it was, without any secret.
    """

    texts: Mapping[TextPath, str]
    edits: tuple[Edit, ...]
    originals: Mapping[TextPath, str] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The new string, where there is one alone."""
        if len(self.texts) != 1:
            raise UsageError(f"expected one string, got {len(self.texts)}; use `texts`.")
        return next(iter(self.texts.values()))

    def stand_ins(self) -> dict[TextPath, list[tuple[int, int]]]:
        """Spans of the stand-ins in the new strings, by path."""
        spans: dict[TextPath, list[tuple[int, int]]] = {path: [] for path in self.texts}
        for edit, start in self._placed():
            spans[edit.path].append((start, start + len(edit.replacement)))
        return spans

    def reversals(self) -> dict[TextPath, list[tuple[int, int, str]]]:
        """path -> (start, end, original) in the new string: what a vault needs to turn it back."""
        found: dict[TextPath, list[tuple[int, int, str]]] = {path: [] for path in self.texts}
        for edit, start in self._placed():
            original = self.originals[edit.path][edit.start : edit.end]
            found[edit.path].append((start, start + len(edit.replacement), original))
        return found

    def _placed(self) -> Iterable[tuple[Edit, int]]:
        grown: dict[TextPath, int] = {}
        for edit in self.edits:
            start = edit.start + grown.get(edit.path, 0)
            yield edit, start
            change = len(edit.replacement) - (edit.end - edit.start)
            grown[edit.path] = grown.get(edit.path, 0) + change


def rewrite(
    texts: Mapping[TextPath, str] | str,
    mentions: Sequence[Mention],
    persona_of: Mapping[int, Persona | None],
    *,
    key: ProjectKey,
    new_facets: Facets = _NO_FACETS,
    old_facets: Facets = _NO_FACETS,
    attribute_spans: AttributeSpans = _NO_SPANS,
    registry: PersonaRegistry | None = None,
    record_id: str | None = None,
) -> Rewritten:
    """Rewrites the strings of one record.

    Args:
      texts: path -> string; one string stands for path ().
      mentions: what was found in them; spans must fit.
      persona_of: index of a mention -> whose it is. A name without a persona gets a passer-by's,
        keyed by the name.
      key: of the project; stand-ins of places, numbers and addresses follow from it.
      new_facets, old_facets: persona's token -> facet -> value that the new face shows, and that
        the text or the old face showed.
      attribute_spans: index of a mention -> (facet, value, start, end) of its attribute words.
      registry: knows the real names behind each persona and which names are stand-ins already.
      record_id: gives dates of nobody a shift of this record; None: of the project.

    Raises:
      UsageError: a mention's span does not hold its surface.
    """
    strings: dict[TextPath, str] = {(): texts} if isinstance(texts, str) else dict(texts)
    _check(strings, mentions)
    shift = project_shift(key, *([record_id] if record_id else []))
    job = _Job(strings, mentions, persona_of, key, registry, shift)
    job.replace_mentions()
    job.replace_attributes(attribute_spans, new_facets)
    job.replace_pronouns(old_facets, attribute_spans)
    job.replace_recurrences()
    return job.result()


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The string after its edits, applied from right to left."""
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


class _Job:
    """The edits of one record while they are gathered; earlier ones win where two overlap."""

    def __init__(
        self,
        strings: dict[TextPath, str],
        mentions: Sequence[Mention],
        persona_of: Mapping[int, Persona | None],
        key: ProjectKey,
        registry: PersonaRegistry | None,
        shift_days: int,
    ) -> None:
        self.strings, self.mentions, self.persona_of = strings, mentions, persona_of
        self.key, self.registry, self.shift_days = key, registry, shift_days
        self.edits: dict[TextPath, list[Edit]] = {path: [] for path in strings}
        self.notes: dict[str, None] = {}
        self.replaced: set[int] = set()
        self.avoid = frozenset(
            word
            for mention in mentions
            if mention.kind in (Kind.NAME, Kind.PLACE, Kind.ORGANISATION)
            for word in name_words(mention.surface)
        )

    def replace_mentions(self) -> None:
        """Every mention that is a thing or a name; the longest first where two overlap."""
        order = sorted(
            range(len(self.mentions)),
            key=lambda i: (
                self.mentions[i].start - self.mentions[i].end,
                -self.mentions[i].score,
                i,
            ),
        )
        for index in order:
            mention = self.mentions[index]
            if mention.kind is Kind.EXPRESSION or self._is_stand_in(index):
                continue
            self.replaced.add(index)
            start, end = self._whole_date(mention)
            new = self._stand_in(index, self.strings[mention.path][start:end], (start, end))
            if mention.kind is Kind.NAME:
                end, new = grammar.possessive_end(self.strings[mention.path], end, new)
            self._add(mention.path, start, end, new, mention.kind)

    def replace_attributes(self, spans: AttributeSpans, new_facets: Facets) -> None:
        """Words about looks that the new face makes untrue."""
        for index, attributes_ in spans.items():
            persona = self.persona_of.get(index)
            if persona is None:
                continue
            shown = dict(new_facets.get(persona.token, {}))
            if persona.sex:
                shown["sex"] = persona.sex
            path = self.mentions[index].path
            # Age before sex: "girl" becomes "man" in one step where both have changed.
            for facet, value, start, end in sorted(attributes_, key=lambda a: a[0] != "age"):
                new = shown.get(facet)
                if facet not in INSIDE_FACE or new is None or _still_true(facet, value, new):
                    continue
                change = attributes.change(
                    self.strings[path], (start, end), facet, new, persona.sex
                )
                if change is None:
                    self.notes[f"a word about {facet} could not be changed to {new}"] = None
                else:
                    self._add(path, *change, Kind.EXPRESSION)

    def replace_pronouns(self, old_facets: Facets, spans: AttributeSpans) -> None:
        """Pronouns of a string all of whose persons of that sex have changed it."""
        for path, text in self.strings.items():
            kept, changed = self._sexes(path, old_facets, spans)
            for old, new in sorted(changed):
                if old in kept:
                    self.notes["pronouns were left: they may speak of several persons"] = None
                    continue
                for start, end, word in grammar.pronouns(text, new):
                    self._add(path, start, end, word, Kind.EXPRESSION)

    def replace_recurrences(self) -> None:
        """Whatever was replaced and stands somewhere else in the record as well."""
        for index in sorted(self.replaced, key=lambda i: -len(self.mentions[i].surface)):
            mention = self.mentions[index]
            for path, text in self.strings.items():
                for start, end, _ in sorted(occurrences(text, mention), key=lambda o: o[0] - o[1]):
                    if self._free(path, start, end):
                        new = self._stand_in(index, text[start:end], None)
                        self._add(path, start, end, new, mention.kind)

    def result(self) -> Rewritten:
        """The new strings, articles and capitals put right."""
        edits: list[Edit] = []
        texts = {}
        for path, text in self.strings.items():
            own = sorted(self.edits[path], key=lambda edit: (edit.start, edit.end))
            own = [self._capital(text, edit) for edit in self._with_articles(path, own)]
            own = [e for e in own if text[e.start : e.end] != e.replacement]
            texts[path] = apply(text, own)
            edits += own
        return Rewritten(texts, tuple(edits), dict(self.strings), tuple(self.notes))

    def _stand_in(self, index: int, surface: str, span: tuple[int, int] | None) -> str:
        mention, persona = self.mentions[index], self.persona_of.get(index)
        if span is not None and surface == mention.surface:
            surface = plain_surface(mention)
        originals: tuple[str, ...] = ()
        if persona is not None:
            known = self.registry.originals.get(persona.token, ()) if self.registry else ()
            originals = (*known, *self._names_of(persona))
        elif mention.kind is Kind.NAME:
            originals = (mention.surface, mention.canonical)
        return cast_thing(
            self.key,
            mention.kind,
            mention.canonical or mention.surface,
            surface,
            facets=mention.facets,
            persona=persona,
            originals=originals,
            shift_days=self.shift_days,
            avoid=self.avoid,
        )

    def _names_of(self, persona: Persona) -> list[str]:
        return [
            self.mentions[i].surface
            for i, other in self.persona_of.items()
            if other is not None
            and other.token == persona.token
            and self.mentions[i].kind is Kind.NAME
        ]

    def _is_stand_in(self, index: int) -> bool:
        """Whether a mention speaks of a stand-in already, so that a second run changes nothing."""
        mention = self.mentions[index]
        if self.registry is not None and mention.kind is Kind.NAME:
            return self.registry.is_stand_in(mention.surface)
        return already_stand_in(mention.kind, mention.surface)

    def _whole_date(self, mention: Mention) -> tuple[int, int]:
        """A date together with the weekday right before it."""
        if mention.kind is Kind.DATE:
            before = dates.BEFORE.search(self.strings[mention.path], 0, mention.start)
            written = dates.read(mention.surface, mention.canonical)
            if before and written and written.precision == "day":
                return before.start(), mention.end
        return mention.start, mention.end

    def _sexes(
        self, path: TextPath, old_facets: Facets, spans: AttributeSpans
    ) -> tuple[set[str], set[tuple[str, str]]]:
        """Sexes of this string's persons that stay, and (old, new) of those that change."""
        kept: set[str] = set()
        changed: set[tuple[str, str]] = set()
        for index, persona in self.persona_of.items():
            mention = self.mentions[index]
            if persona is None or mention.path != path:
                continue
            said = next((v for facet, v, *_ in spans.get(index, ()) if facet == "sex"), None)
            old = old_facets.get(persona.token, {}).get("sex") or said or mention.facets.get("sex")
            if old and persona.sex and old != persona.sex:
                changed.add((old, persona.sex))
            elif old:
                kept.add(old)
        return kept, changed

    def _free(self, path: TextPath, start: int, end: int) -> bool:
        return all(end <= edit.start or edit.end <= start for edit in self.edits[path])

    def _add(self, path: TextPath, start: int, end: int, new: str, kind: Kind) -> None:
        if self._free(path, start, end):
            self.edits[path].append(Edit(path, start, end, new, kind))

    def _with_articles(self, path: TextPath, edits: list[Edit]) -> list[Edit]:
        """ "a" or "an" before a replacement, as its first sound asks for."""
        text, fixed, last = self.strings[path], list[Edit](), 0
        for edit in edits:
            found = grammar.article_before(text, edit.start)
            following = edit.replacement or text[edit.end :].lstrip()
            if found and found[0] >= last and re.match(r"\w", following):
                start, article, blanks = found
                right = grammar.article_for(article, following)
                if right.lower() != article.lower():
                    whole = right + blanks + edit.replacement
                    edit = Edit(path, start, edit.end, whole, edit.kind)
            fixed.append(edit)
            last = edit.end
        return fixed

    def _capital(self, text: str, edit: Edit) -> Edit:
        """A capital where the sentence began with one."""
        old, new = text[edit.start : edit.end], edit.replacement
        if edit.kind not in _WORDS or not (old[:1].isupper() and new[:1].islower()):
            return edit
        if not grammar.starts_sentence(text, edit.start):
            return edit
        return Edit(edit.path, edit.start, edit.end, new[:1].upper() + new[1:], edit.kind)


def _still_true(facet: str, said: str, shown: str) -> bool:
    """Whether a word stays true: "man" of an old man, "boy" of a toddler; age bands touch."""
    if facet != "age":
        return said == shown
    bands = FACE_FACETS["age"]
    return abs(bands.index(said) - bands.index(shown)) <= 1


_WORDS = frozenset({Kind.NAME, Kind.PLACE, Kind.ORGANISATION, Kind.EXPRESSION, Kind.AGE, Kind.DATE})


def _check(strings: Mapping[TextPath, str], mentions: Sequence[Mention]) -> None:
    for index, mention in enumerate(mentions):
        text = strings.get(mention.path)
        if text is None or text[mention.start : mention.end] != mention.surface:
            raise UsageError(
                f"mention {index} ({mention.kind}), {'/'.join(map(str, mention.path)) or 'text'}, "
                f"characters {mention.start}-{mention.end}: expected its surface there. "
                "Rewrite the strings in which the mentions were found."
            )
