# SPDX-License-Identifier: Apache-2.0
"""What is known of a synthetic face, and the many ways to say it: labels and a phrase grammar.

Two sources of labels. The pack's weak phrases (the queries that a picture was retrieved for), and
`alignment_labels.csv`: eight facets of every picture, read off contact sheets by eye by a
vision-language assistant before any model was trained. Where both speak and disagree the facet
counts as unknown (with exceptions, see `_agree`).
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from polyveil.records.facets import FACE_FACETS

LABELS = Path(__file__).with_name("alignment_labels.csv")
NOBODY = {"statue", "cat", "dog", "animal", "back of head", "two people"}

_RULES: tuple[tuple[str, str, str], ...] = (
    (r"\b(man|male|boy)\b", "sex", "man"),
    (r"\b(woman|female|girl)\b", "sex", "woman"),
    (r"month old baby|\bbaby (boy|girl)", "age", "baby"),
    (r"toddler|small child|young child|\bchild (boy|girl)", "age", "child"),
    (r"\bteenage", "age", "teenager"),
    (r"\badult\b", "age", "adult"),
    (r"senior|old age|elderly", "age", "senior"),
    (r"(green|blue|pink) hair", "hair", "dyed"),
    (r"blonde? hair", "hair", "blond"),
    (r"gr[ae]y hair", "hair", "grey"),
    (r"(orange|red) hair", "hair", "red"),
    (r"black hair", "hair", "black"),
    (r"brown hair", "hair", "brown"),
    (r"^bald$", "hair", "bald"),
    (r"\blong \w+ hair", "hair_length", "long"),
    (r"\bshort \w+ hair|bob-cut", "hair_length", "short"),
    (r"sunglasses", "glasses", "sunglasses"),
    (r"(?<!sun)glasses", "glasses", "glasses"),
    (r"stubble", "beard", "stubble"),
    (r"goatee", "beard", "goatee"),
    (r"mustache", "beard", "moustache"),
    (r"beard$", "beard", "beard"),
    (r"shaved face", "beard", "none"),
    (r"\b(hat|cap|beanie|fedora)\b", "hat", "hat"),
    (r"smiling|^happy$", "expression", "smiling"),
    (r"\bsad\b", "expression", "sad"),
    (r"\bangry\b", "expression", "angry"),
    (r"surprised", "expression", "surprised"),
    (r"^neutral$", "expression", "neutral"),
)


@dataclass(frozen=True)
class Picture:
    """One synthetic face: file, weak phrases, facets on which the sources agree, split."""

    file: Path
    phrases: tuple[str, ...]
    facets: dict[str, str]
    split: str
    conflicts: tuple[str, ...]


def from_phrases(phrases: tuple[str, ...]) -> dict[str, str]:
    """Facets that the weak phrases state; a facet on which they differ is left out."""
    found: dict[str, set[str]] = {}
    for phrase in phrases:
        for pattern, facet, value in _RULES:
            if re.search(pattern, phrase):
                found.setdefault(facet, set()).add(value)
    return {facet: values.pop() for facet, values in found.items() if len(values) == 1}


def pictures(pack: Path) -> list[Picture]:
    """Every picture of the pack with its labels and its split (70 / 15 / 15, fixed).

    The split hashes the file name of the first of a group of near-duplicates, so that a face that
    came twice never lies on both sides.
    """
    with LABELS.open(encoding="utf-8", newline="") as lines:
        eye = {row.pop("file_name"): row for row in csv.DictReader(lines)}
    rows = [json.loads(line) for line in (pack / "metadata.jsonl").open(encoding="utf-8")]
    leader = _near_duplicates([pack / row["file_name"] for row in rows])
    result = []
    for row, first in zip(rows, leader, strict=True):
        phrases = tuple(row["attributes"])
        stated = from_phrases(phrases)
        seen = {facet: value for facet, value in eye[row["file_name"]].items() if value}
        conflicts = tuple(f for f in stated if f in seen and not _agree(f, stated[f], seen[f]))
        facets = {f: v for f, v in {**seen, **stated}.items() if f not in conflicts}
        name = rows[first]["file_name"].encode()
        percent = int(hashlib.sha256(name).hexdigest(), 16) % 100
        split = "train" if percent < 70 else "dev" if percent < 85 else "test"
        result.append(Picture(pack / row["file_name"], phrases, facets, split, conflicts))
    return result


def _agree(facet: str, stated: str, seen: str) -> bool:
    """Whether the phrase may stand: the same value, a neighbouring age, or one of the facets that
    a small tile hides from the eye (a goatee, a sad mouth), where the phrase knows more."""
    ages = FACE_FACETS["age"]
    if facet == "age":
        return abs(ages.index(stated) - ages.index(seen)) <= 1
    return stated == seen or facet in ("beard", "expression")


def _near_duplicates(files: list[Path]) -> list[int]:
    """For every file the first file whose small grey picture correlates with it above 0.97."""
    small = []
    for file in files:
        grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        flat = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
        flat -= flat.mean()
        small.append(flat / (np.linalg.norm(flat) + 1e-6))
    table = np.stack(small)
    return [int(np.argmax(table[: at + 1] @ table[at] > 0.97)) for at in range(len(files))]


@dataclass(frozen=True)
class Saying:
    """A phrase and, facet by facet, the values that would make it true."""

    text: str
    allowed: Mapping[str, frozenset[str]]

    def holds(self, facets: Mapping[str, str]) -> float:
        """1 true, 0 contradicted, 0.5 open: some facet is unknown and none contradicts."""
        verdict = 1.0
        for facet, values in self.allowed.items():
            value = facets.get(facet)
            if value is None:
                verdict = 0.5
            elif value not in values:
                return 0.0
        return verdict


_YOUNG, _GROWN = (
    frozenset({"baby", "child", "teenager"}),
    frozenset({"teenager", "adult", "senior"}),
)
_NOUNS: tuple[tuple[str, str | None, frozenset[str] | None], ...] = (
    *((noun, "man", _GROWN) for noun in ("man", "guy", "gentleman", "male", "fellow", "father")),
    *((noun, "woman", _GROWN) for noun in ("woman", "lady", "female", "mother", "gal")),
    *((noun, "man", _YOUNG) for noun in ("boy", "little boy", "young boy")),
    *((noun, "woman", _YOUNG) for noun in ("girl", "little girl", "young girl")),
    *((noun, None, frozenset({"baby"})) for noun in ("baby", "infant", "newborn")),
    *((noun, None, frozenset({"baby", "child"})) for noun in ("toddler", "small child")),
    *((noun, None, frozenset({"child"})) for noun in ("child", "kid", "young child")),
    *((noun, None, frozenset({"teenager"})) for noun in ("teenager", "teen", "adolescent")),
    ("teenage boy", "man", frozenset({"teenager"})),
    ("teenage girl", "woman", frozenset({"teenager"})),
    ("young man", "man", frozenset({"teenager", "adult"})),
    ("young woman", "woman", frozenset({"teenager", "adult"})),
    ("adult", None, frozenset({"adult"})),
    ("middle-aged man", "man", frozenset({"adult"})),
    ("middle-aged woman", "woman", frozenset({"adult"})),
    *((f"{old} man", "man", frozenset({"senior"})) for old in ("old", "elderly", "aged")),
    *((f"{old} woman", "woman", frozenset({"senior"})) for old in ("old", "elderly", "aged")),
    *((noun, None, frozenset({"senior"})) for noun in ("senior", "pensioner", "elderly person")),
    ("grandmother", "woman", frozenset({"senior"})),
    ("grandfather", "man", frozenset({"senior"})),
    *((noun, None, None) for noun in ("person", "someone", "individual", "face", "one")),
)
_HAIR_WORDS = {"black": ("black", "dark"), "brown": ("brown", "brunette"),
               "grey": ("grey", "gray", "white"),
               "blond": ("blond", "blonde", "fair"), "red": ("red", "ginger", "orange"),
               "dyed": ("dyed", "green", "blue", "pink", "purple")}  # fmt: skip
_PARTS: tuple[tuple[str, frozenset[str], str, tuple[str, ...]], ...] = (
    ("glasses", frozenset({"glasses", "sunglasses"}), "with",
     ("glasses", "spectacles", "eyeglasses")),
    ("glasses", frozenset({"glasses"}), "with", ("reading glasses", "round glasses")),
    ("glasses", frozenset({"sunglasses"}), "with", ("sunglasses", "dark glasses", "shades")),
    ("glasses", frozenset({"none"}), "without", ("glasses", "eyeglasses")),
    ("glasses", frozenset({"glasses", "sunglasses"}), "adjective", ("bespectacled",)),
    ("beard", frozenset({"beard", "goatee", "stubble"}), "adjective", ("bearded", "unshaven")),
    ("beard", frozenset({"beard"}), "with",
     ("a beard", "a full beard", "a long beard", "a bushy beard")),
    ("beard", frozenset({"stubble"}), "with", ("stubble", "a stubbly chin")),
    ("beard", frozenset({"moustache", "goatee"}), "with", ("a moustache", "a mustache")),
    ("beard", frozenset({"goatee"}), "with", ("a goatee",)),
    ("beard", frozenset({"none"}), "adjective", ("clean-shaven", "beardless")),
    ("beard", frozenset({"none"}), "without", ("a beard", "facial hair")),
    ("hat", frozenset({"hat"}), "with",
     ("a hat", "a cap", "a beanie", "a baseball cap", "a cowboy hat")),
    ("hat", frozenset({"none"}), "without", ("a hat", "a cap")),
    ("expression", frozenset({"smiling"}), "adjective",
     ("smiling", "happy", "laughing", "cheerful")),
    ("expression", frozenset({"sad"}), "adjective", ("sad", "unhappy", "crying")),
    ("expression", frozenset({"angry"}), "adjective", ("angry", "furious", "scowling")),
    ("expression", frozenset({"surprised"}), "adjective", ("surprised", "astonished", "shocked")),
    ("expression", frozenset({"neutral"}), "adjective", ("serious", "calm", "unsmiling")),
    ("hair", frozenset({"bald"}), "adjective", ("bald", "bald-headed", "hairless")),
    ("hair_length", frozenset({"long"}), "adjective", ("long-haired",)),
    ("hair_length", frozenset({"short"}), "adjective", ("short-haired",)),
    ("hair_length", frozenset({"long"}), "with", ("long hair",)),
    ("hair_length", frozenset({"short"}), "with", ("short hair", "cropped hair")),
)  # fmt: skip
_NOISE = ("in a red shirt", "in blue", "on the left", "on the right", "in the middle",
          "in the back", "standing", "sitting at a table", "holding a cup", "playing guitar",
          "in black clothes",
          "next to a dog", "in the street", "looking at the camera",
          "wearing a green jacket")  # fmt: skip


def say(facets: Mapping[str, str], chance: random.Random) -> Saying:
    """A random true phrase about a person with these facets, one to four of them, some noise."""
    allowed: dict[str, frozenset[str]] = {}
    sex, age = facets.get("sex"), facets.get("age")
    nouns = [n for n in _NOUNS if (n[1] is None or n[1] == sex) and (n[2] is None or age in n[2])]
    noun, noun_sex, noun_age = chance.choice(nouns)
    if noun_sex:
        allowed["sex"] = frozenset({noun_sex})
    if noun_age:
        allowed["age"] = noun_age
    parts = [part for part in _PARTS if facets.get(part[0]) in part[1]]
    rare = [part for part in parts if facets[part[0]] not in ("none", "neutral", "short")]
    before, after = [], []
    worn = "wearing" if chance.random() < 0.4 else "with"
    for _ in range(chance.choice((0, 1, 1, 2))):
        facet, values, place, words = (
            chance.choice(rare if rare and chance.random() < 0.6 else parts or [None])
            or (None,) * 4
        )
        if facet is None or facet in allowed:
            continue
        allowed[facet] = values
        word = chance.choice(words)
        if place == "adjective":
            before.append(word)
        else:
            after.append(
                f"{worn if place == 'with' and facet in ('glasses', 'hat') else place} {word}"
            )
    colour = facets.get("hair")
    if colour in _HAIR_WORDS and chance.random() < 0.35 and "hair" not in allowed:
        allowed["hair"] = frozenset({colour})
        after.append(f"with {chance.choice(_HAIR_WORDS[colour])} hair")
    chance.shuffle(after)
    if chance.random() < 0.3:
        after.append(chance.choice(_NOISE))
    start = chance.choice(("a", "the", "the", "an", "", "this"))
    return Saying(" ".join([start, *before, noun, *after]).strip(), allowed)


def raw(phrase: str) -> Saying:
    """A weak phrase as it came, with the facets that it states."""
    return Saying(phrase, {f: frozenset({v}) for f, v in from_phrases((phrase,)).items()})


assert set(FACE_FACETS) >= {rule[1] for rule in _RULES}
