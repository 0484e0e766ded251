# SPDX-License-Identifier: Apache-2.0
"""What attackers see of a release of people made of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made_people import (
    DIMENSIONS,
    FAMILY,
    GIVEN,
    Release,
    copied,
    dealt,
    drawn,
    face,
    look,
    rotated,
    unit,
)

from polyveil.attack.people.observation import Observations, Observed, Sight, Words


@pytest.fixture
def observed() -> Callable[..., Observations]:
    """observed(release, people, each) -> what attackers on such a release see."""

    def make(
        release: Release = drawn,
        people: int = 60,
        each: int = 3,
        *,
        labelled: bool = True,
        spread: float = 0.6,
        texts: Callable[[int, str], tuple[str, str]] | None = None,
        seed: int = 3,
    ) -> Observations:
        draw = np.random.default_rng(seed)
        who = np.repeat(np.arange(people), each)
        identities = unit(draw.normal(size=(people, DIMENSIONS)))
        noise = unit(draw.normal(size=(len(who), DIMENSIONS)))
        original = unit(identities[who] + spread * noise)
        control = unit(original + 0.02 * draw.normal(size=original.shape))
        released = release(original, who, draw)
        unchanged = (original * released).sum(axis=1)
        records = []
        for at, person in enumerate(who):
            name = f"{GIVEN[person % len(GIVEN)]} {FAMILY[person % len(FAMILY)]}"
            before, after = texts(int(person), name) if texts else ("", "")
            rows = np.stack([original[at], control[at], released[at]]).astype(np.float16)
            token = f"person {person}" if labelled else f"record {at}"
            background = look(draw)
            records.append(
                Observed(
                    at, token, name if labelled else None,
                    (Sight(token, face("man" if person % 2 else "woman"), (rows,),
                           float(unchanged[at]), bytes([at % 256, at // 256])),),
                    Words(before, (name,) if name in before else ()), Words(after),
                    (background, background), f"{at:024x}.jpg", None,
                )
            )  # fmt: skip
        return Observations(tuple(records), ("numbers",), (), len(records), {"row order": at + 1})

    return make


@pytest.fixture
def releases() -> dict[str, Any]:
    """Tools by what they do."""
    return {"copied": copied, "rotated": rotated, "drawn": drawn, "dealt": dealt}
