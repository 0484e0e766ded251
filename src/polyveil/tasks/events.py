# SPDX-License-Identifier: Apache-2.0
"""What a running task tells whoever listens. Progress hears events; it never drives the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins: "find", "replace", "measure"; `total` records, None when not countable."""

    stage: str
    total: int | None


@dataclass(frozen=True, slots=True)
class RecordDone:
    """One record left a stage; `refused` tells whether it was stopped there."""

    stage: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the user, without any secret."""

    text: str


Event: TypeAlias = StageStarted | RecordDone | Note
Listener: TypeAlias = Callable[[Event], None]


def silence(event: Event) -> None:
    """The listener that hears nothing."""
