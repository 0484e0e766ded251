# SPDX-License-Identifier: Apache-2.0
"""The sentences that the name recogniser learns from and is measured on, split once for all.

No torch here, so that `benchmarks/names.py` reads the same split as the training does.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator

import numpy as np

from names_text import ORGANISATION, PERSON, PLACE, Filler, Labelled, Names, templates
from polyveil.detect import tokens as tk
from polyveil.detect import wordlists as lists
from wordlists import DATA, held_out, identities, names, places, words

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")
IGNORE = -1
SEED = 7
UNSURE = "?"
"""Neither learned nor judged: addresses, mails, handles, titles of works."""
Sentence = tuple[np.ndarray, np.ndarray, np.ndarray]
CORPUS_TYPES = {
    "PER": PERSON, "person": PERSON, "LOC": PLACE, "location": PLACE, "ORG": ORGANISATION,
    "group": ORGANISATION, "corporation": ORGANISATION, "product": None, "MISC": None,
}  # fmt: skip


def part(template: int) -> str:
    """Which part a presidio template belongs to: 27 % test, 12 % dev, the rest train."""
    at = zlib.crc32(f"template {template}".encode()) % 100
    return "test" if at < 27 else "dev" if at < 39 else "train"


def presidio(which: str) -> Iterator[Labelled]:
    """Labelled texts of one part; addresses, domains and mails are labelled IGNORE."""
    label = {"PERSON": PERSON, "GPE": PLACE, "ORGANIZATION": ORGANISATION, "STREET_ADDRESS": UNSURE,
             "EMAIL_ADDRESS": UNSURE, "DOMAIN_NAME": UNSURE}  # fmt: skip
    for row in json.loads((DATA / "presidio_synth_v2.json").read_text("utf-8")):
        if part(row["template_id"]) == which:
            spans = [
                (span["start_position"], span["end_position"], label[span["entity_type"]])
                for span in row["spans"] if span["entity_type"] in label
            ]  # fmt: skip
            yield row["full_text"], sorted(spans)


def conll(name: str, *, first: float = 0.0, last: float = 1.0) -> Iterator[Labelled]:
    """Sentences of a column file as text with spans; handles and creative works are IGNOREd."""
    blocks = (DATA / f"{name}.conll").read_text("utf-8", "replace").split("\n\n")
    for block in blocks[int(first * len(blocks)) : int(last * len(blocks))]:
        text, spans, open_ = "", [], None
        for line in block.splitlines():
            parts = line.rsplit(None, 1)
            if len(parts) < 2 or "DOCSTART" in line:
                continue
            word, tag = parts[0].split()[0], parts[1]
            kind = None if tag == "O" else CORPUS_TYPES.get(tag[2:], UNSURE)
            if (
                word.startswith("@")
                or text.endswith("@ ")
                or word.lower() in {"borrower", "lender"}
            ):
                kind = UNSURE
            at = len(text)
            if kind and open_ == tag[2:] and tag[0] == "I" and spans and spans[-1][1] == at - 1:
                spans[-1] = (spans[-1][0], at + len(word), spans[-1][2])
            elif kind:
                spans.append((at, at + len(word), kind))
            open_ = tag[2:] if kind else None
            text += word + " "
        if text:
            yield text.rstrip(), spans


def encode(labelled: Labelled) -> Sentence:
    """Network input and tags of one text."""
    text, spans = labelled
    offsets = tk.tokenise(text)
    pieces = [text[a:b] for a, b in offsets]
    tags = np.zeros(len(offsets), np.int64)
    for start, end, kind in spans:
        first = True
        for at, (a, b) in enumerate(offsets):
            if a < end and b > start:
                tags[at] = (
                    IGNORE if kind == UNSURE else TAGS.index(f"{'B' if first else 'I'}-{kind}")
                )
                first = False
    return (*tk.features(pieces, tk.gaps(text, offsets)), tags)


def refill(labelled: Labelled, filler: Filler, chance: float) -> Labelled:
    """Names exchanged for others of the same type, each with this chance."""
    text, spans = labelled
    out, new, last = "", [], 0
    for start, end, kind in spans:
        out += text[last:start]
        value = text[start:end]
        if kind != UNSURE and filler.random.random() < chance:
            culture = filler.culture()
            if kind == PERSON:
                several = " " in value.strip()
                value = filler.person(culture) if several else filler.random.choice(
                    [filler.given, filler.given, filler.family])(culture)  # fmt: skip
            elif kind == PLACE:
                value = filler.random.choice(filler.names.places)
            else:
                value = filler.organisation()
        new.append((len(out), len(out) + len(value), kind))
        out, last = out + value, end
    return out + text[last:], new


def material() -> Names:
    """Fillers of the grammar, without the held-out names."""
    out = held_out()
    pools: dict[str, tuple[set[str], set[str]]] = {}
    for culture, name, flag in names():
        if len(name) > 1 and len(name) < 24 and not out & set(words(name)):
            pools.setdefault(culture, (set(), set()))[flag == lists.FAMILY].add(name)
    cultures = {
        key: (sorted(given), sorted(family)) for key, (given, family) in pools.items()
        if len(given) > 8 and len(family) > 5
    }  # fmt: skip
    found = list(places())
    towns = sorted(
        {name for name, flag in found if not flag & lists.COUNTRY and name[0] < "\u0250"}
    )
    countries = sorted(
        {row["CountryFull"] for row in identities()} | {"USA", "UK", "U.S.", "US", "England"}
    )
    big = sorted(
        {row["City"] for row in identities()} | {row["StateFull"] for row in identities()} - {""}
    )
    draw = random.Random(SEED)
    companies = sorted({row["Company"].strip() for row in identities()})
    occupations = sorted({row["Occupation"].lower() for row in identities()})
    return Names(
        cultures,
        draw.sample(towns, 12000) + big * 3 + countries * 8,
        countries,
        companies,
        occupations,
    )


def unlike(template: str, tests: list[set[str]]) -> bool:
    """Whether a grammar line is no near copy of a test template."""
    mine = set(words(template)) - set("pfslcotwjmn")
    return not any(mine and len(mine & test) / len(mine | test) > 0.5 for test in tests)


class Source:
    """An endless, seeded stream of sentences: grammar and refilled corpora."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.filler = Filler(material(), self.random)
        masked = [t for t, s in map(_masked, presidio("test"))]
        tests = [set(words(text)) for text in masked]
        lines = [(line, weight) for line, weight in templates() if unlike(line, tests)]
        print(len(lines), "grammar lines of", len(templates()))
        self.lines, self.weights = [line for line, _ in lines], [weight for _, weight in lines]
        self.synthetic = list(presidio("train"))
        self.real = [
            *conll("wnut17_train"), *conll("btc_a"), *conll("btc_b"),
            *conll("btc_f"), *conll("wikigold", last=2 / 3), *conll("sec_fin5", last=0.3),
        ]  # fmt: skip

    def forget(self, sentence: Sentence) -> Sentence:
        """Every third name loses what the lists know of it: most people's names are on none."""
        _, marks, tags = sentence
        lost = False
        for at, tag in enumerate(tags):
            if tag > 0 and (tag % 2 or not at):
                lost = self.random.random() < 0.33
            if tag > 0 and lost:
                marks[at, list(tk.LISTED)] = 0.0
                marks[at, tk.UNLISTED] = 1.0
        return sentence

    def one(self) -> Sentence:
        """One augmented sentence."""
        while True:
            roll = self.random.random()
            if roll < 0.1:
                labelled = self.filler.scene()
            elif roll < 0.5:
                labelled = self.filler.fill(self.random.choices(self.lines, self.weights)[0])
                if self.random.random() < 0.15:
                    text, spans = self.filler.fill(self.random.choices(self.lines, self.weights)[0])
                    glue = labelled[0] + self.random.choice([". ", "\n", " ", ", "])
                    labelled = (
                        glue + text,
                        labelled[1] + [(a + len(glue), b + len(glue), k) for a, b, k in spans],
                    )
            elif roll < 0.62:
                labelled = refill(self.random.choice(self.synthetic), self.filler, 1.0)
            else:
                labelled = refill(
                    self.random.choice(self.real), self.filler, self.random.choice([0.0, 0.3, 0.8])
                )
            encoded = encode(self.filler.restyle(labelled))
            if 0 < len(encoded[2]) <= 90:
                return self.forget(encoded)


def _masked(labelled: Labelled) -> tuple[str, int]:
    text, spans = labelled
    for start, end, _ in reversed(spans):
        text = text[:start] + " " + text[end:]
    return text, len(spans)
