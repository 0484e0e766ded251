# SPDX-License-Identifier: Apache-2.0
"""Names of people, places and organisations in any text, also lower case, shouted or disguised.

A small convolutional network (`weights/names.onnx`, made by `training/names.py`) scores BIO tags;
the best permitted sequence wins, with a handicap on "no name": a missed name cannot be taken back,
a needless stand-in can. Rules add what a network forgets: a word behind a title, a name that was
recognised elsewhere in the same text, listed names in scripts without capitals.

Source: tagging after Strubell et al. 2017, https://arxiv.org/abs/1702.02098; network from scratch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.detect import name_parts, name_rules
from polyveil.detect.name_rules import Span
from polyveil.detect.normalise import Normalised, normalise
from polyveil.detect.tokens import FLAGS, GRAMS, features, gaps, tokenise
from polyveil.records.finding import Kind, Mention

KINDS = (Kind.NAME, Kind.PLACE, Kind.ORGANISATION)
"""In the order of the network's tags O, B-NAME, I-NAME, B-PLACE, ..."""
TAGS = 1 + 2 * len(KINDS)
HANDICAP = (1.0, 0.0, 0.5, 0.5)
"""Nats taken from no name, name, place, organisation: what is missed cannot be taken back, and a
person is the safer reading of what may be a town or company. Chosen on development parts only."""
CORE, MARGIN = 192, 16
"""A long text is scored in pieces of CORE tokens, with MARGIN tokens of context on both sides."""
AT_ONCE = 8192
"""Tokens, padding included, that go through the network together: bounds the memory."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One text, read: its plain form, token offsets, network input."""

    plain: Normalised
    offsets: list[tuple[int, int]]
    before: list[int]
    rows: NDArray[np.int32]
    marks: NDArray[np.float32]


class _Window(NamedTuple):
    """Tokens [start, end) of text number `text` are scored with [left, right) in view."""

    text: int
    start: int
    end: int
    left: int
    right: int


