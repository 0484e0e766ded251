# SPDX-License-Identifier: Apache-2.0
"""What was found in a record, faces and mentions: detectors make them, replacers read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyveil.records.record import TextPath


class Kind(StrEnum):
    """What a mention is."""

    NAME = "name"
    PLACE = "place"
    ORGANISATION = "organisation"
    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    IP = "ip"
    MAC = "mac"
    URL = "url"
    HANDLE = "handle"
    COORDINATES = "coordinates"
    PLATE = "plate"
    DATE = "date"
    AGE = "age"
    ADDRESS = "address"
    EXPRESSION = "expression"
    """An identity expression: "a man in red clothes", "the goalkeeper on the left"."""


class Box(NamedTuple):
    """Axis-parallel rectangle in pixels of the upright picture; right and bottom exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return max(0.0, self.right - self.left)

    @property
    def height(self) -> float:
        return max(0.0, self.bottom - self.top)

    @property
    def area(self) -> float:
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union, in [0, 1]."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def intersection(self, other: Box) -> float:
        """Shared area in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture.

    Attributes:
      box: where, in pixels of the upright picture; may reach beyond its border.
      points: float32 (5, 2), x and y in pixels: the viewer's left eye, right eye, nose tip,
        left and right corner of the mouth.
      outline: float32 (68, 2), x and y in pixels, iBUG order; None before landmarks were found.
      score: detector's confidence in [0, 1].
      source: the detector.
      attributes: facet -> value -> probability, e.g. {"sex": {"man": .9, "woman": .1}}; empty when
        not estimated. Facets and values are those of `detect.facets`.
      embedding: float32 (d,), unit length, image side of the alignment space; None if not computed.
    """

    box: Box
    points: NDArray[np.float32] = field(repr=False)
    score: float
    source: str
    outline: NDArray[np.float32] | None = field(default=None, repr=False)
    attributes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    embedding: NDArray[np.float32] | None = field(default=None, repr=False)

    def likely(self, facet: str, *, above: float = 0.5) -> str | None:
        """The most probable value of a facet, if its probability is above the bar; else None."""
        values = self.attributes.get(facet)
        if not values:
            return None
        value = max(values, key=lambda name: values[name])
        return value if values[value] > above else None


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of text that may identify someone.

    Attributes:
      path: which string of the record's row.
      start, end: characters [start, end) of the string AS IT CAME, not of a normalised copy.
      kind: what it is.
      surface: the characters as they came. Secret.
      canonical: one spelling for one thing: lower-case e-mail, digits of a phone number in E.164,
        ISO date, case-folded and normalised name. Secret.
      score: confidence in [0, 1]; 1.0 where a checksum holds.
      source: the detector.
      facets: what an identity expression says, facet -> value, e.g. {"sex": "man",
        "beard": "beard", "clothes": "red", "position": "left", "count": "1"}; for a name,
        {"sex": ...} where the first name tells; for a national identifier {"scheme": "us_ssn"}.
    """

    path: TextPath
    start: int
    end: int
    kind: Kind
    surface: str = field(repr=False)
    canonical: str = field(repr=False)
    score: float
    source: str
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything found in one record. `picture_hash`: 64-bit perceptual hash; None: no picture."""

    record_id: str
    faces: tuple[Face, ...] = ()
    mentions: tuple[Mention, ...] = ()
    picture_hash: int | None = None
