# SPDX-License-Identifier: Apache-2.0
"""Twenty-four before/after pairs to judge by eye.

    python benchmarks/contact_sheet.py

LFW pictures may not be handed on, so the sheet goes to .cache/contact_sheet.png. The picture in the
README is made by docs/make_picture.py.
"""

from __future__ import annotations

import cv2
import numpy as np

from _common import ROOT
from _faces import Portrait, desensitized, portraits

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


if __name__ == "__main__":
    main()
