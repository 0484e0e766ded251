# SPDX-License-Identifier: Apache-2.0
"""How far replaced faces are from photographs: Fréchet distance between features of face crops.

    python benchmarks/look.py

Pictures: LFW dev, people with many pictures, three of each. Crops of the whole head, aligned on the
five points of the ORIGINAL face, for every method alike. Two extractors, both named, neither of
them Inception (its weights are not on this machine, so no figure compares with published FIDs):
  dlib       the 128 numbers of dlib's face ResNet
  alignment  the image embedding of our alignment model (trained on synthetic faces)
Floor: the distance between two random halves of the originals. Lower is better; the method that
alters nothing scores 0.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from _common import table, write
from _faces import METHODS, Portrait, desensitized, portraits
from polyveil.detect.alignment import AlignmentModel, head
from reidentification import Recogniser

SEED = 20261121
Features = NDArray[np.float64]


def frechet(one: Features, two: Features) -> float:
    """Squared 2-Wasserstein distance between Gaussians fitted to both."""
    a, b = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = linalg.sqrtm(a @ b)
    apart = one.mean(0) - two.mean(0)
    return float(apart @ apart + np.trace(a + b - 2 * np.real(root)))


def features(pictures: list[Any], known: list[Portrait]) -> dict[str, Features]:
    """Extractor -> one row a picture, for the subject's face."""
    embed, model = Recogniser(), AlignmentModel()
    crops = np.stack([head(p, k.faces[0]) for p, k in zip(pictures, known, strict=True)])
    return {
        "dlib": np.stack([embed(p, k) for p, k in zip(pictures, known, strict=True)]),
        "alignment": np.concatenate(
            [model.image(crops[k : k + 64]) for k in range(0, len(crops), 64)]
        ).astype(np.float64),
    }


def main() -> None:
    known = portraits(each=3)
    real = features([portrait.pixels for portrait in known], known)
    order = np.random.default_rng(SEED).permutation(len(known))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    figures: dict[str, dict[str, float]] = {
        "original, two halves": {
            name: frechet(rows[halves[0]], rows[halves[1]]) for name, rows in real.items()
        }
    }
    for method in METHODS:
        draw = np.random.default_rng([SEED, 0])
        start = time.process_time()
        done = [desensitized(portrait, method, draw) for portrait in known]
        spent = time.process_time() - start
        found = features(done, known)
        figures[method] = {name: frechet(real[name], found[name]) for name in real}
        faces = sum(len(portrait.faces) for portrait in known)
        figures[method]["ms_per_face_cpu"] = 1000 * spent / faces
    for name in real:
        for method in METHODS:
            figures[method][f"{name}_over_blur"] = figures[method][name] / figures["blur"][name]
    columns = ["dlib", "alignment", "dlib_over_blur", "alignment_over_blur", "ms_per_face_cpu"]
    rows = [[method, *(found.get(c, "") for c in columns)] for method, found in figures.items()]
    print(f"{len(known)} pictures\n")
    print(table(["method", *columns], rows))
    write(
        "look",
        {"pictures": len(known), "seed": SEED, "frechet": figures},
        packages=("dlib", "numpy", "scipy", "opencv-python", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
