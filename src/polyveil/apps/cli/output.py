# SPDX-License-Identifier: Apache-2.0
"""How a result leaves the command line: a summary for people, JSON for programs."""

from __future__ import annotations

import json
from typing import Any, Protocol

import typer


class Renderable(Protocol):
    """What every result value can do."""

    def summary(self) -> str:
        """A few lines of plain text."""

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON."""


def emit(result: Renderable, *, as_json: bool) -> None:
    """Prints the result to stdout."""
    if as_json:
        typer.echo(json.dumps(result.to_json(), ensure_ascii=False, indent=2))
    else:
        typer.echo(result.summary())
