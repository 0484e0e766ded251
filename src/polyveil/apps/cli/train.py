# SPDX-License-Identifier: Apache-2.0
"""polyveil train"""

from __future__ import annotations

import json as jsons
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import bars

if TYPE_CHECKING:
    from rich.progress import TaskID

    from polyveil.learn.progress import Listener, Progress

EPILOG = """A plan is a small TOML file. The shortest one:

\b
  [data]
  path = "pictures"        # metadata.jsonl, one folder a class, Parquet or .npz
  [privacy]
  epsilon = 3.0

\b
[data]      path (or --data), label, validation (share or path), public_validation,
            size, classes, inputs (modalities), people (share that a recogniser is
            trained on), layout (CREMA-D, MVSA, tweets, EMO-DB, AV-MNIST)
[model]     name (scatter-linear, cnn, hierarchical-vit, recogniser, multimodal, ...) and
            its options; two [[model]] are fused
[fusion]    method: variance, inverse error, mean
[privacy]   epsilon, delta, clipping, thresholds, quantile, mode
[training]  epochs, batch_size, physical_batch, learning_rate, optimizer, momentum,
            seed, augment, flip, averaging"""

_READING = "reading"


def train(
    plan: Annotated[Path, typer.Argument(help="The plan, a TOML file.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="Folder for weights, model card, curves and result.")
    ] = Path("run"),
    data: Annotated[
        Path | None,
        typer.Option(help="The records, in place of [data] path.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read, check and say the cost; train and charge nothing."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Train a classifier or a recogniser within a privacy budget and charge the ledger.

    Reads labelled records, refuses bad ones one by one, sets the budget aside, trains, and
    writes weights with a model card that states the guarantee. A killed run goes on with the same
    command for the same charge; a finished one is a no-op. With --json, progress is one JSON
    object a line on stderr.
    """
    import polyveil

    with _progress(as_json=json) as listen:
        report = polyveil.train(plan, out, data=data, dry_run=dry_run, on_progress=listen)
    emit(report, as_json=json)
    if not (json or report.dry_run):
        typer.echo(f"\nOpen {out / 'model_card.md'}; the curves are in {out / 'curves.png'}.")
    raise typer.Exit(report.exit_code)


@contextmanager
def _progress(*, as_json: bool) -> Iterator[Listener | None]:
    """A listener that draws a bar with ETA and what was spent, or writes JSON lines."""
    if as_json:
        yield _as_line
    elif sys.stderr.isatty():
        with _bar() as listen:
            yield listen
    else:
        yield None


def _as_line(event: Progress) -> None:
    from dataclasses import asdict

    line: dict[str, Any] = {"event": type(event).__name__.lower(), **asdict(event)}
    typer.echo(jsons.dumps(line, ensure_ascii=False), err=True)


@contextmanager
def _bar() -> Iterator[Listener]:
    from polyveil.learn.progress import Read, Said, Stepped, Told

    with bars(note="figures", style="green") as drawn:
        tasks: dict[str, TaskID] = {}

        def listen(event: object) -> None:
            if isinstance(event, Said):
                drawn.console.print(event.text, highlight=False)
            elif isinstance(event, Read):
                if _READING not in tasks:
                    tasks[_READING] = drawn.add_task(_READING, total=event.of, figures="")
                drawn.update(tasks[_READING], completed=event.records)
            elif isinstance(event, Stepped):
                if event.model not in tasks:
                    tasks[event.model] = drawn.add_task(event.model, total=event.steps, figures="")
                drawn.update(tasks[event.model], completed=event.step)
            elif isinstance(event, Told) and event.model in tasks:
                drawn.update(tasks[event.model], figures=figures(event))

        yield listen


def figures(told: Any) -> str:
    """What a measurement says, in a few characters."""
    measured = told.measured
    spent = "" if measured.epsilon is None else f"ε {measured.epsilon:.2f}"
    right = "" if measured.top1 is None else f"{measured.top1:.1%} right"
    return "  ".join(filter(None, (spent, right)))
