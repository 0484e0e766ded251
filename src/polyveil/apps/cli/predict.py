# SPDX-License-Identifier: Apache-2.0
"""polyveil predict"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress


def predict(
    run: Annotated[Path, typer.Argument(help="Result folder of 'polyveil train'.")],
    data: Annotated[Path, typer.Argument(help="Records to ask about.")],
    out: Annotated[Path, typer.Option(help="File of the answers, one JSON line a record.")] = Path(
        "answers.jsonl"
    ),
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Labelled records that the run was not trained on: how its modalities are weighed "
            "is chosen on them.",
            show_default=False,
        ),
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            help="hybrid, entropy, kl, mean or learned; needs --validation. Default: hybrid there, "
            "else the network's own way.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[str, typer.Option(help="Column of the class, where there is one.")] = "label",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open the run, count the records; write nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Ask a trained classifier about records, and weigh its modalities by how uncertain each is.

    Writes each record's class, how sure that is, and what every modality said. Records may lack
    modalities. Where records say their class, the answers are measured as well.
    """
    import polyveil

    with progress(quiet=json) as listen:
        report = polyveil.predict(
            run,
            data,
            out,
            validation=validation,
            fusion=fusion,
            label=label,
            dry_run=dry_run,
            on_event=listen,
        )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
