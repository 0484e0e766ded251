# SPDX-License-Identifier: Apache-2.0
"""Faces for benchmarks: LFW pictures with their subject found, replaced by any method, embedded.

`desensitized` is the one place where a benchmark meets the pipeline: detector, landmarks,
attributes, replacer.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from _common import DATA
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.faces import find_faces
from polyveil.detect.landmarks import landmarks
from polyveil.records.finding import Face
from polyveil.replace.face_backends import face_replacer
from polyveil.replace.persona import Persona
from polyveil.tasks.personas import DRAWN_AGES

DRAWN = ", sex and age drawn"
"""Ending of a method's name: `--no-keep-sex --no-keep-age`."""
METHODS = ("model", "blur", "pixelate", "solid")
ALIGNED = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])


@dataclass(frozen=True)
class Portrait:
    """One LFW picture: RGB pixels, who it shows, all faces in it, the subject first."""

    pixels: NDArray[np.uint8]
    person: str
    faces: tuple[Face, ...]


def portraits(kind: str = "multi", *, each: int = 12, people: int = 10_000) -> list[Portrait]:
    """Pictures of faces_lfw/dev in which a face was found at the centre, in file order.

    Args:
      each: pictures of a person, at most; people: the first so many.
    """
    root = DATA / "faces_lfw" / "dev"
    rows = csv.DictReader((root / "labels.csv").open(encoding="utf-8"))
    model, found, taken = AlignmentModel(), [], {}
    for row in rows:
        if row["kind"] != kind or taken.get(row["name"], 0) >= each:
            continue
        if row["name"] not in taken and len(taken) >= people:
            continue
        taken[row["name"]] = taken.get(row["name"], 0) + 1
        pixels = read(root / row["file"])
        faces = sorted(find_faces(pixels), key=lambda face: _from_centre(face, pixels.shape))
        if not faces or _from_centre(faces[0], pixels.shape) > 40:
            continue
        known = model.faces(pixels, landmarks(pixels, faces))
        found.append(Portrait(pixels, row["name"], tuple(known)))
    return found


def read(path: Path) -> NDArray[np.uint8]:
    """RGB pixels of a picture."""
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def _from_centre(face: Face, shape: tuple[int, ...]) -> float:
    x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
    return float(np.hypot(x - shape[1] / 2, y - shape[0] / 2))


def persona(face: Face, draw: np.random.Generator, *, drawn: bool = False) -> Persona:
    """A persona as the task casts it: the seed from a key; sex and age from the face, or drawn."""
    sex, age = face.likely("sex"), face.likely("age")
    if drawn:
        sex, age = str(draw.choice(["man", "woman"])), str(draw.choice(DRAWN_AGES))
    return Persona(
        given=("A",), family=("B",), sex=sex if sex in ("man", "woman") else None,
        age=age, face_seed=int(draw.integers(2**63)), date_shift_days=0,
        token="0" * 32,
    )  # fmt: skip


def desensitized(portrait: Portrait, method: str, draw: np.random.Generator) -> NDArray[np.uint8]:
    """The picture with every face replaced, each by a persona of its own."""
    pixels, replacer = portrait.pixels, face_replacer(method.removesuffix(DRAWN))
    for face in portrait.faces:
        who = persona(face, draw, drawn=method.endswith(DRAWN))
        pixels = replacer.replace(pixels, face, who).pixels
    return pixels


def crop(pixels: NDArray[np.uint8], face: Face, size: int, zoom: float) -> NDArray[np.uint8]:
    """Aligned on the five points. zoom 1: eyes to chin; 0.6: the whole head with hair."""
    target = (ALIGNED - 56) * zoom * (size / 112) + size / 2
    matrix = cv2.estimateAffinePartial2D(face.points.astype(np.float64), target)[0]
    return np.asarray(cv2.warpAffine(pixels, matrix, (size, size), borderMode=1), np.uint8)
