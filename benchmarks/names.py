# SPDX-License-Identifier: Apache-2.0
"""How many names, places and organisations are found, on text that the recogniser never saw.

Command: python benchmarks/names.py      (packs: text_pii_ner, imgtext_flickr8k; measure only)

Sets: presidio's synthetic texts, templates held out; the same templates filled with people whose
names are in no list and no training text; WNUT-17 dev; BTC g (tweets); the last third of Wikigold.
`exact` counts a mention with the very span and type, `touched` one of the right type that shares a
character, `any kind` whether any mention at all covers the gold words: what matters for privacy.
Handles, addresses, mails and titles of works are not judged. Presidio runs in its own environment
when installed; without an NLP model it knows no names, and spaCy's models are on no package index.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import _common

sys.path[:0] = [str(_common.ROOT / "src"), str(_common.ROOT / "training")]

from names_data import UNSURE, conll, presidio  # noqa: E402
from names_text import Labelled  # noqa: E402
from polyveil import _weights  # noqa: E402
from polyveil.detect import wordlists  # noqa: E402
from polyveil.detect.names import NameRecogniser  # noqa: E402
from polyveil.records.finding import Mention  # noqa: E402
from wordlists import held_out, identities, words  # noqa: E402

TYPES = {"name": "PER", "place": "LOC", "organisation": "ORG"}
SEED = 11


def unseen_people(texts: Sequence[Labelled]) -> list[Labelled]:
    """Test templates with every person exchanged for one whose names nobody listed."""
    draw, out = random.Random(SEED), held_out()
    people = [
        row
        for row in identities()
        if set(words(row["Surname"])) <= out and not int(row["Number"]) % 8
    ]
    fresh = [row for row in people if set(words(row["GivenName"])) <= out] or people
    result = []
    for text, spans in texts:
        built, new, last = "", [], 0
        for start, end, kind in spans:
            built += text[last:start]
            value = text[start:end]
            if kind == "PER":
                row = draw.choice(fresh if draw.random() < 0.5 else people)
                full = f"{row['GivenName']} {row['Surname']}"
                value = full if " " in value else row["Surname"]
            new.append((len(built), len(built) + len(value), kind))
            built, last = built + value, end
        result.append((built + text[last:], new))
    return result


def trimmed(text: str, spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Gold spans without the final dot or space that some include."""
    result = []
    for start, end, kind in spans:
        while end > start and text[end - 1] in " .\n":
            end -= 1
        result.append((start, end, kind))
    return result


def judge(texts: Sequence[Labelled], found: Sequence[Sequence[Mention]]) -> dict[str, Any]:
    """Counts of one data set, by type."""
    tally = {kind: dict.fromkeys(("gold", "exact", "touched", "any", "guess", "right", "near"), 0)
             for kind in TYPES.values()}  # fmt: skip
    for (text, spans), mentions in zip(texts, found, strict=True):
        gold = trimmed(text, spans)
        got = [(*_bare(text, m), TYPES[m.kind]) for m in mentions]
        skip = [(a, b) for a, b, kind in gold if kind == UNSURE]
        for start, end, kind in gold:
            if kind == UNSURE:
                continue
            near = [m for m in got if m[0] < end and m[1] > start]
            tally[kind]["gold"] += 1
            tally[kind]["exact"] += (start, end, kind) in got
            tally[kind]["touched"] += any(m[2] == kind for m in near)
            tally[kind]["any"] += bool(near)
        for start, end, kind in got:
            if any(start < b and end > a for a, b in skip):
                continue
            tally[kind]["guess"] += 1
            tally[kind]["right"] += (start, end, kind) in gold
            tally[kind]["near"] += any(start < b and end > a and k == kind for a, b, k in gold)
    return tally


def _bare(text: str, mention: Mention) -> tuple[int, int]:
    end = mention.end
    while end > mention.start and text[end - 1] in " .\n":
        end -= 1
    return mention.start, end


def rates(tally: dict[str, int]) -> dict[str, float]:
    """Recalls and precisions of one type."""
    gold, guess = max(1, tally["gold"]), max(1, tally["guess"])
    return {
        "gold": tally["gold"],
        "recall_exact": tally["exact"] / gold,
        "recall_touched": tally["touched"] / gold,
        "recall_any_kind": tally["any"] / gold,
        "precision_exact": tally["right"] / guess,
        "precision_touched": tally["near"] / guess,
    }


