# SPDX-License-Identifier: Apache-2.0
"""Coarse light: measured back, transferred, and too coarse to carry a face."""

from __future__ import annotations

import dataclasses

import numpy as np

from polyveil.replace import face_model, light


def test_a_polynomial_is_measured_back_through_outliers() -> None:
    n = light.GRID
    axis = (np.arange(n) + 0.5) / n * 2 - 1
    u, v = np.meshgrid(axis, axis)
    samples = np.dstack([60 + 12 * u - 5 * v, 10 + 0 * u, 15 + 3 * u]).astype(np.float32)
    samples[12:16, 6:26, 0] = 10  # a fringe, a pair of glasses
    flat = np.full((40, 40), 60, np.float32)
    found = light.measure(samples, light.skin(), flat, np.ones_like(flat))
    np.testing.assert_allclose(found.lightness[:3], [60, 12, -5], atol=2.5)
    np.testing.assert_allclose(found.colour[:, 0], [10, 15], atol=1.0)


def test_relighting_arrives_at_the_wanted_light() -> None:
    model = face_model.shipped()
    for index in (0, 40, 90):
        texture, own = model.texture(index), light.unpack(model.lights[index])
        wanted = light.Light(
            np.array([58, 9, -3, 0, -2, -3], np.float32),
            np.array([[12, 1, 0], [16, 0, 1]], np.float32), own.contrast, 1.0, 0.0,
        )  # fmt: skip
        again = light.unpack(light.of_texture(light.relight(texture, own, wanted)))
        assert abs(again.lightness[0] - 58) < 5
        assert again.lightness[1] - 9 < 5
        np.testing.assert_allclose(again.colour[:, 0], [12, 16], atol=4)


def test_mirrored_light_is_the_light_of_the_mirrored_texture() -> None:
    model = face_model.shipped()
    own = light.unpack(model.lights[3]).mirrored()
    seen = light.unpack(light.of_texture(model.texture(3)[:, ::-1].copy()))
    np.testing.assert_allclose(own.lightness, seen.lightness, atol=1.5)


def test_light_is_few_numbers() -> None:
    """What is carried over from a hidden face: 15 numbers, whatever its size."""
    found = light.unpack(face_model.shipped().lights[0])
    numbers = sum(np.size(getattr(found, field.name)) for field in dataclasses.fields(found))
    assert numbers == 15


def test_softening_finds_the_blur() -> None:
    import cv2

    sharp = np.random.default_rng(0).normal(50, 10, (90, 90)).astype(np.float32)
    sharp = cv2.GaussianBlur(sharp, (0, 0), 0.6)
    inside = np.ones_like(sharp)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 1.6)
    wanted = light._texture(blurred, inside)[0]
    assert light.soften(sharp, inside, wanted) in (1.2, 1.6)
    assert light.soften(sharp, inside, 1.0) == 0.0


def test_neutral_stays_neutral() -> None:
    """Grey in, grey out, whatever the lightness."""
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    again = light.to_rgb(light.to_lab(grey))
    assert np.abs(again - grey).max() < 0.6


def test_what_is_carried_over_is_coarse() -> None:
    """Two lights that differ by less than a step arrive as one; curvature never arrives."""
    model = face_model.shipped()
    own = light.unpack(model.lights[0])
    near = dataclasses.replace(
        own,
        lightness=np.array([60.3, 7.1, -4.2, 0, *light.CURVED], np.float32),
        contrast=4.4,
        detail=0.21,
    )
    other = dataclasses.replace(
        near,
        lightness=np.array([59.1, 8.9, -3.1, 3, *light.CURVED], np.float32),
        contrast=3.2,
        detail=0.19,
    )
    one, two = light.coarse(near), light.coarse(other)
    np.testing.assert_array_equal(one.lightness, two.lightness)
    assert (one.contrast, one.detail) == (two.contrast, two.detail) == (4.0, 5 * light.SHARPER)
    np.testing.assert_allclose(one.lightness, [60, 8, -4, 0, *light.CURVED], atol=1e-6)
