# SPDX-License-Identifier: Apache-2.0
"""The alignment model agrees with what is plain to see, one head or many, today as tomorrow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyveil.detect import facet_text
from polyveil.detect.alignment import HEAD, AlignmentModel, head, head_transform
from polyveil.detect.faces import find_faces
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Box, Face


def face(
    left: float = 60, top: float = 60, size: float = 80, **attributes: dict[str, float]
) -> Face:
    points = np.array(
        [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32
    ) * size + np.array([left, top], np.float32)
    box = Box(left, top, left + size, top + size)
    return Face(box, points, 0.9, "test", attributes=attributes)


@pytest.fixture(scope="module")
def model() -> AlignmentModel:
    return AlignmentModel()


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (400, 300), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_batch_is_the_same_as_one_at_a_time(
    model: AlignmentModel, picture: NDArray[np.uint8]
) -> None:
    faces = [face(20 * i, 10 * i, 40 + 5 * i) for i in range(40)]
    together = model.faces(picture, faces)
    for one, other in zip(faces, together, strict=True):
        alone = model.faces(picture, [one])[0]
        assert alone.embedding is not None
        assert other.embedding is not None
        np.testing.assert_allclose(alone.embedding, other.embedding, atol=1e-5)
        assert alone.attributes["sex"]["man"] == pytest.approx(
            other.attributes["sex"]["man"], abs=1e-5
        )


def test_twice_gives_the_same_and_leaves_the_picture_alone(
    model: AlignmentModel, picture: NDArray[np.uint8]
) -> None:
    before = picture.copy()
    first, second = (model.faces(picture, [face()])[0] for _ in range(2))
    np.testing.assert_array_equal(first.embedding, second.embedding)
    np.testing.assert_array_equal(before, picture)


def test_every_facet_is_a_distribution(model: AlignmentModel, picture: NDArray[np.uint8]) -> None:
    found = model.faces(picture, [face()])[0]
    for facet, values in FACE_FACETS.items():
        assert tuple(found.attributes[facet]) == values
        assert sum(found.attributes[facet].values()) == pytest.approx(1.0)


def test_both_sides_share_one_space(model: AlignmentModel, picture: NDArray[np.uint8]) -> None:
    heads = np.stack([head(picture, face())] * 2)
    image, text = model.image(heads), model.text(["a bearded man", "the girl", ""])
    assert image.shape[1] == text.shape[1]
    np.testing.assert_allclose(np.linalg.norm(image, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, atol=1e-5)
    assert model.text([]).shape == (0, text.shape[1])


def test_grey_pictures_and_faces_beyond_the_border_are_read(model: AlignmentModel) -> None:
    grey = np.full((50, 60), 128, np.uint8)
    found = model.faces(grey, [face(-30, -30, 60), face(40, 30, 300), face(5, 5, 4)])
    assert all(f.attributes for f in found)
    assert model.faces(grey, []) == []


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(sorted(FACE_FACETS)))
def test_agreement_grows_with_the_probability_of_what_was_said(
    one: float, other: float, facet: str
) -> None:
    value, rest = FACE_FACETS[facet][0], FACE_FACETS[facet][-1]
    low, high = sorted((one, other))
    scores = [
        AlignmentModel().agreement(face(**{facet: {value: p, rest: 1 - p}}), {facet: value})
        for p in (low, high)
    ]
    assert 0 <= scores[0] <= scores[1] <= 1


def test_agreement_is_one_half_where_nothing_can_be_compared() -> None:
    model = AlignmentModel()
    assert model.agreement(face(), {"sex": "man"}) == 0.5
    assert model.agreement(face(sex={"man": 1.0}), {"clothes": "red", "count": "2"}) == 0.5


def test_clear_cases() -> None:
    model = AlignmentModel()
    him = face(
        sex={"man": 0.95, "woman": 0.05},
        beard={"none": 0.1, "stubble": 0.1, "moustache": 0.0, "goatee": 0.0, "beard": 0.8},
    )
    assert model.agreement(him, {"sex": "man", "beard": "beard"}) > 0.8
    assert model.agreement(him, {"sex": "woman"}) < 0.2
    assert model.log_odds(him, {"sex": "man", "beard": "beard"}) > model.log_odds(
        him, {"sex": "man"}
    )


def test_the_head_is_upright_whatever_the_roll() -> None:
    straight = face(100, 100, 100)
    turn = np.deg2rad(30)
    around = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    rolled = Face(
        straight.box, ((straight.points - 150) @ around.T + 150).astype(np.float32), 1, "t"
    )
    eyes = rolled.points[:2] @ head_transform(rolled)[:, :2].T + head_transform(rolled)[:, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=0.01)
    assert eyes[0, 0] < 0.5 < eyes[1, 0]


def test_points_that_contradict_the_box_are_not_believed() -> None:
    wild = Face(Box(0, 0, 100, 100), np.zeros((5, 2), np.float32), 1, "t")
    assert np.isfinite(head_transform(wild)).all()
    assert head(np.zeros((80, 80, 3), np.uint8), wild).shape == (HEAD, HEAD, 3)


def test_phrases() -> None:
    assert facet_text.phrase({}) == "person"
    assert facet_text.phrase({"sex": "man", "age": "child", "clothes": "red"}) == "boy"
    said = {"sex": "woman", "glasses": "glasses", "hair": "grey", "expression": "smiling"}
    assert facet_text.phrase(said) == "smiling woman with glasses and grey hair"
    table = facet_text.bags(["a man", "A  MAN", ""])
    np.testing.assert_array_equal(table[0], table[1])
    assert not table[2].any()


@pytest.mark.parametrize(
    ("name", "sex"),
    [
        *((name, "man") for name in ("0065.jpg", "0568.jpg", "0995.jpg", "0895.jpg")),
        *((name, "woman") for name in ("0592.jpg", "0801.jpg", "0964.jpg", "1022.jpg")),
    ],
)
def test_golden_heads_that_training_never_saw(
    model: AlignmentModel, data: Callable[[str], Path], name: str, sex: str
) -> None:
    pixels = cv2.cvtColor(
        cv2.imread(str(data("synthetic_faces") / "images" / name)), cv2.COLOR_BGR2RGB
    )
    found = model.faces(pixels, sorted(find_faces(pixels), key=lambda f: -f.score)[:1])[0]
    assert found.likely("sex", above=0.9) == sex
    assert found.embedding is not None
    # The space says the same as the facets: the phrase of the right sex lies closer.
    man, woman = model.text(["the man", "the woman"]) @ found.embedding
    assert (man > woman) == (sex == "man")