def captions(recogniser: NameRecogniser) -> dict[str, Any]:
    """False alarms and time on real captions, which name hardly anybody."""
    path = _common.DATA / "imgtext_flickr8k" / "dev" / "captions.jsonl"
    texts = [
        c for line in path.read_text("utf-8").splitlines() for c in json.loads(line)["captions"]
    ]
    recogniser.find_batch(texts[:64])
    start = time.perf_counter()
    found = [
        m for at in range(0, len(texts), 64) for m in recogniser.find_batch(texts[at : at + 64])
    ]
    batched = (time.perf_counter() - start) / len(texts)
    start = time.perf_counter()
    for text in texts[:500]:
        recogniser.find(text)
    single = (time.perf_counter() - start) / 500
    kinds = {kind: sum(any(m.kind == kind for m in one) for one in found) for kind in TYPES}
    return {
        "captions": len(texts),
        "with_a_name": kinds["name"] / len(texts),
        "with_a_place": kinds["place"] / len(texts),
        "with_an_organisation": kinds["organisation"] / len(texts),
        "ms_batched_64": batched * 1000,
        "ms_one_by_one": single * 1000,
    }


def peer(texts: Sequence[Labelled]) -> dict[str, Any]:
    """Presidio with patterns alone, where it is installed; else a sentence saying so."""
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngine
    except ImportError:
        return {"presidio": "not installed in this environment"}
    models = spacy.util.get_installed_models()

    class Blank(NlpEngine):  # the pipeline without any statistical model
        def __init__(self) -> None:
            self.nlp = spacy.blank("en")

        def load(self) -> None: ...
        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            from presidio_analyzer.nlp_engine import NlpArtifacts

            doc = self.nlp(text)
            return NlpArtifacts(
                [], doc, [t.idx for t in doc], [t.text for t in doc], self, language
            )

        def process_batch(self, texts: Any, language: str, **_: Any) -> Any:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return False

        def is_punct(self, word: str, language: str) -> bool:
            return False

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return ["en"]

    engine = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])
    engine.registry.remove_recognizer("EmailRecognizer")  # it reaches for the network
    hits = gold = 0
    for text, spans in texts:
        names = [(a, b) for a, b, kind in spans if kind == "PER"]
        found = [r for r in engine.analyze(text, "en") if r.entity_type == "PERSON"]
        gold += len(names)
        hits += sum(any(r.start < b and r.end > a for r in found) for a, b in names)
    return {"presidio_without_model_name_recall": hits / gold, "spacy_models_installed": models}


def main() -> None:
    """Prints the table and writes the result file."""
    recogniser = NameRecogniser()
    test = list(presidio("test"))
    sets = {
        "presidio synthetic, held-out templates": test,
        "the same, names in no list": unseen_people(test),
        "the same, lower case": [(t.lower(), s) for t, s in test if len(t.lower()) == len(t)],
        "WNUT-17 dev": list(conll("wnut17_dev")),
        "BTC g (tweets)": list(conll("btc_g")),
        "Wikigold, last third": list(conll("wikigold", first=2 / 3)),
    }
    figures: dict[str, Any] = {"recall_target_names": 0.95, "sets": {}}
    rows = []
    for name, texts in sets.items():
        tallies = judge(texts, recogniser.find_batch([text for text, _ in texts]))
        figures["sets"][name] = {kind: rates(tally) for kind, tally in tallies.items()}
        rows += [[name, kind, *rates(tally).values()] for kind, tally in tallies.items()]
    header = ["text", "type", "gold", "recall exact", "touched", "any kind", "precision exact"]
    print(_common.table([*header, "touched"], rows))
    figures["captions"] = captions(recogniser)
    figures["peer"] = peer(test)
    figures["bytes"] = {
        "names.onnx": (_weights.FOLDER / "names.onnx").stat().st_size,
        "words.txt.xz": len(
            (wordlists.files("polyveil.detect.wordlists") / "words.txt.xz").read_bytes()
        ),
    }
    for part in ("captions", "peer", "bytes"):
        print(f"\n{part}: {figures[part]}")
    _common.write("names", figures, packages=("onnxruntime", "numpy"))


if __name__ == "__main__":
    main()
