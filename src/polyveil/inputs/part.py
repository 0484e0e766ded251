# SPDX-License-Identifier: Apache-2.0
"""A part of a recording, as shares of its length: (0, 0.5) is its first half.

Who has one recording of a person can so enrol the first half and try the second. Both halves share
the room, the device and the day, so what is measured on them flatters the recogniser.
"""

from __future__ import annotations

WHOLE = (0.0, 1.0)


def check(part: tuple[float, ...]) -> None:
    """Raises ValueError unless 0 <= start < end <= 1."""
    if len(part) != 2 or not 0.0 <= part[0] < part[1] <= 1.0:
        raise ValueError(f"expected part as (start, end) with 0 <= start < end <= 1, got {part}.")


def cut(length: int, part: tuple[float, ...]) -> slice:
    """The samples or rows of a part; parts that touch share none."""
    return slice(round(part[0] * length), round(part[1] * length))