class NameRecogniser:
    """Finds names, places and organisations.

    The same text gives the same mentions, alone or in any batch. Offsets are those of the text as
    it came. Never raises on any string.
    """

    name = "names"

    def __init__(
        self, model: str | bytes = "names.onnx", *, handicap: Sequence[float] = HANDICAP
    ) -> None:
        self._session = _weights.session(model)
        none, *others = handicap
        # On "no name" and on going on alike: it begins more names and lengthens none.
        pairs = [cost + extra for cost in others for extra in (0.0, none)]
        self._handicap, self._again = np.array([none, *pairs], np.float32), none

    def find(self, text: str) -> list[Mention]:
        """Mentions of one text, in order, not overlapping."""
        return self.find_batch([text])[0]

    def find_batch(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Mentions of many texts; much faster than one by one."""
        reads = [_read(text) for text in texts]
        return [
            self._mentions(text, read, scores)
            for text, read, scores in zip(texts, reads, self._scores(reads), strict=True)
        ]

    def _scores(self, reads: Sequence[_Read]) -> list[NDArray[np.float32]]:
        """Log-probabilities (tokens, TAGS) of every text."""
        scores = [np.zeros((len(read.offsets), TAGS), np.float32) for read in reads]
        windows = [
            _Window(
                index,
                start,
                min(start + CORE, size),
                max(0, start - MARGIN),
                min(size, start + CORE + MARGIN),
            )
            for index, size in enumerate(len(read.offsets) for read in reads)
            for start in range(0, size, CORE)
            for right in [min(size, start + CORE + MARGIN)]
        ]
        for batch in _batches(sorted(windows, key=lambda window: window.right - window.left)):
            width = max(window.right - window.left for window in batch)
            rows = np.zeros((len(batch), width, GRAMS), np.int32)
            marks = np.zeros((len(batch), width, FLAGS), np.float32)
            for at, (index, _, _, left, right) in enumerate(batch):
                rows[at, : right - left] = reads[index].rows[left:right]
                marks[at, : right - left] = reads[index].marks[left:right]
            found = self._session.run(None, {"rows": rows, "marks": marks})[0]
            for at, (index, start, end, left, _) in enumerate(batch):
                scores[index][start:end] = found[at, start - left : end - left]
        return scores

    def _mentions(self, text: str, read: _Read, scores: NDArray[np.float32]) -> list[Mention]:
        plain = read.plain.text
        words = [plain[start:end] for start, end in read.offsets]
        chances = np.exp(scores)
        spans = [
            Span(first, last, kind, *_likely(chances[first:last], tag))
            for start, end, kind, tag in _decode(scores - self._handicap, self._again)
            for first, last in _lines(start, end, read.before)
        ]
        spans = name_rules.complete(plain, words, read.offsets, spans)
        made = (self._mention(text, read, words, span) for span in spans)
        return [mention for mention in made if mention is not None]

    def _mention(self, text: str, read: _Read, words: list[str], span: Span) -> Mention | None:
        span, title = name_rules.without_title(words, span)
        first, last = span.first, span.last
        if not any(character.isalnum() for word in words[first:last] for character in word):
            return None
        start, end = read.offsets[first][0], read.offsets[last - 1][1]
        plain = read.plain.text[start:end]
        start, end = read.plain.original_span(start, end)
        is_name = span.kind is Kind.NAME
        facets = name_parts.facets(plain, title) if is_name else {}
        return Mention(
            path=(), start=start, end=end, kind=span.kind, surface=text[start:end],
            canonical=name_parts.canonical(plain) if is_name else _tidy(plain),
            score=round(min(1.0, max(0.0, span.score)), 3), source=self.name, facets=facets,
        )  # fmt: skip


def same_person(one: str, other: str) -> bool:
    """Whether two names of one record can be the same person.

    True for the same words in any order, for a bare given or family name inside a fuller name, and
    for an initial that fits ("j. smith", "john smith"). Titles and accents do not count.
    """
    return name_parts.same_person(one, other)


def _read(text: str) -> _Read:
    plain = normalise(text)
    offsets = tokenise(plain.text)
    words = [plain.text[start:end] for start, end in offsets]
    before = gaps(plain.text, offsets)
    return _Read(plain, offsets, before, *features(words, before))


def _batches(windows: Sequence[_Window]) -> Iterator[list[_Window]]:
    """Windows of similar length, together at most AT_ONCE tokens with their padding."""
    batch: list[_Window] = []
    for window in windows:
        if batch and (window.right - window.left) * (len(batch) + 1) > AT_ONCE:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _decode(scores: NDArray[np.float32], again: float) -> Iterator[tuple[int, int, Kind, int]]:
    """The best sequence in which every I- follows its own B- or I-: (first, last, kind, B-tag).

    A name directly behind one of its kind costs `again`, so that none falls to pieces.
    """
    best = [0.0] + [-1e9] * (TAGS - 1)
    back: list[list[int]] = []
    for row in scores.tolist():
        top = max(range(TAGS), key=best.__getitem__)
        came = [top] * TAGS
        now = [best[top] + row[0]] + [0.0] * (TAGS - 1)
        for tag in range(1, TAGS, 2):
            same = {tag, tag + 1}
            costs = [value - again if at in same else value for at, value in enumerate(best)]
            came[tag] = max(range(TAGS), key=costs.__getitem__)
            now[tag] = costs[came[tag]] + row[tag]
            came[tag + 1] = tag if best[tag] >= best[tag + 1] else tag + 1
            now[tag + 1] = best[came[tag + 1]] + row[tag + 1]
        best = now
        back.append(came)
    tag, tags = max(range(TAGS), key=best.__getitem__), []
    for came in reversed(back):
        tags.append(tag)
        tag = came[tag]
    tags.reverse()
    at = 0
    while at < len(tags):
        first, tag = at, tags[at]
        at += 1
        if tag % 2:
            while at < len(tags) and tags[at] == tag + 1:
                at += 1
            yield first, at, KINDS[tag // 2], tag


def _likely(chances: NDArray[np.float32], tag: int) -> tuple[float, float]:
    """How likely the words are of the kind whose B-tag this is, and how likely a person's name."""
    own, person = (float(chances[:, at : at + 2].sum(1).mean()) for at in (tag, 1))
    return own, person


def _lines(first: int, last: int, before: Sequence[int]) -> Iterator[tuple[int, int]]:
    """A span cut at line breaks: a signature's name does not go on in the company below."""
    for at in range(first + 1, last):
        if before[at] == 2:
            yield first, at
            first = at
    yield first, last


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
