# SPDX-License-Identifier: Apache-2.0
"""find_faces: all the faces, at every turn, in small and large pictures, by every detector."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from polyveil.detect import plugins as plugins_module
from polyveil.detect.centerface import CenterFace
from polyveil.detect.detector import installed
from polyveil.detect.faces import find_faces, look_at, standing, united
from polyveil.errors import UsageError
from polyveil.records.finding import Box, Face


def load(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def upright(face: Face, turns: int, size: tuple[int, int]) -> Box:
    """The box of a face found in np.rot90(picture, turns), in the picture of (height, width)."""
    height, width = size
    corners = np.array(face.box).reshape(2, 2)
    for turn in range(turns, 0, -1):
        wide = width if turn % 2 else height
        corners = np.stack([wide - corners[:, 1], corners[:, 0]], axis=1)
    return Box(*map(float, (*corners.min(axis=0), *corners.max(axis=0))))


def test_every_clear_face_of_the_group_photos_is_found(data: Callable[[str], Path]) -> None:
    folder = data("faces_group")
    with (folder / "counts.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            found = find_faces(load(folder / row["file"]))
            clear, most = int(row["faces_clear"]), int(row["faces_incl_partial"])
            assert clear <= len(found) <= most, row["file"]


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_group_photo_gives_the_same_boxes(data: Callable[[str], Path], turns: int) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    expected = find_faces(picture)
    found = find_faces(np.ascontiguousarray(np.rot90(picture, turns)))
    boxes = [upright(face, turns, picture.shape[:2]) for face in found]
    assert len(boxes) == len(expected) == 5
    for face in expected:
        assert max(face.box.overlap(box) for box in boxes) > 0.7
    assert {standing(face) for face in found} == {-turns % 4}


def test_one_lying_face_beside_upright_ones_is_found(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    portrait = cv2.resize(load(data("synthetic_faces") / "images/1542.jpg"), (128, 128))
    scene = np.vstack([picture, np.full((140, picture.shape[1], 3), 80, np.uint8)])
    top = picture.shape[0] + 6
    scene[top : top + 128, 200:328] = np.rot90(portrait)
    found = find_faces(scene)
    assert len(found) == 6
    assert any(face.box.top > top and standing(face) == 3 for face in found)


def test_a_small_face_in_a_large_picture_is_found_where_it_is(
    data: Callable[[str], Path],
) -> None:
    portrait = load(data("synthetic_faces") / "images/1542.jpg")
    box = find_faces(portrait)[0].box
    scale = 30 / box.width
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((1500, 2600, 3), 110, np.uint8)
    canvas[1010 : 1010 + small.shape[0], 1270 : 1270 + small.shape[1]] = small
    (face,) = find_faces(canvas)
    expected = Box(*(scale * np.array(box) + [1270, 1010, 1270, 1010]))
    assert face.box.overlap(expected) > 0.6


def test_a_face_that_fills_a_large_picture_is_found_once(data: Callable[[str], Path]) -> None:
    picture = cv2.resize(load(data("synthetic_faces") / "images/1542.jpg"), (1800, 1800))
    (face,) = find_faces(np.asarray(picture, dtype=np.uint8))
    small = find_faces(load(data("synthetic_faces") / "images/1542.jpg"))[0]
    grown = Box(*(np.array(small.box) * 1800 / 256))
    assert face.box.overlap(grown) > 0.6


def test_grey_and_colour_find_the_same_people(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    assert len(find_faces(grey)) == len(find_faces(picture)) == 5


def test_deterministic_and_pixels_untouched(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt4.jpg")
    before = picture.copy()
    assert [f.box for f in find_faces(picture)] == [f.box for f in find_faces(picture)]
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (1, 1), (2, 3), (10, 2000), (2000, 10)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_odd_and_empty_pictures_hold_nobody(
    size: tuple[int, int], channels: tuple[int, ...]
) -> None:
    assert find_faces(np.full((*size, *channels), 128, np.uint8)) == ()


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)]
)
def test_other_shapes_and_types_are_refused(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="expected pixels as uint8"):
        find_faces(pixels)


class Counting(CenterFace):
    """Counts the pixels that it reads."""

    read = 0

    def detect(self, pixels: NDArray[np.uint8]) -> list[Face]:
        self.read += pixels.shape[0] * pixels.shape[1]
        return super().detect(pixels)


def test_second_looks_read_few_pixels(data: Callable[[str], Path]) -> None:
    portrait = load(data("synthetic_faces") / "images/1542.jpg")
    scene = np.full((240, 320, 3), 90, np.uint8)
    for at in range(0, 320, 20):
        scene[at // 4 : at // 4 + 14, at : at + 14] = cv2.resize(portrait, (14, 14))
    counting = Counting()
    find_faces(scene, detectors=[counting])
    # Two close-ups, three turns and what follows from them, whatever the picture shows.
    assert 240 * 320 <= counting.read <= 240 * 320 + 3 * 96 * 96 + 3 * 96 * 128


class Always:
    """A detector of the user: one face in the middle of whatever it sees."""

    name = "always"

    def detect(self, pixels: NDArray[np.uint8]) -> list[Face]:
        height, width = pixels.shape[:2]
        x, y, side = width / 2, height / 2, min(height, width) / 8
        shape = np.array([[-1, -1], [1, -1], [0, 0], [-0.8, 1], [0.8, 1]]) * side / 2
        box = Box(x - side, y - side, x + side, y + side)
        return [Face(box, (shape + np.array([x, y])).astype(np.float32), 0.99, self.name)]


def test_detectors_are_united(data: Callable[[str], Path]) -> None:
    picture = load(data("faces_group") / "faceapi_bbt3.jpg")
    found = find_faces(picture, detectors=[CenterFace(), Always()])
    assert {face.source for face in found} == {"centerface", "always"}
    assert find_faces(picture, detectors=[]) == ()


def test_the_better_of_two_overlapping_faces_stays() -> None:
    five = np.zeros((5, 2), np.float32)
    low, high = (Face(Box(0, 0, 10 + n, 10), five, 0.5 + n / 10, "a") for n in (0, 1))
    assert united([low, high]) == [high]


class Point:
    """An entry point, as importlib.metadata gives it."""

    def __init__(self, offered: object) -> None:
        self.name, self.offered = "extra", offered

    def load(self) -> object:
        return self.offered


def test_installed_packages_can_offer_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [Point(Always)])
    assert [one.name for one in installed.__wrapped__()] == ["centerface", "always"]
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [Point(dict)])
    with pytest.raises(UsageError, match="entry point extra"):
        installed.__wrapped__()


def test_a_look_at_a_part_finds_what_is_there_and_says_where(data: Callable[[str], Path]) -> None:
    picture = cv2.imread(str(data("faces_group") / "faceapi_bbt3.jpg"))[..., ::-1]
    whole = find_faces(picture, thorough=False)
    for face in whole:
        margin = max(face.box.width, face.box.height) / 2
        box = Box(
            face.box.left - margin,
            face.box.top - margin,
            face.box.right + margin,
            face.box.bottom + margin,
        )
        assert any(one.box.overlap(face.box) > 0.7 for one in look_at(picture, [box]))
    assert look_at(picture, []) == ()
