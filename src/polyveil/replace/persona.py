# SPDX-License-Identifier: Apache-2.0
"""A persona: the one stand-in that a person gets, in every modality and every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from polyveil.replace.names import UNSPACED


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
      script: the script its names are written in, a name of `names.BANKS`.
    """

    given: tuple[str, ...]
    family: tuple[str, ...]
    sex: Literal["man", "woman"] | None
    age: str | None
    face_seed: int
    date_shift_days: int
    token: str
    facets: Mapping[str, str] = field(default_factory=dict)
    script: str = "latin"

    @property
    def full_name(self) -> str:
        """The name that the registry keeps unique, in the order and spacing of its script."""
        return written(self.given, self.family, self.script)

    def to_json(self) -> dict[str, Any]:
        """JSON values, for a vault."""
        return asdict(self) | {"facets": dict(self.facets)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Persona:
        """The persona that `to_json` wrote."""
        return cls(
            **{
                **values,
                "given": tuple(values["given"]),
                "family": tuple(values["family"]),
                "facets": dict(values["facets"]),
            }
        )


def written(given: tuple[str, ...], family: tuple[str, ...], script: str) -> str:
    """A full name in the order and spacing of its script."""
    if script in UNSPACED:
        return "".join((*family, *given))
    return " ".join((*given, *family))
