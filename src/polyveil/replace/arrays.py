# SPDX-License-Identifier: Apache-2.0
"""The number type of pictures at work, and one cast to it; OpenCV's stubs say too little."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def f32(values: Any) -> Array:
    """`values` as float32; no copy where they are already."""
    return np.asarray(values, np.float32)
