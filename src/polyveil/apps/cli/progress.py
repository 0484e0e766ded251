# SPDX-License-Identifier: Apache-2.0
"""Progress with ETA on stderr, when a person is watching; silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from polyveil.tasks.events import Event, Listener, Note, RecordDone, StageStarted, silence


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Listener]:
    """Yields a listener that draws one bar a stage."""
    if quiet or not sys.stderr.isatty():
        yield silence
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[refused]}", style="yellow"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        stages: dict[str, TaskID] = {}
        refused: dict[str, int] = {}

        def listen(event: Event) -> None:
            if isinstance(event, StageStarted):
                task = bars.add_task(event.stage, total=event.total, refused="")
                stages[event.stage], refused[event.stage] = task, 0
            elif isinstance(event, RecordDone):
                refused[event.stage] += event.refused
                told = f"{refused[event.stage]} refused" if refused[event.stage] else ""
                bars.update(stages[event.stage], advance=1, refused=told)
            elif isinstance(event, Note):
                bars.console.print(event.text)

        yield listen
