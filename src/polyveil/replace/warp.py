# SPDX-License-Identifier: Apache-2.0
"""Where a stand-in's face goes: pose of the head, a smooth bend of the texture, and its inverse.

A head is 68 landmarks in three dimensions (x right, y down, z towards the viewer, in pixels of the
texture's frontal frame) seen by a scaled orthographic camera. The texture is bent by a thin-plate
spline through the landmarks: no triangle edges to see, and one fixed matrix, because the texture's
own landmarks never move. Turned heads hide parts of themselves; the inverse map keeps what is in
front.

Source: thin-plate splines as in Bookstein, PAMI 1989, https://doi.org/10.1109/34.24792
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.replace.arrays import Array, f32

MIRRORED: NDArray[np.intp] = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
     45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
     54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65],
)  # fmt: skip
"""iBUG index of the landmark on the other side of the face."""

# Jaw points slide along the visible edge of a turned head instead of sticking to the skin, and the
# mouth moves when people speak; both say little about where the head points.
_POSE_WEIGHT = f32([0.15] * 17 + [0.7] * 10 + [1.5] * 21 + [0.5] * 20)


@dataclass(frozen=True, slots=True)
class Pose:
    """A scaled orthographic camera: picture = scale * rotation[:2] @ point + shift.

    Attributes:
      rotation: float32 (3, 3), a proper rotation.
      scale: picture pixels for one pixel of the frontal frame, > 0.
      shift: float32 (2,), picture pixels.
    """

    rotation: Array
    scale: float
    shift: Array

    @property
    def yaw(self) -> float:
        """Turn to the side in radians; positive when the nose points to the viewer's right."""
        return float(np.arcsin(np.clip(self.rotation[0, 2], -1.0, 1.0)))

    def project(self, points: Array) -> Array:
        """float32 (n, 3) in the frontal frame -> (n, 2) in picture pixels."""
        return f32(self.scale * points @ self.rotation[:2].T + self.shift)

    def depth(self, points: Array) -> Array:
        """float32 (n, 3) -> (n,): distance towards the viewer, in frontal pixels."""
        near: Array = points @ self.rotation[2]
        return near.astype(np.float32)

    def lift(self, seen: Array, guess: Array) -> Array:
        """The head whose picture is exactly `seen` and whose depth is that of `guess` (n, 3)."""
        camera = np.column_stack([(seen - self.shift) / self.scale, guess @ self.rotation[2]])
        return (camera @ self.rotation).astype(np.float32)


def fit_pose(seen: Array, shape: Array) -> Pose:
    """The camera under which `shape` (68, 3) falls closest to the landmarks `seen` (68, 2).

    A short head turned far is cheaper than a long one turned little, so yaw is slightly damped by
    the orthonormal projection; below 50 degrees that is under three degrees.
    """
    weight = _POSE_WEIGHT[:, None]
    total = float(weight.sum())
    centre3, centre2 = (shape * weight).sum(0) / total, (seen * weight).sum(0) / total
    a, b = (shape - centre3) * np.sqrt(weight), (seen - centre2) * np.sqrt(weight)
    camera = np.linalg.lstsq(a, b, rcond=None)[0].T
    u, singular, vt = np.linalg.svd(camera, full_matrices=False)
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    # The least-squares scale for this rotation, robust to a flat guess of depth.
    placed = a @ rows.T
    scale = float((placed * b).sum() / max(float((placed * placed).sum()), 1e-6))
    if not scale > 0:
        scale = max(float(singular.mean()), 1e-3)
    shift = centre2 - scale * rows @ centre3
    return Pose(rotation.astype(np.float32), scale, shift.astype(np.float32))


