# SPDX-License-Identifier: Apache-2.0
"""Claim: polyveil finds the faces, at every size, pose and turn; and what that costs beside deface.

    python benchmarks/detection.py        # about five minutes on one core

Measured only (nothing was chosen on them): LFW, the group photos, Flickr8k. The synthetic faces are
the development set: thresholds were chosen on them, so their figures describe, they do not prove.
Time: process CPU milliseconds, both detectors alternating on the same pictures, one thread each.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from deface.centerface import CenterFace as Peer
from numpy.typing import NDArray

from _common import DATA, table, write
from polyveil.detect.faces import find_faces
from polyveil.records.finding import Face

Picture = NDArray[np.uint8]
SEED, SAMPLE, EVERY, MOST = 0, 40, 5, 150
POSES = {
    "three-quarter": ("person three-quarter view",),
    "profile or sideways": ("person profile view", "person turned sideways"),
    "tilted up or down": ("person tilted upwards", "person tilted downwards"),
    "hand over the face": ("hand covering face",),
    "sunglasses": ("sunglasses", "person wearing sunglasses", "person wearing aviator sunglasses"),
    "baby or toddler": ("10 month old baby", "2.5 year old toddler", "baby boy", "baby girl"),
}


def load(path: Path) -> Picture:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def peer() -> Peer:
    with contextlib.redirect_stdout(io.StringIO()):
        # Without the package onnx, which deface does not require, it runs on OpenCV.
        return Peer(backend="opencv")


class Clock:
    """CPU milliseconds of each contestant, one entry a picture."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        self.spent.setdefault(name, []).append(1000 * (time.process_time() - start))
        return result

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.spent.items()}


def covers(boxes: list[tuple[float, ...]], x: float, y: float) -> bool:
    return any(b[0] <= x <= b[2] and b[1] <= y <= b[3] for b in boxes)


def contest(clock: Clock, other: Peer, picture: Picture) -> dict[str, list[tuple[float, ...]]]:
    """Boxes that each contestant finds; deface at its default threshold of 0.2."""
    faces = clock("polyveil", lambda: find_faces(picture))
    quick = clock("polyveil, one look", lambda: find_faces(picture, thorough=False))
    theirs = clock("deface", lambda: other(picture, threshold=0.2))[0]
    return {
        "polyveil": [tuple(face.box) for face in faces],
        "polyveil, one look": [tuple(face.box) for face in quick],
        "deface": [tuple(box) for box in theirs],
    }


def lfw(other: Peer) -> dict[str, Any]:
    """Share of press photos with a face over the middle, where LFW has its face."""
    clock, paths = Clock(), sorted((DATA / "faces_lfw/dev").rglob("*.jpg"))
    found, compared = 0, 0
    hits: dict[str, int] = {}
    for index, path in enumerate(paths):
        picture = load(path)
        height, width = picture.shape[:2]
        if index % EVERY:
            boxes = [tuple(face.box) for face in find_faces(picture)]
            found += covers(boxes, width / 2, height / 2)
            continue
        compared += 1
        for name, boxes in contest(clock, other, picture).items():
            hits[name] = hits.get(name, 0) + covers(boxes, width / 2, height / 2)
    return {
        "pictures": len(paths),
        "found": found + hits["polyveil"],
        "compared_pictures": compared,
        "compared_found": hits,
        "cpu_ms": clock.means(),
    }


