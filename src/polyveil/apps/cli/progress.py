# SPDX-License-Identifier: Apache-2.0
"""Progress with ETA on stderr, when a person is watching; silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from polyveil.tasks.events import Event, Listener, Note, RecordDone, StageStarted, silence

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def progress(*, quiet: bool = False, note: str = "refused") -> Iterator[Listener]:
    """Yields a listener that draws one bar a stage; `note` says what became of the rest."""
    if quiet or not sys.stderr.isatty():
        yield silence
        return
    with bars(note="told", style="yellow") as drawn:
        stages: dict[str, TaskID] = {}
        refused: dict[str, int] = {}

        def listen(event: Event) -> None:
            if isinstance(event, StageStarted):
                task = drawn.add_task(event.stage, total=event.total, told="")
                stages[event.stage], refused[event.stage] = task, 0
            elif isinstance(event, RecordDone):
                refused[event.stage] += event.refused
                told = f"{refused[event.stage]} {note}" if refused[event.stage] else ""
                drawn.update(stages[event.stage], advance=1, told=told)
            elif isinstance(event, Note):
                drawn.console.print(event.text, highlight=False)

        yield listen


@contextmanager
def bars(*, note: str, style: str) -> Iterator[Progress]:
    """Progress bars on stderr: description, bar, count, the field `note`, time taken and left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[" + note + "]}", style=style),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as drawn:
        yield drawn
