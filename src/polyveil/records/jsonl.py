# SPDX-License-Identifier: Apache-2.0
"""Lines of JSON that strangers wrote: each is one object of plain values, or one refusal.

Stricter than `json`: what two readers could understand differently (duplicate keys, NaN, numbers
beyond a float, lone surrogates) is refused rather than guessed, because what we do not see we
cannot take out. Lines are read in bounded pieces, so one endless line costs no memory.

| Line                                      | Outcome                                       |
|-------------------------------------------|-----------------------------------------------|
| empty or blank                            | skipped; still counted in line numbers        |
| not UTF-8, not JSON, not an object        | UnreadableRecord                              |
| a key twice, NaN, Infinity, 1e999         | UnreadableRecord                              |
| deeper than 32 levels, longer than 1 MiB  | UnreadableRecord                              |
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from polyveil.errors import UnreadableRecord

MAX_LINE = 1 << 20
MAX_DEPTH = 32
_BOM = b"\xef\xbb\xbf"


def lines(file: BinaryIO, *, max_line: int = MAX_LINE) -> Iterator[tuple[int, bytes | None]]:
    """(line number from 1, its bytes) of every line that is not blank; None for one too long."""
    number = 0
    while line := file.readline(max_line + 2):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line.rstrip(b"\r\n")) > max_line:
            while line and not line.endswith(b"\n"):
                line = file.readline(max_line)
            yield number, None
        elif line.strip():
            yield number, line


def parse(line: bytes | None) -> dict[str, Any]:
    """The object that a line holds.

    Raises:
      UnreadableRecord: saying what is wrong with the line, never what it says.
    """
    if line is None:
        raise UnreadableRecord(f"line: longer than {MAX_LINE} bytes; expected one short object.")
    row = value_of(line, "line", expected="one JSON object of plain values")
    if isinstance(row, dict):
        return row
    raise UnreadableRecord(
        f"line: a JSON {type(row).__name__}; expected one JSON object of plain values."
    )


def value_of(data: bytes, what: str, *, expected: str) -> Any:
    """The JSON value that bytes hold, as strict as the table above says.

    Args:
      data: the bytes.
      what, expected: words for messages.

    Raises:
      UnreadableRecord: saying what is wrong with the bytes, never what they say.
    """
    trouble = ""
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if plain(found):
            return found
        trouble = f"lone surrogates, or more than {MAX_DEPTH} levels"
    except UnicodeDecodeError:
        trouble = "bytes that are not UTF-8"
    except json.JSONDecodeError as error:
        trouble = f"broken JSON at column {error.colno}"
    except _AmbiguousError as error:
        trouble = str(error)
    except RecursionError:
        trouble = f"more than {MAX_DEPTH} levels"
    except ValueError:
        trouble = "a number that no float holds"
    raise UnreadableRecord(f"{what}: {trouble}; expected {expected}.")


def plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is JSON that can be written again: UTF-8 strings, not too deep."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return depth > 0 and all(plain(k) and plain(v, depth - 1) for k, v in value.items())
    if isinstance(value, list):
        return depth > 0 and all(plain(child, depth - 1) for child in value)
    return True


class _AmbiguousError(ValueError):
    """Valid for some readers of JSON, another thing for others."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _AmbiguousError("a key that comes twice")
    return row


def _no_constant(_: str) -> float:
    raise _AmbiguousError("NaN or Infinity")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _AmbiguousError("a number that no float holds")
    return value