def groups(other: Peer) -> dict[str, Any]:
    clock, rows = Clock(), []
    with (DATA / "faces_group/counts.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            found = contest(clock, other, load(DATA / "faces_group" / row["file"]))
            rows.append(
                {
                    "picture": row["file"],
                    "clear": int(row["faces_clear"]),
                    "with_partial": int(row["faces_incl_partial"]),
                    **{name: len(boxes) for name, boxes in found.items()},
                }
            )
    return {"pictures": rows, "cpu_ms": clock.means()}


def flickr(other: Peer) -> dict[str, Any]:
    """Faces in pictures whose captions name no person, and pictures with a face where they do."""
    folder, result = DATA / "imgtext_flickr8k/dev", {}
    rows = [json.loads(line) for line in (folder / "captions.jsonl").open()]
    for part, chosen in (
        (
            "nobody in the captions",
            [row for row in rows if row["person_caption_votes"] == 0][:MOST],
        ),
        (
            "people in all captions",
            [row for row in rows if row["person_caption_votes"] == 5][:MOST],
        ),
    ):
        clock, faces, pictures = Clock(), {}, {}
        for row in chosen:
            for name, boxes in contest(clock, other, load(folder / "images" / row["file"])).items():
                faces[name] = faces.get(name, 0) + len(boxes)
                pictures[name] = pictures.get(name, 0) + bool(boxes)
        result[part] = {
            "pictures": len(chosen),
            "faces": faces,
            "with_a_face": pictures,
            "cpu_ms": clock.means(),
        }
    return result


def known_faces() -> list[tuple[str, list[str], Picture, NDArray[np.float32]]]:
    """Synthetic faces with the box that an upright look gives, and their attributes."""
    lines = (DATA / "synthetic_faces/metadata.jsonl").read_text("utf-8").splitlines()
    faces = []
    for row in map(json.loads, lines):
        picture = load(DATA / "synthetic_faces" / row["file_name"])
        faces.append((row["file_name"], row["attributes"], picture))
    rng = np.random.default_rng(SEED)
    sample = []
    for index in rng.permutation(len(faces)):
        name, attributes, picture = faces[index]
        found = find_faces(picture)
        if len(found) == 1 and found[0].score > 0.6:
            sample.append((name, attributes, picture, np.array(found[0].box, np.float32)))
        if len(sample) == SAMPLE:
            return sample
    return sample


def pasted(
    picture: Picture, box: NDArray[np.float32], size: float, angle: float
) -> tuple[Picture, float, float]:
    """The face, `size` pixels large, turned by degrees, on a blurred ground of 320 x 240 up."""
    scale = size / float(np.sqrt(np.prod(box[2:] - box[:2])))
    height, width = picture.shape[:2]
    half = 0.5 * scale * float(np.hypot(height, width))
    ground = (int(max(320, 2 * half)), int(max(240, 2 * half)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += np.array(ground) / 2 - np.array([width, height]) / 2
    canvas = cv2.GaussianBlur(cv2.resize(picture[:40, :40], ground), (0, 0), 9)
    source = cv2.GaussianBlur(picture, (0, 0), 0.35 / scale) if scale < 0.7 else picture
    cv2.warpAffine(
        source,
        matrix,
        ground,
        dst=canvas,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    x, y = matrix[:, :2] @ box.reshape(2, 2).mean(axis=0) + matrix[:, 2]
    return canvas, float(x), float(y)


def sizes_and_turns(other: Peer) -> dict[str, Any]:
    sample = known_faces()
    cases: dict[str, tuple[float, float]] = {
        f"{s} px": (s, 0) for s in (12, 16, 24, 32, 64, 128, 256)
    }
    cases |= {f"64 px, turned {a}°": (64, a) for a in (30, 45, 60, 90, 135, 180, 270)}
    cases |= {f"24 px, turned {a}°": (24, a) for a in (90, 180)}
    result: dict[str, Any] = {"faces": len(sample)}
    for case, (size, angle) in cases.items():
        clock, hits = Clock(), {}
        for _, _, picture, box in sample:
            canvas, x, y = pasted(picture, box, size, angle)
            for name, boxes in contest(clock, other, canvas).items():
                hits[name] = hits.get(name, 0) + covers(boxes, x, y)
        shares = {name: count / len(sample) for name, count in hits.items()}
        result[case] = {**shares, "cpu_ms": clock.means()}
    return result


def poses() -> dict[str, Any]:
    lines = (DATA / "synthetic_faces/metadata.jsonl").read_text("utf-8").splitlines()
    result = {}
    for pose, wanted in POSES.items():
        names = [
            r["file_name"] for r in map(json.loads, lines) if set(wanted) & set(r["attributes"])
        ]
        faces: list[tuple[Face, ...]] = [
            find_faces(load(DATA / "synthetic_faces" / name)) for name in names
        ]
        result[pose] = {"pictures": len(names), "with_a_face": sum(map(bool, faces))}
    return result


def rows_of(figures: dict[str, Any]) -> Iterator[list[Any]]:
    """measure | polyveil | polyveil, one look | deface."""
    names = ("polyveil", "polyveil, one look", "deface")
    press, crowd = figures["lfw"], figures["groups"]
    yield [f"LFW, all {press['pictures']}, found", press["found"] / press["pictures"], "", ""]
    every = press["compared_pictures"]
    yield [f"LFW, {every} of them, found", *(press["compared_found"][n] / every for n in names)]
    yield ["LFW, CPU ms", *(press["cpu_ms"][n] for n in names)]
    for row in crowd["pictures"]:
        label = f"{row['picture']} ({row['clear']} clear, {row['with_partial']} with partial)"
        yield [label, *(row[n] for n in names)]
    yield ["group photos, CPU ms", *(crowd["cpu_ms"][n] for n in names)]
    for part, seen in figures["flickr8k"].items():
        label = f"Flickr8k, {part} ({seen['pictures']} pictures)"
        per = 100 / seen["pictures"]
        yield [f"{label}: faces per 100", *(seen["faces"][n] * per for n in names)]
        yield [f"{label}: % with a face", *(seen["with_a_face"][n] * per for n in names)]
        yield [f"{label}: CPU ms", *(seen["cpu_ms"][n] for n in names)]
    for case, seen in figures["sizes_and_turns"].items():
        if case != "faces":
            yield [f"synthetic, {case}", *(seen[n] for n in names)]


def main() -> None:
    cv2.setNumThreads(1)
    other = peer()
    other(np.zeros((64, 64, 3), np.uint8))
    find_faces(np.zeros((64, 64, 3), np.uint8))
    figures = {
        "lfw": lfw(other),
        "groups": groups(other),
        "flickr8k": flickr(other),
        "sizes_and_turns": sizes_and_turns(other),
        "poses": poses(),
        "deface_settings": "OpenCV, its default without the package onnx; threshold 0.2",
    }
    print(table(["measure", "polyveil", "polyveil, one look", "deface"], list(rows_of(figures))))
    print()
    seen = [[p, v["pictures"], v["with_a_face"]] for p, v in figures["poses"].items()]
    print(table(["synthetic faces", "pictures", "with a face"], seen))
    write("detection", figures, packages=("deface", "onnxruntime", "opencv-python", "numpy"))


if __name__ == "__main__":
    main()
