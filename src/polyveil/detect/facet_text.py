# SPDX-License-Identifier: Apache-2.0
"""Facets of a person in words, and words as numbers: what the text side of alignment reads.

`phrase` says facets in plain English ("an elderly bearded man with glasses"); `bags` turns any
phrase into hashed word and letter n-grams, so that words never seen in training still land near
their relatives ("bespectacled", "moustached"). `credit` says how far one value of a facet supports
another: a picture of stubble half supports "the bearded man".
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polyveil.records.facets import FACE_FACETS

BUCKETS = 4096
"""Width of the hashed bag; a power of two."""

_WORD = re.compile(r"[a-z0-9]+")

_NOUNS: Mapping[tuple[str | None, str | None], str] = {
    ("man", "baby"): "baby boy",
    ("woman", "baby"): "baby girl",
    (None, "baby"): "baby",
    ("man", "child"): "boy",
    ("woman", "child"): "girl",
    (None, "child"): "child",
    ("man", "teenager"): "teenage boy",
    ("woman", "teenager"): "teenage girl",
    (None, "teenager"): "teenager",
    ("man", "senior"): "elderly man",
    ("woman", "senior"): "elderly woman",
    (None, "senior"): "elderly person",
}

_BEFORE = {"expression": {"smiling", "sad", "angry", "surprised"}, "hair": {"bald"}}

_WITH: Mapping[tuple[str, str], str] = {
    ("glasses", "glasses"): "glasses",
    ("glasses", "sunglasses"): "sunglasses",
    ("beard", "stubble"): "stubble",
    ("beard", "moustache"): "a moustache",
    ("beard", "goatee"): "a goatee",
    ("beard", "beard"): "a beard",
    ("hat", "hat"): "a hat",
}

_CREDIT: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("age", "baby"): {"child": 0.5},
    ("age", "child"): {"baby": 0.6, "teenager": 0.4},
    ("age", "teenager"): {"child": 0.4, "adult": 0.4},
    ("age", "adult"): {"teenager": 0.7, "senior": 0.6},
    ("age", "senior"): {"adult": 0.2},
    ("hair", "black"): {"brown": 0.4},
    ("hair", "brown"): {"black": 0.4, "red": 0.3, "blond": 0.2},
    ("hair", "blond"): {"grey": 0.2, "brown": 0.2, "red": 0.2},
    ("hair", "red"): {"dyed": 0.3, "brown": 0.3},
    ("hair", "grey"): {"blond": 0.2, "bald": 0.2},
    ("hair", "dyed"): {"red": 0.3},
    ("glasses", "glasses"): {"sunglasses": 0.6},
    ("beard", "beard"): {"goatee": 0.7, "stubble": 0.5, "moustache": 0.2},
    ("beard", "goatee"): {"beard": 0.5, "moustache": 0.3},
    ("beard", "moustache"): {"goatee": 0.5, "beard": 0.4},
    ("beard", "stubble"): {"beard": 0.4},
}


def credit(facet: str, asked: str) -> dict[str, float]:
    """Value seen -> how far it supports the value asked for, in [0, 1]; 1 for the same value."""
    table = dict.fromkeys(FACE_FACETS.get(facet, ()), 0.0)
    table.update(_CREDIT.get((facet, asked), {}))
    table[asked] = 1.0
    return table


def face_facets(facets: Mapping[str, str]) -> dict[str, str]:
    """Facets that a head shows, as the vocabulary has them; clothes, position, count drop out."""
    return {name: value for name, value in facets.items() if value in FACE_FACETS.get(name, ())}


def phrase(facets: Mapping[str, str]) -> str:
    """Facets as one English noun phrase; "person" where nothing is known.

    >>> phrase({"sex": "man", "age": "senior", "beard": "beard", "glasses": "glasses"})
    'elderly man with glasses and a beard'
    """
    seen = face_facets(facets)
    sex, age = seen.get("sex"), seen.get("age")
    noun = _NOUNS.get((sex, age)) or _NOUNS.get((None, age)) or sex or "person"
    before = [seen[name] for name, words in _BEFORE.items() if seen.get(name) in words]
    after = [text for (name, value), text in _WITH.items() if seen.get(name) == value]
    hair = [seen[name] for name in ("hair_length", "hair") if seen.get(name, "bald") != "bald"]
    if hair:
        after.append(" ".join([*hair, "hair"]))
    tail = f" with {' and '.join(after)}" if after else ""
    return " ".join([*before, noun]) + tail


def bags(phrases: Sequence[str]) -> NDArray[np.float32]:
    """Phrases as hashed bags, float32 (n, BUCKETS), unit rows; an empty phrase is all zero."""
    table = np.zeros((len(phrases), BUCKETS), np.float32)
    for row, text in zip(table, phrases, strict=True):
        for gram, weight in _grams(text):
            row[zlib.crc32(gram.encode()) % BUCKETS] += weight
        length = float(np.linalg.norm(row))
        if length > 0:
            row /= length
    return table


def _grams(text: str) -> list[tuple[str, float]]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    words = _WORD.findall("".join(mark for mark in plain if not unicodedata.combining(mark)))
    grams = [(word, 1.0) for word in words]
    grams += [(f"{left} {right}", 0.7) for left, right in pairwise(words)]
    for word in words:
        padded = f"<{word}>"
        grams += [
            (padded[at : at + size], 0.25)
            for size in (3, 4)
            for at in range(len(padded) - size + 1)
        ]
    return grams
