# SPDX-License-Identifier: Apache-2.0
"""Tables that a person writes, read strictly: unknown keys and wrong types are refused by name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from polyveil.errors import UsageError

_Kind = TypeVar("_Kind")


def as_table(where: str, value: Any) -> Mapping[str, Any]:
    """The value, if it is a table."""
    if not isinstance(value, Mapping):
        raise UsageError(f"[{where}]: a {type(value).__name__}; expected a table.")
    return value


def section(where: str, kind: type[_Kind], value: Any) -> _Kind:
    """The section, its keys known and its values of the annotated types."""
    table, expected = as_table(where, value), {one.name: str(one.type) for one in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for name, given in table.items():
        known_key(f"[{where}]", name, tuple(expected))
        values[name] = _typed(where, name, given, expected[name])
    if "path" in expected and "path" not in values:
        raise UsageError(
            f'[{where}] path: missing; expected e.g. path = "records.parquet", or --{where} PATH.'
        )
    return kind(**values)


def _typed(where: str, name: str, value: Any, annotation: str) -> Any:
    """The value, a whole number read as a float where one is expected."""
    allowed = {part.strip() for part in annotation.split("|")}
    found = type(value).__name__
    if found == "int" and "float" in allowed and "int" not in allowed:
        return float(value)
    if isinstance(value, Path) and "Path" in allowed:
        return value
    if isinstance(value, Mapping) and any(kind.startswith("Mapping") for kind in allowed):
        for key, inner in value.items():
            as_table(f"{where}.{name}.{key}", inner)
        return value
    if found in {part.partition("[")[0] for part in allowed}:
        return value
    words = {
        "int": "a whole number",
        "float": "a number",
        "str": "a text",
        "bool": "true or false",
        "Path": "a path",
    }
    kinds = [words.get(kind, "") for kind in sorted(allowed - {"None"})]
    raise off(where, name, value, " or ".join(filter(None, kinds)) or "a list of texts")


def known_key(where: str, name: str, allowed: tuple[str, ...]) -> None:
    """Refuses a key that is not allowed, naming the nearest one that is."""
    if name in allowed:
        return
    near = difflib.get_close_matches(name, allowed, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"{where}: unknown key {name}; {hint}Allowed: {', '.join(allowed)}.")


def one_of(where: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuses a text that is not allowed, naming the nearest one that is."""
    if value not in allowed:
        near = difflib.get_close_matches(value, allowed, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise off(where, name, value, " or ".join(f'"{one}"' for one in allowed) + hint)


def positive(where: str, **values: float) -> None:
    """Refuses what is not finite and > 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise off(where, name, value, "a number > 0")


def off(where: str, name: str, value: Any, expected: str) -> UsageError:
    """[where] name: what came; what was expected."""
    return UsageError(f"[{where}] {name}: {value!r}; expected {expected.rstrip('.')}.")
