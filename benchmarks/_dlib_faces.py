# SPDX-License-Identifier: Apache-2.0
"""Embeddings of LFW pictures by dlib, the network inside most face servers that people run at home.

Detector, landmarks and ResNet as in the package face_recognition (one upsampling, 68 points, no
jitter). Needs dlib once; what it found lies in .cache after that, for environments without it.
"""

from __future__ import annotations

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from _common import DATA, ROOT

CACHE = ROOT / ".cache" / "dlib_lfw.npz"
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Faces:
    """Embeddings of pictures in which dlib found a face.

    Attributes:
      known: person -> (pictures, 128), people with about 12 pictures each.
      strangers: person -> (1, 128), people with one picture.
      missed: pictures in which it found none.
    """

    known: dict[str, Floats]
    strangers: dict[str, Floats]
    missed: int


def faces() -> Faces:
    """All of faces_lfw/dev, computed where they are not kept yet."""
    if not CACHE.exists():
        _embed(CACHE)
    with np.load(CACHE, allow_pickle=False) as kept:
        names, kinds, vectors = kept["names"], kept["kinds"], kept["vectors"]
        missed = int(kept["missed"])
    groups = {
        kind: {str(name): vectors[(names == name) & (kinds == kind)] for name in
               dict.fromkeys(names[kinds == kind])}
        for kind in ("multi", "single")
    }  # fmt: skip
    return Faces(groups["multi"], groups["single"], missed)


def _embed(target: Path) -> None:
    import cv2
    import dlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import face_recognition_models as models
    detect = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(models.pose_predictor_model_location())
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())
    root, found, missed = DATA / "faces_lfw" / "dev", [], 0
    for row in csv.DictReader((root / "labels.csv").open(encoding="utf-8")):
        pixels = np.ascontiguousarray(cv2.imread(str(root / row["file"]))[..., ::-1])
        boxes = list(detect(pixels, 1))
        if not boxes:
            missed += 1
            continue
        # The subject is in the middle of an LFW picture.
        box = min(boxes, key=lambda one: _off(one.center(), pixels.shape))
        vector = network.compute_face_descriptor(pixels, points(pixels, box))
        found.append((row["name"], row["kind"], np.asarray(vector)))
    names, kinds, vectors = zip(*found, strict=True)
    target.parent.mkdir(exist_ok=True)
    with target.open("wb") as file:
        np.savez(file, names=np.array(names), kinds=np.array(kinds), vectors=np.stack(vectors),
                 missed=np.array(missed))  # fmt: skip


def _off(centre: object, shape: tuple[int, ...]) -> float:
    return abs(centre.x - shape[1] / 2) + abs(centre.y - shape[0] / 2)  # type: ignore[attr-defined]
