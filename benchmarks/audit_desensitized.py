# SPDX-License-Identifier: Apache-2.0
"""Claim: the audit of a released folder finds who is in it where faces are kept, blurred, replaced.

    python benchmarks/audit_desensitized.py --pictures 2    100 people, what RESULTS.md quotes
    python benchmarks/audit_desensitized.py --people 40     for development, nothing is written

An album is made of LFW pictures, several of each person, with captions that name them, and released
in several ways: as it is, its pictures re-encoded; through `polyveil.desensitize` with stand-ins,
blur and pixelation. Every release is audited as `polyveil audit` does it, once with
the recogniser that ships, once with dlib's ResNet through the same protocol. Nobody's name is
printed or written.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import shutil
import tempfile
import time
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2

import polyveil
from _common import DATA, table, write

CAPTIONS = (
    "{name} arrives at the opening of a conference.",
    "A portrait of {name}, {a}, taken last week.",
    "{a} listens to a question: {name} before the press.",
    "After the meeting, {name} talks to reporters.",
    "{name} smiles for the cameras.",
    "Seen at the airport: {name}, {a}.",
)
RELEASES = ("original", "model", "blur", "pixelate")


def album(folder: Path, people: int, each: int) -> Path:
    """A folder with metadata.jsonl: pictures of people who have at least two, captions, labels."""
    root = DATA / "faces_lfw" / "dev"
    rows: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader((root / "labels.csv").open(encoding="utf-8")):
        if row["kind"] == "multi":
            rows.setdefault(row["name"], []).append(row)
    folder.mkdir(parents=True)
    with (folder / "metadata.jsonl").open("w", encoding="utf-8") as metadata:
        number = 0
        for person, pictures in list(rows.items())[:people]:
            for row in pictures[:each]:
                number += 1
                name = f"{number:05d}.jpg"
                shutil.copyfile(root / row["file"], folder / name)
                words = {"name": person.replace("_", " "),
                         "a": "a man" if row["gender"] == "male" else "a woman"}  # fmt: skip
                text = CAPTIONS[number % len(CAPTIONS)].format(**words)
                text = text[0].upper() + text[1:]
                entry = {"file_name": name, "person": person, "caption": text}
                metadata.write(json.dumps(entry) + "\n")
    return folder


def release(source: Path, out: Path, how: str) -> float:
    """One release of the album; returns seconds. "original" only saves the pictures anew."""
    started = time.perf_counter()
    if how == "original":
        shutil.copytree(source, out)
        for path in out.glob("*.jpg"):
            cv2.imwrite(str(path), cv2.imread(str(path)), [cv2.IMWRITE_JPEG_QUALITY, 80])
    else:
        settings = polyveil.Settings(faces=how)
        polyveil.desensitize(source, out, settings=settings, one_way=True, workers=1)
    return time.perf_counter() - started


def dlib_recogniser() -> Any:
    """dlib's landmarks and ResNet (99.4 % on LFW by its author) as a `Recogniser`."""
    import dlib
    import numpy as np

    from polyveil.attack.people.recogniser import Function, coloured

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import face_recognition_models as models
    points = dlib.shape_predictor(models.pose_predictor_model_location())
    net = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    known: dict[bytes, Any] = {}  # originals come again with every release

    def describe(pixels: Any, face: Any) -> Any:
        key = hashlib.sha256(pixels.tobytes() + repr(face.box).encode()).digest()
        if key not in known:
            known[key] = fresh(pixels, face)
        return known[key]

    def fresh(pixels: Any, face: Any) -> Any:
        box = face.box
        x = (box.left + box.right) / 2
        y = (box.top + box.bottom) / 2 + 0.06 * box.height  # dlib's boxes sit lower than ours
        half = 0.5 * max(box.width, 0.95 * box.height)
        place = dlib.rectangle(*(int(v) for v in (x - half, y - half, x + half, y + half)))
        whole = coloured(pixels)
        return np.asarray(net.compute_face_descriptor(whole, points(whole, place)))

    return Function("dlib ResNet", describe)


