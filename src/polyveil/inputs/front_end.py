# SPDX-License-Identifier: Apache-2.0
"""A front end: how one modality of a record becomes an array of fixed shape.

Only fixed constants and the record itself decide what comes out: nothing is fitted to anybody's
data, so a front end may be told to everyone, and what it makes of a record says nothing about
another record. It travels with a trained network as JSON, because a network that is fed by another
front end than it was trained with is silently wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyveil.errors import UsageError
from polyveil.inputs.behaviour import BehaviourReader
from polyveil.inputs.face import FaceReader
from polyveil.inputs.image import ImageReader
from polyveil.inputs.impression import ImpressionReader
from polyveil.inputs.look import LookReader
from polyveil.inputs.prosody import ProsodyReader
from polyveil.inputs.sentiment import SentimentReader
from polyveil.inputs.text import TextReader
from polyveil.inputs.timbre import TimbreReader
from polyveil.inputs.voice import VoiceReader
from polyveil.records.record import Record

SCHEMA = "polyveil.front_end/1"


class Reader(Protocol):
    """Reads one modality; a frozen dataclass whose fields are its options."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what `read` returns."""

    @property
    def spread(self) -> float:
        """What an autoencoder may miss, see `models.recognition.Modality`."""

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """The modality of a record, or None where it has none."""


KINDS: Mapping[str, type[Reader]] = {
    "face": FaceReader,
    "image": ImageReader,
    "voice": VoiceReader,
    "behaviour": BehaviourReader,
    "text": TextReader,
    "prosody": ProsodyReader,
    "timbre": TimbreReader,
    "look": LookReader,
    "impression": ImpressionReader,
    "sentiment": SentimentReader,
}
"""Kind of a front end -> its reader."""


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """How one modality is read; a public fact, hashable.

    Attributes:
      kind: a key of `KINDS`.
      reader: its options, and what reads by them.
    """

    kind: str
    reader: Reader

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width), (steps, features) or (features,) of what `read` returns."""
        return self.reader.shape

    @property
    def spread(self) -> float:
        """What an autoencoder may miss, in units of the input."""
        return self.reader.spread

    def read(self, record: Record) -> NDArray[np.float32] | None:
        """float32 of `shape`, finite; None where the record lacks this modality. Deterministic.

        Raises:
          UnreadableRecord: the modality is there and broken, or shows nobody: says why, without
            names and content.
        """
        return self.reader.read(record)

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes the same front end."""
        options: dict[str, Any] = {}
        for field in dataclasses.fields(self.reader):  # type: ignore[arg-type]
            value = getattr(self.reader, field.name)
            options[field.name] = list(value) if isinstance(value, tuple) else value
        return {"schema": SCHEMA, "kind": self.kind, "options": options}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> FrontEnd:
        """The front end that `to_json` described.

        Raises:
          UsageError: the value is none that `to_json` wrote, or of another schema.
        """
        if not isinstance(value, Mapping) or set(value) != {"schema", "kind", "options"}:
            raise UsageError("front end: expected an object of schema, kind and options.")
        if value["schema"] != SCHEMA or not isinstance(value["options"], Mapping):
            raise UsageError(f"front end: another schema than {SCHEMA}. Train again, or upgrade.")
        return front_end(value["kind"], **value["options"])


def front_end(kind: str, **options: Any) -> FrontEnd:
    """The front end of a kind.

    Args:
      kind: a key of `KINDS`.
      options: fields of the kind's reader: `FaceReader`, `ImageReader`, `VoiceReader`,
        `BehaviourReader`, `TextReader`, `SentimentReader`, `ProsodyReader`, `TimbreReader`.
        Lists stand for tuples.

    Raises:
      UsageError: no such kind or option, or a value that it does not take.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"front end: expected one of {', '.join(KINDS)} as its kind.")
    fields = {field.name: field for field in dataclasses.fields(KINDS[kind])}  # type: ignore[arg-type]
    for name, value in options.items():
        if name not in fields:
            raise UsageError(f"{kind}: no option {name!r}; expected {', '.join(fields)}.")
        options[name] = _typed(f"{kind}: {name}", value, fields[name].default)
    try:
        return FrontEnd(kind, KINDS[kind](**options))
    except ValueError as error:
        raise UsageError(f"{kind}: {error}") from error


def _typed(where: str, value: Any, default: Any) -> Any:
    """The value as the type of its default; numbers in tuples become floats."""
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(_is_number(one) for one in value):
            return tuple(float(one) for one in value)
    elif isinstance(default, float):
        if _is_number(value):
            return float(value)
    elif type(value) is type(default):
        return value
    raise UsageError(f"{where}: {value!r}; expected a {type(default).__name__}, as {default!r} is.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
