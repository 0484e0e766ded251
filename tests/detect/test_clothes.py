# SPDX-License-Identifier: Apache-2.0
"""Colours of clothes: named right in bright and dim light, silent where no clothes are visible."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from polyveil.detect.clothes import colours, dressed, torso
from polyveil.records.facets import COLOURS
from polyveil.records.finding import Box, Face

RGB = {
    "red": (200, 30, 35), "orange": (240, 125, 30), "yellow": (240, 210, 60),
    "green": (45, 135, 65), "blue": (45, 85, 180), "purple": (120, 55, 150),
    "pink": (240, 150, 185),
    "brown": (112, 72, 42), "black": (20, 20, 22), "white": (240, 240, 238),
    "grey": (128, 128, 130),
}  # fmt: skip
SKIN = (205, 160, 135)


def person(colour: tuple[int, int, int], light: float = 1.0) -> tuple[NDArray[np.uint8], Face]:
    pixels = np.full((300, 200, 3), 90, np.float32)
    pixels[40:110, 70:130] = SKIN
    pixels[110:130, 85:115] = SKIN
    pixels[130:, 30:170] = colour
    pixels += np.random.default_rng(0).normal(0, 4, pixels.shape)
    box = Box(70, 40, 130, 110)
    face = Face(box, np.zeros((5, 2), np.float32), 1.0, "test")
    return np.clip(pixels * light, 0, 255).astype(np.uint8), face


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("light", [0.8, 1.0])
def test_plain_clothes_are_named(name: str, light: float) -> None:
    found = colours(*person(RGB[name], light))
    rivals = {"white": {"white", "grey"}} if light < 1 else {}
    assert max(found, key=lambda c: found[c]) in rivals.get(name, {name})


def test_probabilities_over_the_whole_vocabulary() -> None:
    found = colours(*person(RGB["blue"]))
    assert tuple(found) == COLOURS
    assert sum(found.values()) == pytest.approx(1.0)


def test_two_halves_share() -> None:
    pixels, face = person(RGB["blue"])
    pixels[130:, 100:] = RGB["red"]
    found = colours(pixels, face)
    assert found["blue"] > 0.25
    assert found["red"] > 0.25


def test_skin_is_not_clothes() -> None:
    pixels, face = person(RGB["green"])
    pixels[130:190, 80:120] = SKIN
    assert colours(pixels, face)["green"] > 0.6


def test_nothing_is_said_where_the_chest_is_cut_off() -> None:
    pixels, face = person(RGB["red"])
    assert colours(pixels[:125], face) == {}
    assert "clothes" not in dressed(pixels[:125], [face])[0].attributes


def test_grey_pictures_have_no_colour() -> None:
    pixels, face = person(RGB["red"])
    found = colours(pixels[:, :, 0], face)
    assert sum(found[name] for name in ("white", "grey", "black")) > 0.5


def test_other_attributes_stay() -> None:
    pixels, face = person(RGB["red"])
    known = Face(face.box, face.points, 1.0, "test", attributes={"sex": {"man": 1.0}})
    found = dressed(pixels, [known])[0]
    assert found.attributes["sex"] == {"man": 1.0}
    assert found.likely("clothes") == "red"


def test_the_torso_is_below_the_face() -> None:
    _, face = person(RGB["red"])
    assert torso(face).top > face.box.bottom
    assert torso(face).width > face.box.width
