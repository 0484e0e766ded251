# SPDX-License-Identifier: Apache-2.0
"""polyveil reproduce"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress

EPILOG = """Systems, and the data that they are reproduced on:

\b
  pamrl    private alternating multimodal learning with hybrid-uncertainty fusion
           CREMA-D (AudioWAV/, frames/), MVSA (data/, labelResultAll.txt), EMO-DB (wav/),
           AV-MNIST, tweets

A full table is minutes to hours of training. It can be stopped at any time; the same command goes
on with the next cell, and --seeds may grow."""


def reproduce(
    system: Annotated[str, typer.Argument(help="pamrl", show_default=False)],
    data: Annotated[
        Path,
        typer.Option(help="The data set, as its makers distribute it.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for table.html, .md, .json and cells.jsonl.")
    ] = Path("reproduced"),
    seeds: Annotated[int, typer.Option(min=1, help="How many of each cell.")] = 5,
    epsilon: Annotated[
        list[float] | None,
        typer.Option(help="A budget beside none; repeat it. Default: 1, 2, 4, 8."),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A row of the table; repeat it. Default: all.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the data, count the cells; train nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make a paper's table again, on your own copy of its data.

    Trains every method with and without privacy, measures each on records that neither trained nor
    chose anything, and writes means and spreads over seeds beside what the paper printed.
    """
    import polyveil

    with progress(quiet=json) as listen:
        table = polyveil.reproduce(
            system,
            data,
            out,
            seeds=seeds,
            epsilons=epsilon or None,
            methods=method or None,
            dry_run=dry_run,
            on_event=listen,
        )
    emit(table, as_json=json)
    if not (json or dry_run):
        typer.echo(f"\nOpen {out / 'table.html'}.")
    raise typer.Exit(table.exit_code)
