# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses to JSON values and back, led by their type hints.

Unknown keys are ignored and absent ones take their default, so that a report of an older minor
version still opens. Bytes travel as base64. Nothing is ever executed on the way in.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from polyveil.errors import UsageError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """JSON values: objects, lists, strings, numbers, booleans, null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (part.name for part in dataclasses.fields(value))
        return {name: encode(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): encode(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [encode(child) for child in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    # A count or a comparison that came out of numpy is a number or a boolean all the same.
    return value.item() if isinstance(value, np.generic) else value


def decode(kind: type[T], value: Any, where: str = "report") -> T:
    """The value of a dataclass `kind` from JSON values.

    Raises:
      UsageError: naming the field, what came and what was expected.
    """
    return cast(T, _decode(kind, value, where))


def _decode(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, value, where)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(hint, value, where)
    if origin is Literal:
        return _checked(value in get_args(hint), value, where, f"one of {get_args(hint)}")
    if origin is tuple:
        _checked(isinstance(value, list), value, where, "a list")
        item = get_args(hint)[0]
        return tuple(_decode(item, child, f"{where}[{i}]") for i, child in enumerate(value))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        _checked(isinstance(value, dict), value, where, "an object")
        item = get_args(hint)[1]
        return {key: _decode(item, child, f"{where}.{key}") for key, child in value.items()}
    return _plain(hint, value, where)


def _dataclass(kind: type[Any], value: Any, where: str) -> Any:
    _checked(isinstance(value, dict), value, where, "an object")
    hints = get_type_hints(kind)
    given = {
        part.name: _decode(hints[part.name], value[part.name], f"{where}.{part.name}")
        for part in dataclasses.fields(kind)
        if part.name in value
    }
    try:
        return kind(**given)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"{where}: {problem}") from problem


def _union(hint: Any, value: Any, where: str) -> Any:
    options = get_args(hint)
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, value, where)
        except UsageError:
            continue
    raise UsageError(f"{where}: expected {hint}, got {type(value).__name__}.")


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is bytes:
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error) as problem:
            raise UsageError(f"{where}: expected base64.") from problem
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_checked(number, value, where, "a number"))
    right = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    return _checked(right, value, where, hint.__name__)


def _checked(right: bool, value: Any, where: str, expected: str) -> Any:
    if not right:
        raise UsageError(f"{where}: expected {expected}, got {type(value).__name__}.")
    return value
