# SPDX-License-Identifier: Apache-2.0
"""Claim: the alignment model reads sex, age and looks off a head, and for whom it does so worse.

    PYTHONPATH=src python benchmarks/alignment.py

Test part of the synthetic faces (near-duplicates never cross the split), faces by `find_faces`, the
shipped ONNX files. Truth: weak phrases and one annotator's eye (training/_attributes.py), so a few
per cent of the errors are the labels'. Groups are those that the pack's own phrases name, all
splits but training, since the test part alone holds too few of each.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any

import cv2
import numpy as np

from _common import DATA, ROOT, table, write

sys.path.insert(0, str(ROOT / "training"))
from _attributes import NOBODY, Picture, pictures
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.faces import find_faces
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Face

GROUPS = {
    "asian": r"\basian\b",
    "african": r"\bafrican\b",
    "persian, middle eastern": r"persian|middle eastern",
    "native, south american, hispanic": r"american|hispanic",
    "irish, caucasian": r"irish|caucasian|scandin",
}


def interval(hits: list[bool]) -> str:
    """A share in per cent with its 95 % bootstrap interval."""
    values = np.array(hits, float)
    draws = np.random.default_rng(1).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{100 * values.mean():.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def read(items: list[Picture], model: AlignmentModel) -> list[Face | None]:
    """The surest face of every picture with its attributes; None where none is found."""
    result: list[Face | None] = []
    for item in items:
        pixels = cv2.cvtColor(cv2.imread(str(item.file)), cv2.COLOR_BGR2RGB)
        faces = sorted(find_faces(pixels), key=lambda face: -face.score)[:1]
        result += model.faces(pixels, faces) or [None]
    return result


def verdicts(items: list[Picture], faces: list[Face | None], facet: str) -> list[tuple[str, str]]:
    """(truth, most probable value) wherever the truth is known and a face was found."""
    return [
        (item.facets[facet], face.likely(facet, above=0.0) or "")
        for item, face in zip(items, faces, strict=True)
        if face is not None and facet in item.facets
    ]


def milliseconds(model: AlignmentModel) -> float:
    """Median time of one head through the image encoder, one thread."""
    crops = np.random.default_rng(0).integers(0, 255, (1, 96, 96, 3), dtype=np.uint8)
    times = []
    for _ in range(60):
        began = time.perf_counter()
        model.image(crops)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


def main() -> None:
    """Prints two tables and writes the figures."""
    cv2.setNumThreads(1)
    model = AlignmentModel()
    everyone = [p for p in pictures(DATA / "synthetic_faces") if not NOBODY & set(p.phrases)]
    items = [p for p in everyone if p.split != "train"]
    faces = read(items, model)
    test = [i for i, item in enumerate(items) if item.split == "test"]
    rows: list[list[Any]] = []
    speed = milliseconds(model)
    figures: dict[str, Any] = {"milliseconds a head": speed, "facets": {}, "groups": {}}
    print(f"{speed:.2f} ms a head, one thread")
    for facet in FACE_FACETS:
        pairs = verdicts([items[i] for i in test], [faces[i] for i in test], facet)
        hits = [truth == guess for truth, guess in pairs]
        each = [np.mean([g == v for t, g in pairs if t == v]) for v in {t for t, _ in pairs}]
        common = max(sum(t == v for t, _ in pairs) for v in {t for t, _ in pairs}) / len(pairs)
        rows.append([facet, len(pairs), interval(hits), 100 * float(np.mean(each)), 100 * common])
        names = ("n", "accuracy %", "balanced %", "commonest value %")
        figures["facets"][facet] = dict(zip(names, rows[-1][1:], strict=True))
    grown = [i for i in test if items[i].facets.get("age") not in ("baby", "child")]
    pairs = verdicts([items[i] for i in grown], [faces[i] for i in grown], "sex")
    rows.append(
        ["sex, teenagers and older", len(pairs), interval([t == g for t, g in pairs]), "", ""]
    )
    figures["facets"]["sex, teenagers and older"] = {"n": len(pairs), "accuracy %": rows[-1][2]}
    print(table(["facet", "n", "accuracy % [95 %]", "balanced %", "commonest value %"], rows))
    rows = []
    for group, pattern in GROUPS.items():
        named = [re.search(pattern, " ".join(p.phrases), re.IGNORECASE) for p in items]
        members = [i for i, found in enumerate(named) if found]
        entry: dict[str, Any] = {}
        for facet in ("sex", "age"):
            pairs = verdicts([items[i] for i in members], [faces[i] for i in members], facet)
            entry[facet] = interval([t == g for t, g in pairs]) + f" of {len(pairs)}"
        rows.append([group, entry["sex"], entry["age"]])
        figures["groups"][group] = entry
    print(table(["group phrase (dev and test)", "sex % [95 %]", "age band % [95 %]"], rows))
    write("alignment", figures, packages=("numpy", "onnxruntime", "opencv-python"))


if __name__ == "__main__":
    main()
