# SPDX-License-Identifier: Apache-2.0
"""polyveil calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options, recognition_options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress

EPILOG = """What makes the embeddings:

\b
  RUN                a folder of `polyveil train`
  FILE.onnx          a face network of ArcFace's layout: 3 x 112 x 112 RGB to a vector
  embeddings[:NAME]  columns embedding_<modality>: numbers, FILE.npy or FILE.npy#ROW;
                     NAME says what made them, so that others are refused later

Whoever the encoder was trained on is neither development nor evaluation. Best are a few hundred
people, several records each, with a column `session`."""


def calibrate(
    people: Annotated[
        Path,
        typer.Argument(
            help="Data set whose records say `person` and, best, `session`.", show_default=False
        ),
    ],
    encoder: Annotated[
        str,
        typer.Option(
            metavar="RUN|FILE.onnx|embeddings",
            help="What makes the embeddings.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the recogniser.", show_default=False)],
    far: Annotated[float, typer.Option(help="Strangers accepted, at most.")] = 0.01,
    seed: Annotated[
        int, typer.Option(min=0, help="Of who sets thresholds and who judges them.")
    ] = 0,
    key: recognition_options.Key = None,
    vault: recognition_options.Vault = None,
    passphrase_from: options.Passphrase = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and report; write nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Choose thresholds on some people, judge them on others, and write a recogniser.

    The recogniser is one folder: encoder, thresholds, what was measured, and a page that opens
    offline. It holds no name; the few embeddings that it needs are encrypted under the project
    key, which seals everything: an edited threshold is refused.
    """
    import polyveil

    where = recognition_options.held(key, vault, passphrase_from, create=True)
    with progress(quiet=json) as listen:
        report = polyveil.calibrate(
            people,
            encoder=encoder,
            out=out,
            far=far,
            seed=seed,
            dry_run=dry_run,
            on_event=listen,
            **where,
        )
    emit(report, as_json=json)
    if not (json or dry_run):
        typer.echo(f"\nOpen {out / 'calibration.html'}.")
    raise typer.Exit(report.exit_code)
