# SPDX-License-Identifier: Apache-2.0
"""A differential-privacy promise as a value: how strong, for whom, about what, and what it omits.

An epsilon alone says nothing: it holds for one unit of data (a record, a person), for one notion of
neighbouring data sets, and for the outputs it was proven for. A value that carries all of these can
be shown, stored and charged to a budget without anyone guessing the rest.

Source: Dwork & Roth 2014, Definition 2.4; NIST SP 800-226 (what a claim has to state).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from polyveil import _validate
from polyveil.errors import UsageError

ADD_OR_REMOVE: Final = "add or remove one"
REPLACE: Final = "replace one"
ZERO_OUT: Final = "blank out one"

_CHANGES: Final = {
    ADD_OR_REMOVE: "added or removed",
    REPLACE: "replaced by any other",
    ZERO_OUT: "blanked out or filled in",
}


@dataclass(frozen=True, slots=True)
class Guarantee:
    """(epsilon, delta)-differential privacy, proven, for everything that `covers` lists.

    For all data sets D, D' that are neighbours and every set A of outputs:
    P[M(D) in A] <= e^epsilon P[M(D') in A] + delta.

    Attributes:
      epsilon: bound on the privacy loss, in nats, >= 0.
      delta: probability left over, in [0, 1).
      unit: what one neighbour is about, e.g. "record", "person".
      neighbours: how two data sets differ by one unit: `ADD_OR_REMOVE`, `REPLACE` or `ZERO_OUT`.
      covers: outputs that the proof is about, e.g. "the weights after the last step".
      not_covered: outputs that it is not about, e.g. "training losses that were logged".
    """

    epsilon: float
    delta: float
    unit: str = "record"
    neighbours: str = ADD_OR_REMOVE
    covers: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _validate.not_negative(epsilon=self.epsilon)
        if not 0 <= self.delta < 1:
            raise ValueError(f"expected 0 <= delta < 1, got {self.delta}.")
        if not self.unit.strip():
            raise ValueError("expected a unit such as 'record' or 'person', got an empty text.")
        if self.neighbours not in _CHANGES:
            raise ValueError(
                f"expected neighbours to be one of {tuple(_CHANGES)}, got {self.neighbours!r}."
            )

    @property
    def sentence(self) -> str:
        """The promise in plain words, with what it covers and what it does not."""
        said = [
            f"Differential privacy with ε = {self.epsilon:.4g}, δ = {self.delta:.4g}: let "
            f"{self.one_unit} be {_CHANGES[self.neighbours]}, and the probability of any outcome "
            f"grows {self._factor}{self._slack}."
        ]
        if self.covers:
            said.append(f"This covers {_listed(self.covers)}.")
        if self.not_covered:
            said.append(f"It does not cover {_listed(self.not_covered)}.")
        return " ".join(said)

    @property
    def one_unit(self) -> str:
        """ "one record", "one person"."""
        return self.unit if self.unit.startswith("one ") else f"one {self.unit}"

    def to_json(self) -> dict[str, Any]:
        """JSON values; `from_json` gives an equal guarantee."""
        return {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "unit": self.unit,
            "neighbours": self.neighbours,
            "covers": list(self.covers),
            "not_covered": list(self.not_covered),
        }

    @classmethod
    def from_json(cls, values: Any) -> Guarantee:
        """The guarantee that `to_json` wrote.

        Raises:
          UsageError: a field is missing, of another type, or out of range.
        """
        if not isinstance(values, Mapping):
            raise UsageError(f"guarantee: expected an object, got {type(values).__name__}.")
        try:
            return cls(
                epsilon=_number(values, "epsilon"),
                delta=_number(values, "delta"),
                unit=_text(values.get("unit", "record"), "unit"),
                neighbours=_text(values.get("neighbours", ADD_OR_REMOVE), "neighbours"),
                covers=_texts(values, "covers"),
                not_covered=_texts(values, "not_covered"),
            )
        except ValueError as problem:
            raise UsageError(f"guarantee: {problem}") from problem

    @property
    def _factor(self) -> str:
        if self.epsilon > 12:
            return "by a factor that is bounded but so large that it promises little"
        return f"at most {math.exp(self.epsilon):.4g}-fold"

    @property
    def _slack(self) -> str:
        return f", plus {self.delta:.4g}" if self.delta else ""


def _listed(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected {name} to be a number, got {type(value).__name__}.")
    return float(value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected {name} to be a text, got {type(value).__name__}.")
    return value


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    parts = values.get(name, ())
    if not isinstance(parts, list | tuple):
        raise ValueError(f"expected {name} to be a list of texts, got {type(parts).__name__}.")
    return tuple(_text(part, name) for part in parts)
