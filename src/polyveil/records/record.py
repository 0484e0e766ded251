# SPDX-License-Identifier: Apache-2.0
"""A record: what belongs together about the same moment; and what became of it.

Where a record holds text, it is addressed by its path in the row: `("text",)`,
`("captions", 2)`, `("notes", "history")`. Every string of the row is text, so a caption in a
column that nobody thought of is searched and replaced like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

TextPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a data set, not yet decoded.

    Attributes:
      id: names the record to the user of this machine, e.g. "metadata.jsonl:17". Its position,
        never its content: it may be logged.
      row: everything the record says apart from what stands below, as JSON values. Secret.
      image: encoded picture, a file or its bytes; None when the record has none. Secret, name too.
      image_name: path of the picture relative to the data set, with "/"; None without one. Secret.
      person: the user's own label of who this is about; None when not given. Secret.
      voice: encoded sound of a voice, a file or its bytes; None when the record has none. Secret.
      behaviour: a trace of behaviour, a file, its bytes, or its rows; None without one. Secret.
    """

    id: str
    row: Mapping[str, Any] = field(repr=False)
    image: Path | bytes | None = field(default=None, repr=False)
    image_name: str | None = field(default=None, repr=False)
    person: str | None = field(default=None, repr=False)
    voice: Path | bytes | None = field(default=None, repr=False)
    behaviour: Path | bytes | list[Any] | None = field(default=None, repr=False)

    def texts(self) -> Iterator[tuple[TextPath, str]]:
        """Every non-empty string of the row with its path, depth first, in row order."""
        yield from _strings(self.row, ())

    def with_texts(self, rewrite: Callable[[TextPath, str], str]) -> dict[str, Any]:
        """The row with every non-empty string replaced by rewrite(path, string)."""
        result: dict[str, Any] = _mapped(self.row, (), rewrite)
        return result


def _strings(value: Any, path: TextPath) -> Iterator[tuple[TextPath, str]]:
    if isinstance(value, str):
        if value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _strings(child, (*path, key))
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield from _strings(child, (*path, index))


def _mapped(value: Any, path: TextPath, rewrite: Callable[[TextPath, str], str]) -> Any:
    if isinstance(value, str):
        return rewrite(path, value) if value else value
    if isinstance(value, Mapping):
        return {key: _mapped(child, (*path, key), rewrite) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(child, (*path, index), rewrite) for index, child in enumerate(value)]
    return value


@dataclass(frozen=True, slots=True)
class Desensitized:
    """A record that passed verification: the only thing that `export` takes.

    Attributes:
      id: the record's id.
      row: JSON values, safe to release; without `file_name`, which export decides.
      pixels: uint8 (height, width, 3) RGB or (height, width) grey; None without a picture.
      notes: plain sentences on what was done and what was left, without any secret.
    """

    id: str
    row: dict[str, Any]
    pixels: Any | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that does not leave the house.

    Attributes:
      id: the record's id.
      kind: name of the error class, e.g. "UnreadableRecord".
      reason: where, what came, what was expected; never the secret.
    """

    id: str
    kind: str
    reason: str
