# SPDX-License-Identifier: Apache-2.0
"""Twenty-four before/after pairs to judge by eye; also one of a public-domain picture for the docs.

    python benchmarks/contact_sheet.py

LFW pictures may not be handed on, so that sheet goes to .cache/contact_sheet.png; the astronaut
(NASA, public domain, from scikit-image) goes to docs/images/before_after.jpg.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from _common import ROOT
from _faces import Portrait, desensitized, portraits
from polyveil.detect.faces import find_faces
from polyveil.detect.landmarks import landmarks

SEED = 20261121


def sheet(chosen: list[Portrait], draw: np.random.Generator) -> np.ndarray:
    """Pairs in rows of four."""
    pairs = [np.hstack([p.pixels, desensitized(p, "model", draw)]) for p in chosen]
    rows = [np.hstack(pairs[k : k + 4]) for k in range(0, len(pairs), 4)]
    return np.vstack(rows)


def turned(portrait: Portrait) -> float:
    """How far the nose is from the middle between the eyes, in eye distances."""
    left, right, nose = portrait.faces[0].points[:3]
    return float(abs(nose[0] - (left[0] + right[0]) / 2) / np.linalg.norm(right - left))


def main() -> None:
    draw = np.random.default_rng(SEED)
    known = portraits("single")
    order = draw.permutation(len(known))
    frontal = [known[k] for k in order if turned(known[k]) < 0.12][:12]
    sideways = [known[k] for k in order if turned(known[k]) > 0.2][:12]
    target = ROOT / ".cache" / "contact_sheet.png"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), sheet(frontal + sideways, draw)[..., ::-1])
    print(f"{target.relative_to(ROOT)}: {len(frontal)} frontal, {len(sideways)} turned")

    from skimage import data

    pixels = np.ascontiguousarray(data.astronaut()[:400, 60:420])
    # What her caption says, the persona is cast by; the picture alone is not needed for it.
    told = {"sex": {"woman": 1.0}, "age": {"adult": 1.0}}
    faces = [replace(face, attributes=told) for face in landmarks(pixels, find_faces(pixels))]
    pair = sheet([Portrait(pixels, "", tuple(faces))], np.random.default_rng(SEED + 7))
    docs = ROOT / "docs" / "images" / "before_after.jpg"
    docs.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(docs), pair[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(docs.relative_to(ROOT))


if __name__ == "__main__":
    main()