def audited(source: Path, out: Path, recogniser: Any, seed: int) -> tuple[Any, float, float]:
    """Results of all attacks, seconds for reading with each recogniser, seconds for attacking."""
    from polyveil.attack.people.battery import attack_pair
    from polyveil.attack.people.pair import FolderPair
    from polyveil.attack.people.recogniser import LocalPatterns

    started = time.perf_counter()
    pair = FolderPair.of(source, out)
    found = attack_pair(pair, recognisers=(LocalPatterns(), recogniser), seed=seed)
    whole = time.perf_counter() - started
    return found, found.observations.seconds, whole - found.observations.seconds


def judged(results: Sequence[Any]) -> list[Any]:
    """All of one release at the levels that Holm's procedure leaves them, as an audit does."""
    from polyveil.attack.multiplicity import holm_levels

    levels = holm_levels([one.p_value for one in results])
    return [one.at_level(level) for one, level in zip(results, levels, strict=True)]


def figure(result: Any) -> dict[str, Any]:
    """What is written down of one attack; nobody's name, no value of a single record."""
    value = result.headline.value
    return {
        "attack": result.attack,
        "threat": result.threat.id,
        "verdict": result.verdict,
        "rate": [value.estimate, value.low, value.high],
        "people or records": value.n,
        "baseline": dict(result.headline.baseline),
        "tolerance": result.tolerance,
        "p": result.p_value,
        "failed guards": [one.name for one in result.guards if not one.passed],
        "measures": {one.name: one.estimate for one in result.measures},
        "seconds": round(result.effort.seconds, 2),
    }


def rows_of(figures: dict[str, Any]) -> list[list[Any]]:
    """One line a release and attack."""
    return [
        [
            how,
            one["attack"],
            one["people or records"],
            "{:.3f} [{:.3f}, {:.3f}]".format(*one["rate"]),
            one["baseline"].get("original", float("nan")),
            one["baseline"].get("chance", 0.0),
            one["baseline"].get("sex and age band alone", float("nan")),
            one["verdict"],
        ]
        for how, found in figures.items()
        for one in found["attacks"]
    ]


@cache
def recogniser() -> Any:
    """One a process, so that originals are described once."""
    return dlib_recogniser()


def one_release(job: tuple[Path, str, int]) -> tuple[str, dict[str, Any]]:
    """Released and audited."""
    source, how, seed = job
    cv2.setNumThreads(1)
    out = source.parent / how
    spent = release(source, out, how)
    found, reading, attacking = audited(source, out, recogniser(), seed)
    return how, {
        "records": len(found.observations.records),
        "paired by": found.observations.how,
        "refused": len(found.observations.refused),
        "seconds": {"release": spent, "reading": reading, "attacking": attacking},
        "attacks": [figure(one) for one in judged(found.results)],
        "not tried": [why for _, why in found.untried],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=4, help="of each person")
    parser.add_argument("--seed", type=int, default=20261121)
    wanted = parser.parse_args()
    figures: dict[str, Any] = {}
    packages = ("dlib", "numpy", "scipy", "onnxruntime", "opencv-python")
    settings = {"people": wanted.people, "pictures": wanted.pictures, "seed": wanted.seed}
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(2) as pool,
    ):
        source = album(Path(folder) / "album", wanted.people, wanted.pictures)
        jobs = [(source, how, wanted.seed) for how in RELEASES]
        for how, found in pool.imap_unordered(one_release, jobs):
            figures[how] = found
            print(how, found["paired by"], found["seconds"], flush=True)
            if wanted.people >= 100:
                write("audit_desensitized", settings | {"releases": figures}, packages=packages)
    header = ["release", "attack", "n", "rate [95 %]", "on originals", "chance", "sex, age", "says"]
    print("\n" + table(header, rows_of({how: figures[how] for how in RELEASES})))


if __name__ == "__main__":
    main()
