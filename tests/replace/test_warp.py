# SPDX-License-Identifier: Apache-2.0
"""Pose, spline and inverse map against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.replace import face_model
from polyveil.replace.warp import MIRRORED, Pose, fit_pose, invert, spline


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (about_z @ about_x @ about_y).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.floats(-60, 60), st.floats(-25, 25), st.floats(-180, 180), st.floats(0.05, 4))
def test_pose_is_recovered(yaw: float, pitch: float, roll: float, scale: float) -> None:
    head = face_model.shipped().knots[:68]
    true = Pose(rotation(yaw, pitch, roll), scale, np.float32([40, 30]))
    found = fit_pose(true.project(head), head)
    np.testing.assert_allclose(found.rotation, true.rotation, atol=2e-3)
    assert found.scale == pytest.approx(scale, rel=2e-3)
    np.testing.assert_allclose(found.project(head), true.project(head), atol=0.05 * scale)


def test_lifting_is_exact_in_the_picture() -> None:
    head = face_model.shipped().knots[:68]
    pose = Pose(rotation(25, 5, 3), 0.7, np.float32([10, 20]))
    seen = pose.project(head) + np.random.default_rng(0).normal(0, 2, (68, 2)).astype(np.float32)
    np.testing.assert_allclose(pose.project(pose.lift(seen, head)), seen, atol=1e-3)


def test_mirroring_twice_is_nothing() -> None:
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))
    head = face_model.shipped().knots[:68]
    flipped = head[MIRRORED] * [-1, 1, 1] + [face_model.FRAME - 1, 0, 0]
    np.testing.assert_allclose(flipped, head, atol=0.01)


def test_spline_passes_through_its_knots_and_keeps_affine_maps() -> None:
    rng = np.random.default_rng(1)
    knots = rng.uniform(0, 100, (20, 2)).astype(np.float32)
    query = rng.uniform(0, 100, (50, 2)).astype(np.float32)
    values = rng.normal(size=(20, 2)).astype(np.float32)
    np.testing.assert_allclose(spline(knots, knots) @ values, values, atol=1e-3)
    turn = np.array([[0.9, 0.3], [-0.2, 1.4]], np.float32)
    np.testing.assert_allclose(spline(knots, query) @ (knots @ turn), query @ turn, atol=0.05)


def test_inverse_map_of_a_shift_and_a_scale() -> None:
    size, nodes = 120, 65
    axis = (np.arange(nodes) + 0.5) / nodes
    u, v = np.meshgrid(axis, axis)
    forward = np.dstack([u * 80 + 20, v * 60 + 30]).astype(np.float32)
    back, reached = invert(forward, np.zeros((nodes, nodes), np.float32), (size, size))
    y, x = np.mgrid[0:size, 0:size]
    inside = (x > 26) & (x < 94) & (y > 36) & (y < 84)
    np.testing.assert_allclose(back[..., 0][inside], ((x - 20) / 80)[inside], atol=0.012)
    np.testing.assert_allclose(back[..., 1][inside], ((y - 30) / 60)[inside], atol=0.012)
    assert reached[inside].min() == 1 and reached[:20].max() == 0


def test_what_is_nearer_hides_what_is_farther() -> None:
    nodes = 65
    axis = (np.arange(nodes) + 0.5) / nodes
    u, v = np.meshgrid(axis, axis)
    folded = np.dstack([np.where(u < 0.5, u, 1 - u) * 160 + 10, v * 80 + 10]).astype(np.float32)
    depth = np.where(u < 0.5, 0.0, 50.0).astype(np.float32)
    back, _ = invert(folded, depth, (100, 100))
    assert back[40:60, 20:70, 0].min() > 0.5
