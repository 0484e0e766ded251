# SPDX-License-Identifier: Apache-2.0
"""Face replacers by name: `model`, `blur`, `pixelate`, `solid`, and whatever plugins add."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from polyveil.errors import UsageError
from polyveil.replace import weak
from polyveil.replace.face import ModelReplacer
from polyveil.replace.replacement import FaceReplacer

GROUP = "polyveil.face_replacers"
DEFAULT = "model"
BUILT_IN: dict[str, Callable[[], FaceReplacer]] = {
    "model": ModelReplacer,
    "blur": weak.blurring,
    "pixelate": weak.pixelating,
    "solid": weak.boxing,
}


def names() -> tuple[str, ...]:
    """Every known name, ours first."""
    added = sorted(point.name for point in entry_points(group=GROUP))
    return (*BUILT_IN, *(name for name in added if name not in BUILT_IN))


def face_replacer(name: str = DEFAULT) -> FaceReplacer:
    """A face replacer by its name.

    Raises:
      UsageError: the name is unknown, or the plugin does not return a FaceReplacer.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]()
    for point in entry_points(group=GROUP):
        if point.name == name:
            made = point.load()()
            if not isinstance(made, FaceReplacer):
                raise UsageError(
                    f"face replacer {name!r}: {point.value} returned a {type(made).__name__}, "
                    "expected name, weak, warning and replace(pixels, face, persona)."
                )
            return made
    raise UsageError(f"face replacer {name!r} is unknown; expected one of {', '.join(names())}.")
