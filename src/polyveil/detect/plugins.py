# SPDX-License-Identifier: Apache-2.0
"""What installed packages offer to an entry-point group, made and checked against its protocol."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from polyveil.errors import UsageError


def plugins(group: str, protocol: Any, *, members: str) -> tuple[Any, ...]:
    """Everything offered to a group, by name; each entry point is called without arguments.

    Args:
      group: of entry points, e.g. "polyveil.face_detectors".
      protocol: what each must be; runtime checkable.
      members: what the protocol asks for, in words, for the error.

    Raises:
      UsageError: an entry point makes something else.
    """
    found: list[Any] = []
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        made: Any = point.load()()
        if not isinstance(made, protocol):
            raise UsageError(
                f"entry point {point.name} of {group}: expected a {protocol.__name__} ({members}), "
                f"got {type(made).__name__}. Fix or uninstall the package that offers it."
            )
        found.append(made)
    return tuple(found)
