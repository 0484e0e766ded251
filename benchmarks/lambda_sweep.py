# SPDX-License-Identifier: Apache-2.0
"""The paper's sweep: what the lambdas of image, text and alignment trade against each other.

Pictures of synthetic_faces (test split of the alignment model) with a caption made of their own
attribute words go through the whole job under different weights. Reported by setting: how well the
output's words agree with the output's face (alignment model, so the judge is also the guide), the
share of words changed (against the nearest caption of the input), records released.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import polyveil
from _common import DATA, table, write
from polyveil.assess.objective import text_loss
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.faces import find_faces
from polyveil.detect.mentions import find_mentions
from polyveil.records.facets import INSIDE_FACE
from polyveil.records.finding import Kind
from polyveil.records.picture import decode
from polyveil.records.record import Record
from polyveil.records.source import open_source

PHRASES = {
    "man with full beard": "A bearded man by the window .",
    "man with mustache": "A man with a moustache by the window .",
    "man with goatee": "A man with a goatee by the window .",
    "person wearing round glasses": "A person with glasses by the window .",
    "person wearing square glasses": "A person with glasses by the window .",
    "reading glasses": "A person with glasses by the window .",
    "man smiling": "A smiling man by the window .",
    "smiling": "A smiling person by the window .",
    "elderly male": "An elderly man by the window .",
    "elderly female": "An elderly woman by the window .",
    "adult female": "A woman by the window .",
    "adult male": "A man by the window .",
    "man sad or depressed": "A sad man by the window .",
    "man angry or enraged": "An angry man by the window .",
}
SWEEP = ((1, 1, 0), (1, 1, 0.25), (1, 1, 1), (1, 1, 4), (1, 4, 1), (4, 1, 1))
MOST = 110


def main() -> None:
    """One job a setting."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        album = captioned(work / "album")
        rows = [measured(work, album, *weights) for weights in SWEEP]
    header = ["lambda image", "text", "alignment", "agreement", "words changed", "released"]
    print(table(header, rows))
    write("lambda_sweep", {"header": header, "rows": rows}, packages=("polyveil",))


def captioned(album: Path) -> Path:
    """Pictures with one caption each."""
    album.mkdir()
    pack = DATA / "synthetic_faces"
    lines = (pack / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = []
    for entry in map(json.loads, lines):
        texts = [PHRASES[word] for word in entry["attributes"] if word in PHRASES]
        if texts and len(rows) < MOST:
            name = Path(entry["file_name"]).name
            shutil.copyfile(pack / entry["file_name"], album / name)
            rows.append(json.dumps({"file_name": name, "text": texts[0]}))
    (album / "metadata.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return album


def measured(work: Path, album: Path, image: float, text: float, alignment: float) -> list:
    """A row of the table."""
    out = work / f"{image}-{text}-{alignment}"
    settings = polyveil.Settings(weights=polyveil.Weights(image, text, alignment))
    report = polyveil.desensitize(album, out, settings=settings, key=work / "key", workers=1)
    model, scores, changed = AlignmentModel(), [], []
    originals = {r.row["text"] for r in open_source(album).records()}
    for record in open_source(out).records():
        scores += agreement(model, record)
        near = min(originals, key=lambda o: text_loss([o], [record.row["text"]]))
        changed.append(text_loss([near], [record.row["text"]]))
    released = report.job.counts.records_released
    return [image, text, alignment, float(np.mean(scores)), float(np.mean(changed)), released]


def agreement(model: AlignmentModel, record: Record) -> list[float]:
    """Score of the face inside facets that the words state; empty where they state none."""
    said = {
        facet: value
        for mention in find_mentions(record)
        if mention.kind is Kind.EXPRESSION
        for facet, value in mention.facets.items()
        if facet in INSIDE_FACE
    }
    pixels = decode(record.image).pixels
    faces = model.faces(pixels, list(find_faces(pixels))[:1])
    return [model.agreement(face, said) for face in faces] if said else []


if __name__ == "__main__":
    main()
