# SPDX-License-Identifier: Apache-2.0
"""Every face in a picture: small or large, upright, lying or upside down.

A first look sees the picture upright, at one scale when it is small and as a pyramid of tiles when
it is large. It also brings weak candidates; second looks cost little beside it:

    weak candidates outside every face     their surroundings, enlarged
    nothing certain anywhere               the whole picture, very small, at three quarter turns,
                                           and the best weak candidate of that, enlarged
    a certain face that lies on its side   a first look at the picture, turned so that it stands
    a doubtful one                         its surroundings, turned

The network's time is proportional to the pixels it reads, so that each look reads as few as the
synthetic faces allow. Whatever looks like a face counts: statues, posters and some animals are
replaced too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.centerface import MULTIPLE, SAME_FACE, suppressed
from polyveil.detect.detector import FaceDetector, installed
from polyveil.detect.tiles import View, around, pyramid, small, whole
from polyveil.records.finding import Box, Face

ACCEPT = 0.4
"""Score from which a candidate is a face. On the synthetic faces: all upright faces, 99 of 100 that
are turned by 30 degrees, 97 of 100 that are 20 pixels large. Chosen on those alone."""

CERTAIN = 0.5
"""Without any face that scores this much, the picture is turned as a whole."""

LYING = 0.6
"""A lying face that scores this much has the whole picture looked at again at its turn."""

PLACES = 2
"""Doubtful places that get a second look, at most; it bounds the time per picture."""

FOLLOWED = 0.1
"""Score from which the best candidate of the turned picture is looked at closely."""

INSIDE = 0.7
"""Of two boxes, one lying in the other by this share of its area, the weaker is an echo."""

NEAR, AFAR = 256, 320
"""A face of more pixels than NEAR is measured again in a view whose longest side is AFAR, where it
takes up two fifths."""

CLOSE_UP = 96
"""Longest side of a close-up, in pixels."""

TURNED, LEAST, MOST = 0.4, 96, 192
"""Scale at which the picture is turned as a whole, and the bounds of its longest side then. A face
of 48 pixels keeps 19, at which nearly every such synthetic face is found at every quarter turn."""

FILLED = 400
"""A picture whose longest side is larger may be filled by a face too large for a first look: it
is looked at very small and upright, too."""


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


def look_at(
    pixels: NDArray[np.uint8], windows: Iterable[Box], *, side: int = MULTIPLE
) -> tuple[Face, ...]:
    """Faces within parts of a picture, one look each at the picture's own scale.

    Args:
      pixels: as `find_faces` takes them.
      windows: parts in whole pixels of the picture, clipped to it.
      side: windows grow to multiples of this where the picture has room, so nothing is resized.
    """
    height, width = pixels.shape[:2]
    views = []
    for box in windows:
        left, right = _grown(box.left, box.right, width, side)
        top, bottom = _grown(box.top, box.bottom, height, side)
        views.append(View(left, top, right, bottom, right - left, bottom - top, 0, (height, width)))
    found = [face for detector in installed() for face in look(detector, pixels, views)]
    return tuple(united([face for face in found if face.score >= ACCEPT]))


def _grown(low: float, high: float, limit: int, side: int) -> tuple[int, int]:
    start, stop = max(0, int(low)), min(limit, int(high))
    wanted = min(limit, -(-(stop - start) // side) * side)
    start = max(0, min(start, limit - wanted))
    return start, start + wanted


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
    return united(
        [face for view in views for face in _mapped(view, detector.detect(view.cut(pixels)))]
    )


def _mapped(view: View, faces: Iterable[Face]) -> list[Face]:
    """Faces of a view in pixels of the picture, without those that an inner edge cuts."""
    return [face for face in map(view.back, faces) if face is not None]


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
    """What close-ups and turns add."""
    picture = pixels.shape[0], pixels.shape[1]
    sure = [face for face in seen if face.score >= ACCEPT]
    weak = [face for face in seen if face.score < ACCEPT and not _inside_any(face, sure)]
    found: list[Face] = []
    for face in weak[:PLACES]:
        found += _close_up(detector, pixels, face, 0)
    if not _any_certain([*sure, *found]):
        found += _turned_small(detector, pixels)
    lying = [face for face in united([*sure, *found]) if standing(face)]
    turns = sorted({standing(face) for face in lying if face.score >= LYING})
    for turn in turns:
        view = whole(picture, scale=1.0, turns=turn)
        # Upright, the points of lying faces are misplaced, and their neighbours overlooked.
        found += _mapped(view, _first_look(detector, view.cut(pixels)))
    for face in lying:
        if standing(face) not in turns:
            found += _close_up(detector, pixels, face, standing(face))
    return found


def _turned_small(detector: FaceDetector, pixels: NDArray[np.uint8]) -> list[Face]:
    """The whole picture at every turn until one shows a certain face; then the best doubtful."""
    picture = pixels.shape[0], pixels.shape[1]
    side = int(min(MOST, max(LEAST, TURNED * max(picture))))
    tiny = small(picture, side=side).cut(pixels)
    found: list[Face] = []
    for turn in range(0 if max(picture) > FILLED else 1, 4):
        view = small(picture, side=side, turns=turn)
        found += united(_mapped(view, detector.detect(np.ascontiguousarray(np.rot90(tiny, turn)))))
        if _any_certain(found):
            return found
    best = max(found, key=lambda face: face.score, default=None)
    if best is not None and FOLLOWED <= best.score < ACCEPT:
        found += _close_up(detector, pixels, best, _turn(best))
    return found


def standing(face: Face) -> int:
    """Counter-clockwise quarter turns of the picture that set a face upright; 0 for weak ones."""
    return _turn(face) if face.score >= ACCEPT else 0


def _turn(face: Face) -> int:
    across, down = face.points[3:].mean(axis=0) - face.points[:2].mean(axis=0)
    return round(float(np.arctan2(-across, down)) / (np.pi / 2)) % 4


def _close_up(
    detector: FaceDetector, pixels: NDArray[np.uint8], face: Face, turn: int
) -> list[Face]:
    """The surroundings of a face, at one quarter turn."""
    picture = pixels.shape[0], pixels.shape[1]
    return look(detector, pixels, around(face.box, picture, side=CLOSE_UP)[turn : turn + 1])


def _any_certain(faces: Iterable[Face]) -> bool:
    return any(face.score >= CERTAIN for face in faces)


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
