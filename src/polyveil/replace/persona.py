# SPDX-License-Identifier: Apache-2.0
"""A persona: the one stand-in that a person gets, in every modality and every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Persona:
    """Who stands in for one person. Public: it appears in the output.

    Attributes:
      given: given names; family: family names; in the token shape of the most complete original.
      sex: "man", "woman", or None where nothing tells and "they" is used.
      age: age band, a value of the facet "age"; None where nothing tells.
      face_seed: 64 bits that choose the face of nobody.
      date_shift_days: added to every date that is about this person.
      facets: what the stand-in should look like (glasses, beard ...), as far as it is wished for.
      token: hex of the HMAC, 32 characters; made of the key, so it says nothing without it.
    """

    given: tuple[str, ...]
    family: tuple[str, ...]
    sex: Literal["man", "woman"] | None
    age: str | None
    face_seed: int
    date_shift_days: int
    token: str
    facets: Mapping[str, str] = field(default_factory=dict)
