# SPDX-License-Identifier: Apache-2.0
"""People made of numbers: identities as vectors, pictures as those vectors with noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from polyveil.attack.people.same_picture import SIDE, Look
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Box, Face

POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
DIMENSIONS = 48

Release = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
"""(original vectors (m, d), person of each, randomness) -> what is released."""


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def copied(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A tool that changes nothing."""
    return unit(rows + 0.02 * draw.normal(size=rows.shape))


def rotated(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A tool that hides everything from whoever has not learned it, and nothing from who has."""
    turn, _ = np.linalg.qr(draw.normal(size=(rows.shape[1],) * 2))
    return unit(rows @ turn)


def drawn(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A tool that keeps nothing: one stand-in a person, from nowhere."""
    stand_ins = draw.normal(size=(int(who.max()) + 1, rows.shape[1]))
    return unit(stand_ins[who] + 0.3 * draw.normal(size=rows.shape))


def dealt(rows: np.ndarray, who: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A tool that gives everybody the real face of somebody else."""
    other = (who + 1 + int(draw.integers(who.max()))) % (who.max() + 1)
    return np.stack([rows[np.flatnonzero(who == one)[0]] for one in other])


def face(sex: str = "man", age: str = "adult", **sure: str) -> Face:
    """A face that shows what is said, and nothing surely of the rest."""
    said = {"sex": sex, "age": age, **sure}
    attributes = {
        facet: {
            value: 0.9 if said.get(facet) == value
            else (0.1 if facet in said else 1.0) / len(values)
            for value in values
        }
        for facet, values in FACE_FACETS.items()
    }  # fmt: skip
    return Face(Box(20, 20, 80, 100), POINTS, 0.9, "test", attributes=attributes)


def look(draw: np.random.Generator) -> Look:
    grey = draw.normal(size=SIDE * SIDE)
    return Look((100, 100), unit(grey - grey.mean()))


_GIVEN = ("Da Ke Mo Ri Su Te Vo Zi", "ro lin mus tan ven za ko nel")
_FAMILY = ("Bra Clo Dru Fle Gri Hol Jas Kro", "ckov denz fert gann hulst mbek rdov")
GIVEN = [first + second for second in _GIVEN[1].split() for first in _GIVEN[0].split()][:61]
FAMILY = [first + second for second in _FAMILY[1].split() for first in _FAMILY[0].split()][:53]
"""As many as two primes: full names come again only after 3,233 people."""
