# SPDX-License-Identifier: Apache-2.0
"""Every face in a picture: small or large, upright, lying or upside down.

A first look sees the picture upright, at one scale when it is small and as a pyramid of tiles when
it is large. It also brings weak candidates; those decide whether a second look is worth its time:

    a weak candidate outside every face    its surroundings, enlarged, at four quarter turns
    nothing certain anywhere               the whole picture, small, at four quarter turns
    a face that lies on its side           the whole picture, turned so that this face stands

Seen upright, nine in ten of the synthetic faces that lie on their side or upside down leave at
least a weak candidate, so that most pictures cost one pass. Whatever looks like a face counts:
statues, posters and some animals are replaced too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.centerface import SAME_FACE, suppressed
from polyveil.detect.detector import FaceDetector, installed
from polyveil.detect.tiles import View, around, pyramid, whole
from polyveil.records.finding import Face

ACCEPT = 0.4
"""Score from which a candidate is a face. On the synthetic faces: all upright faces, 99 of 100 that
are turned by 30 degrees, 97 of 100 that are 20 pixels large. Chosen on those alone."""

CERTAIN = 0.6
"""Without any face that scores this much, the picture may be turned as a whole."""

PLACES = 4
"""Doubtful places that get a second look, at most; it bounds the time per picture."""

INSIDE = 0.7
"""Of two boxes, one lying in the other by this share of its area, the weaker is an echo."""

NEAR, AFAR = 256, 320
"""A face of more pixels than NEAR is measured again in a view whose longest side is AFAR, where it
takes up two fifths."""

CLOSE_UP, TURNED = 96, 192
"""Longest side, in pixels, of a second look at a place and at the whole picture; the smallest that
found every synthetic face of 60 pixels on its side and 97 of 100 upside down, in 320 x 240."""


def find_faces(
    pixels: NDArray[np.uint8],
    *,
    detectors: Sequence[FaceDetector] | None = None,
    thorough: bool = True,
) -> tuple[Face, ...]:
    """Every face in the picture, best first.

    Args:
      pixels: uint8 (height, width, 3) RGB or (height, width) grey, EXIF orientation applied.
      detectors: who looks; None for all that are installed. Their findings are united.
      thorough: whether to take second looks. Without, turned and tiny faces are missed more often.

    Returns:
      Faces without landmarks. The points of a turned face are named as if it stood upright.

    Raises:
      ValueError: pixels of another shape or type.
    """
    _check(pixels)
    picture = pixels.shape[:2]
    if not picture[0] or not picture[1]:
        return ()
    found: list[Face] = []
    for detector in installed() if detectors is None else detectors:
        seen = _first_look(detector, pixels)
        if thorough:
            seen = united([*seen, *_second_look(detector, pixels, seen)])
        found += [face for face in seen if face.score >= ACCEPT]
    return tuple(united(found))


def _first_look(detector: FaceDetector, pixels: NDArray[np.uint8]) -> list[Face]:
    """Candidates in the picture as it stands, at every size."""
    picture = pixels.shape[0], pixels.shape[1]
    seen = look(detector, pixels, pyramid(picture))
    # Seen from too near, a face is found in part, and scores well: it is measured from afar.
    near = [face for face in seen if face.score >= ACCEPT and max(_size(face)) > NEAR]
    afar: list[Face] = []
    for face in near:
        view = around(face.box, picture, side=AFAR)[:1]
        afar += [one for one in look(detector, pixels, view) if one.score >= ACCEPT]
    kept = [one for one in united(afar) if max(_size(one)) > NEAR / 2]
    return kept + [
        face
        for face in seen
        if all(face.box.overlap(one.box) < SAME_FACE for one in kept)
        and not (max(_size(face)) > NEAR and _inside_any(face, kept))
    ]


def _size(face: Face) -> tuple[float, float]:
    return face.box.width, face.box.height


def look(detector: FaceDetector, pixels: NDArray[np.uint8], views: Iterable[View]) -> list[Face]:
    """Candidates of all the views in pixels of the picture, each once, best first."""
    mapped = (view.back(face) for view in views for face in detector.detect(view.cut(pixels)))
    return united([face for face in mapped if face is not None])


def united(faces: Sequence[Face]) -> list[Face]:
    """Each face once, best first: of boxes that overlap or nest, the one with the highest score."""
    if len(faces) < 2:
        return list(faces)
    boxes = np.array([face.box for face in faces], dtype=np.float32)
    scores = np.array([face.score for face in faces], dtype=np.float32)
    return [faces[index] for index in suppressed(boxes, scores, SAME_FACE, inside=INSIDE)]


def _second_look(
    detector: FaceDetector, pixels: NDArray[np.uint8], seen: Sequence[Face]
) -> list[Face]:
    """What close-ups and turns add. Each series stops at the first face that is certain."""
    picture = pixels.shape[0], pixels.shape[1]
    sure = [face for face in seen if face.score >= ACCEPT]
    weak = [face for face in seen if face.score < ACCEPT and not _inside_any(face, sure)]
    found: list[Face] = []
    for face in weak[:PLACES]:
        found += _until_certain(detector, pixels, around(face.box, picture, side=CLOSE_UP))
    if not any(face.score >= CERTAIN for face in [*sure, *found]):
        scale = min(1.0, TURNED / max(picture))
        # Upright as well where that is smaller: faces that fill a picture are too large as it is.
        turns = range(0 if scale < 1 else 1, 4)
        views = [whole(picture, scale=scale, turns=turn) for turn in turns]
        found += _until_certain(detector, pixels, views)
    for turn in sorted({standing(face) for face in united([*sure, *found])} - {0}):
        found += _turned_look(detector, pixels, turn)
    return found


def standing(face: Face) -> int:
    """Counter-clockwise quarter turns of the picture that set a face upright; 0 for weak ones."""
    if face.score < ACCEPT:
        return 0
    across, down = face.points[3:].mean(axis=0) - face.points[:2].mean(axis=0)
    return round(float(np.arctan2(-across, down)) / (np.pi / 2)) % 4


def _turned_look(detector: FaceDetector, pixels: NDArray[np.uint8], turn: int) -> list[Face]:
    """A first look at the turned picture: upright, the points of lying faces are misplaced."""
    view = whole((pixels.shape[0], pixels.shape[1]), scale=1.0, turns=turn)
    turned = view.cut(pixels)
    mapped = (view.back(face) for face in _first_look(detector, turned))
    return [face for face in mapped if face is not None]


def _until_certain(
    detector: FaceDetector, pixels: NDArray[np.uint8], views: Iterable[View]
) -> list[Face]:
    found: list[Face] = []
    for view in views:
        found += look(detector, pixels, [view])
        if any(face.score >= CERTAIN for face in found):
            break
    return found


def _inside_any(face: Face, others: Sequence[Face]) -> bool:
    """Whether the middle of the face lies in the box of another: an echo of that one."""
    x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
    return any(
        other.box.left <= x <= other.box.right and other.box.top <= y <= other.box.bottom
        for other in others
    )


def _check(pixels: NDArray[np.uint8]) -> None:
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not shaped:
        raise ValueError(
            "expected pixels as uint8 (height, width, 3) or (height, width), got "
            f"{pixels.dtype} {pixels.shape}. Convert with records' image reader."
        )