def spline(knots: Array, query: Array, *, stiffness: float = 0.0) -> Array:
    """Thin-plate spline as a matrix: values at `query` (m, 2) = matrix @ values at `knots` (n, 2).

    Args:
      stiffness: 0 passes through every knot; larger values smooth noisy knots away.
    """
    scale = max(float(np.abs(knots - knots.mean(0)).max()), 1e-6)
    a, q = (knots - knots.mean(0)) / scale, (query - knots.mean(0)) / scale
    n = len(a)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _kernel(a, a) + stiffness * np.eye(n)
    system[:n, n:] = np.column_stack([np.ones(n), a])
    system[n:, :n] = system[:n, n:].T
    weights = np.linalg.inv(system)[:, :n]
    basis = np.column_stack([_kernel(q, a), np.ones(len(q)), q])
    return f32(basis @ weights)


def _kernel(a: Array, b: Array) -> NDArray[np.float64]:
    square = np.square(a[:, None].astype(np.float64) - b[None]).sum(-1)
    bent: NDArray[np.float64] = 0.5 * square * np.log(np.maximum(square, 1e-12))
    return bent


def invert(
    forward: Array, depth: Array, size: tuple[int, int], *, cells: int = 64
) -> tuple[Array, Array]:
    """Backward map of a forward one: for each output pixel, where in the texture it comes from.

    Args:
      forward: float32 (g, g, 2): output pixel of each node of a regular grid over the texture.
      depth: float32 (g, g): towards the viewer; where the face folds over itself, nearer wins.
      size: (height, width) of the output.
      cells: resolution at which the map is worked out before it is interpolated.

    Returns:
      float32 (height, width, 2), texture position in [0, 1] x [0, 1]; and float32 (height, width),
      1 where the texture reaches, 0 where it does not.
    """
    height, width = size
    step = max(max(height, width) / cells, 0.5)
    rows, columns = int(np.ceil(height / step)) + 1, int(np.ceil(width / step)) + 1
    # The texture fills about four fifths of the output: two nodes a cell leave no holes.
    dense = max(16, min(2 * cells, int(2 * max(height, width) / step)))
    where = cv2.resize(forward, (dense, dense), interpolation=cv2.INTER_LINEAR)
    near = cv2.resize(depth, (dense, dense), interpolation=cv2.INTER_LINEAR)
    # cv2.resize samples at pixel centres; the grid's nodes are centres as well.
    u, v = np.meshgrid(*(((np.arange(dense) + 0.5) / dense,) * 2))
    x, y = where[..., 0].ravel() / step, where[..., 1].ravel() / step
    front = np.exp(np.maximum((near.ravel() - near.max()) / 4, -40)).astype(np.float64) + 1e-20
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - x0, y - y0
    sums = np.zeros((3, (rows + 2) * (columns + 2)), np.float64)
    inner = (x0 >= -1) & (x0 < columns) & (y0 >= -1) & (y0 < rows)
    x0, y0, fx, fy, front, u, v = (a.ravel()[inner] for a in (x0, y0, fx, fy, front, u, v))
    first = (y0 + 1) * (columns + 2) + x0 + 1
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * front
        cell = first + (dy * (columns + 2) + dx)
        for row, value in enumerate((share * u, share * v, share)):
            sums[row] += np.bincount(cell, weights=value, minlength=sums.shape[1])
    grid = sums.reshape(3, rows + 2, columns + 2)
    filled = grid[2] > 0
    weight = np.where(filled, 1.0, 0.0)
    safe = np.where(filled, grid[2], 1.0)
    planes = np.stack([grid[0] / safe, grid[1] / safe], -1) * weight[..., None]
    # Close pinholes and take the staircase out of the splat; weights keep the border honest.
    soft = cv2.GaussianBlur(weight, (0, 0), 0.8)
    planes = cv2.GaussianBlur(planes, (0, 0), 0.8) / np.maximum(soft, 1e-6)[..., None]
    back = np.dstack([planes, soft]).astype(np.float32)[1:-1, 1:-1]
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(step)
    full = cv2.remap(back, xx, yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(full[..., :2]), np.clip(full[..., 2] * 2 - 1, 0, 1)
