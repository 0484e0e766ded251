# SPDX-License-Identifier: Apache-2.0
"""Where a head is turned: yaw, pitch and roll, coarse, from its 68 points.

A mean 3-D face is laid onto the points by scaled orthographic projection (closed form); what is
left over are expression and proportions. A projected mean face is read back exactly; how far the
angles of a living head are off was not measured, for want of measured poses. Three-quarter views
read as 20 to 35 degrees. On profiles the outline is a guess, and yaw is underestimated with it.

The mean face was factorised out of the labelled synthetic faces by `training/mean_face.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Face

MEAN_FACE: NDArray[np.float64] = np.array([
    -0.83, -0.43, 0.74, -0.83, -0.21, 0.72, -0.80, 0.00, 0.71, -0.75, 0.21, 0.70,
    -0.67, 0.40, 0.61, -0.54, 0.57, 0.46, -0.38, 0.72, 0.28, -0.20, 0.83, 0.12,
    0.00, 0.86, 0.06, 0.20, 0.83, 0.12, 0.38, 0.72, 0.28, 0.54, 0.57, 0.46,
    0.67, 0.40, 0.61, 0.75, 0.21, 0.70, 0.80, 0.00, 0.71, 0.83, -0.21, 0.72,
    0.83, -0.43, 0.74, -0.65, -0.60, 0.13, -0.55, -0.69, -0.01, -0.41, -0.71, -0.14,
    -0.25, -0.69, -0.23, -0.11, -0.63, -0.31, 0.11, -0.63, -0.31, 0.25, -0.69, -0.23,
    0.41, -0.71, -0.14, 0.55, -0.69, -0.01, 0.65, -0.60, 0.13, 0.00, -0.45, -0.31,
    0.00, -0.32, -0.40, 0.00, -0.18, -0.49, 0.00, -0.05, -0.59, -0.17, 0.07, -0.30,
    -0.09, 0.09, -0.35, 0.00, 0.11, -0.37, 0.09, 0.09, -0.35, 0.17, 0.07, -0.30,
    -0.50, -0.44, 0.03, -0.41, -0.49, -0.04, -0.30, -0.49, -0.06, -0.21, -0.42, -0.06,
    -0.31, -0.40, -0.05, -0.42, -0.40, -0.02, 0.21, -0.42, -0.06, 0.30, -0.49, -0.06,
    0.41, -0.49, -0.04, 0.50, -0.44, 0.03, 0.42, -0.40, -0.02, 0.31, -0.40, -0.05,
    -0.30, 0.36, 0.00, -0.19, 0.30, -0.19, -0.08, 0.26, -0.30, 0.00, 0.28, -0.32,
    0.08, 0.26, -0.30, 0.19, 0.30, -0.19, 0.30, 0.36, 0.00, 0.19, 0.45, -0.12,
    0.09, 0.50, -0.20, 0.00, 0.50, -0.22, -0.09, 0.50, -0.20, -0.19, 0.45, -0.12,
    -0.25, 0.36, -0.03, -0.08, 0.34, -0.27, 0.00, 0.35, -0.29, 0.08, 0.34, -0.27,
    0.25, 0.36, -0.03, 0.08, 0.38, -0.23, 0.00, 0.39, -0.25, -0.08, 0.38, -0.23,
]).reshape(68, 3)  # fmt: skip
"""x to the viewer's right, y down, z away from the viewer; 1 is the distance of the outer eye
corners; iBUG order; mean 0."""


class Pose(NamedTuple):
    """Turn of a head in degrees; all 0 for a face that looks at the viewer.

    Attributes:
      yaw: > 0 when the nose points to the viewer's right, in (-180, 180].
      pitch: > 0 when the face looks up, in [-90, 90].
      roll: > 0 when the head is tilted clockwise as the viewer sees it, in (-180, 180].
    """

    yaw: float
    pitch: float
    roll: float


def pose(face: Face) -> Pose:
    """Pose of a face whose outline is known.

    Raises:
      ValueError: the face has no outline; call `landmarks` first.
    """
    if face.outline is None:
        raise ValueError("expected a face with an outline, got None. Call detect.landmarks first.")
    return pose_of(face.outline)


def pose_of(outline: NDArray[np.float32]) -> Pose:
    """Pose of 68 points (68, 2); a shape without extent counts as frontal."""
    points = outline.astype(np.float64)
    points -= points.mean(axis=0)
    affine = np.linalg.lstsq(MEAN_FACE, points, rcond=None)[0].T
    if np.linalg.norm(affine) < 1e-6:
        return Pose(0.0, 0.0, 0.0)
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    across, down = left @ right
    away = np.cross(across, down)
    # Rotation = tilt in the picture, after nod, after turn: the angles are the head's own.
    yaw = np.arctan2(away[0], away[2])
    pitch = -np.arcsin(np.clip(away[1], -1, 1))
    roll = np.arctan2(-across[1], down[1])
    return Pose(*(float(np.degrees(angle)) for angle in (yaw, pitch, roll)))
