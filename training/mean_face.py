# SPDX-License-Identifier: Apache-2.0
"""Prints the mean 3-D face of `detect/pose.py`: 68 points, found in 2-D labels alone.

All labelled shapes, stacked, have rank three up to expression and proportions (a rigid body under
scaled orthographic projection), so a singular value decomposition splits them into motion and
shape; that each frame's axes are orthogonal and equally long fixes the shape but for a rotation,
and its mirror symmetry fixes the rotation.

    python training/label_landmarks.py labels.npz
    python training/mean_face.py labels.npz

Source: Tomasi & Kanade, Shape and motion from image streams under orthography: a factorization
method, IJCV 1992, https://doi.org/10.1007/BF00129684
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmarks import MIRROR, yaw_share

Array = NDArray[np.float64]
SEED, STEADY, FRAMES, FRONTAL = 0, 0.02, 3000, 200


def frames(labels: Path) -> Array:
    """Centred shapes of unit size with their mirror images, turned heads drawn more often."""
    archive = np.load(labels)
    shapes = archive["landmarks68"][archive["spread"] < STEADY].astype(np.float64)
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.sqrt((shapes**2).sum(axis=(1, 2), keepdims=True) / 68)
    shapes = np.concatenate([shapes, shapes[:, MIRROR] * np.array([-1, 1])])
    turned = np.abs(yaw_share(shapes))
    counts = np.histogram(turned, 10, (0, 1))[0] + 20
    weight = 1 / counts[np.clip((turned * 10).astype(int), 0, 9)]
    rng = np.random.default_rng(SEED)
    return np.asarray(shapes[rng.choice(len(shapes), FRAMES, p=weight / weight.sum())])


def factorised(shapes: Array) -> Array:
    """The rigid shape (68, 3), up to a rotation and a mirror."""
    motion, values, body = np.linalg.svd(
        shapes.transpose(0, 2, 1).reshape(-1, 68), full_matrices=False
    )
    print("singular values", np.round(values[:6], 1), file=sys.stderr)
    axes, body = motion[:, :3] * values[:3], body[:3]
    x, y = axes[0::2], axes[1::2]

    def pairs(a: Array, b: Array) -> Array:
        upper = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
        terms = [a[:, i] * b[:, j] + (i != j) * a[:, j] * b[:, i] for i, j in upper]
        return np.stack(terms, axis=1)

    size = pairs(x, x).mean(axis=0, keepdims=True)
    system = np.concatenate([pairs(x, x) - pairs(y, y), pairs(x, y), 100 * size])
    goal = np.zeros(len(system))
    goal[-1] = 100
    q = np.linalg.lstsq(system, goal, rcond=None)[0]
    metric = np.array([[q[0], q[1], q[2]], [q[1], q[3], q[4]], [q[2], q[4], q[5]]])
    lengths, directions = np.linalg.eigh(metric)
    return np.asarray((np.linalg.inv(directions * np.sqrt(lengths)) @ body).T)


def nearest_rotation(matrix: Array) -> Array:
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    first, second = left @ right
    return np.stack([first, second, np.cross(first, second)])


def upright(body: Array, shapes: Array) -> Array:
    """Turned to look at the viewer, symmetric, nose near (z < 0), outer eye corners 1 apart."""
    frontal = shapes[np.argsort(np.abs(yaw_share(shapes)))[:FRONTAL]]
    for _ in range(3):
        fits = [np.linalg.lstsq(body, shape, rcond=None)[0].T for shape in frontal]
        body = body @ nearest_rotation(np.mean([nearest_rotation(fit)[:2] for fit in fits], 0)).T
        body = (body + body[MIRROR] * np.array([-1, 1, 1])) / 2
    if body[30, 2] > body[0, 2]:
        body = body * np.array([1, 1, -1])
    body = body - body.mean(axis=0)
    return np.asarray(body / (body[45, 0] - body[36, 0]))


def main(labels: Path) -> None:
    shapes = frames(labels)
    mean = upright(factorised(shapes), shapes)
    for start in range(0, 68, 4):
        print("   " + "".join(f" {x:.2f} {y:.2f} {z:.2f} " for x, y, z in mean[start : start + 4]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
