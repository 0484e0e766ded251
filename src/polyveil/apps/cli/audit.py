# SPDX-License-Identifier: Apache-2.0
"""polyveil audit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress

EPILOG = """What can be attacked, and what goes with it:

\b
  a result of train    RUN --plan PLAN.toml [--data RECORDS]
  released records     ORIGINALS --released COPY
  a released table     MEMBERS.csv --released MADE.csv [--control OTHERS.csv]
  a model of your own  FILE.py with a function audited() that gives an AuditedModel

Exit code 1 when a leak is demonstrated or a claim refuted. A report in which nothing was detected
speaks of the attacks that it lists, so strong, and of no others."""


def audit(
    target: Annotated[
        Path,
        typer.Argument(
            help="Result of train, folder of originals, table, or Python file.", show_default=False
        ),
    ],
    plan: Annotated[
        Path | None, typer.Option(help="The plan that trained the result.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="That run's records, in place of [data] path.", show_default=False),
    ] = None,
    released: Annotated[
        Path | None, typer.Option(help="What was made from the target.", show_default=False)
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            help="A table of the same population that nothing was made from.", show_default=False
        ),
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that an attacker wants to learn. Default: each in turn.",
            show_default=False,
        ),
    ] = None,
    recogniser: Annotated[
        Path | None,
        typer.Option(
            help="A stronger face recogniser for released records: ONNX, ArcFace's layout.",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="About how long all attacks together may take.")
    ] = 2.0,
    out: Annotated[Path, typer.Option(help="New folder for audit.html and audit.json.")] = Path(
        "audit"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be tried; attack and write nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Attack a model or released data and report what leaks beside what was claimed.

    Chooses the attacks that fit the target and the time, runs each with checks of its own health,
    judges them together, and writes one page that opens offline. A killed audit goes on with the
    same command; a finished one is a no-op.
    """
    import polyveil

    with progress(quiet=json, note="skipped") as listen:
        report = polyveil.audit(
            target,
            plan=plan,
            data=data,
            released=released,
            control=control,
            secret=secret,
            recogniser=recogniser,
            minutes=minutes,
            out=out,
            seed=seed,
            dry_run=dry_run,
            on_event=listen,
        )
    emit(report, as_json=json)
    if dry_run and not json:
        for step in report.skipped:
            typer.echo(f"{step.attack}: {step.reason}.")
    elif not json:
        typer.echo(f"\nOpen {out / 'audit.html'}.")
    raise typer.Exit(report.exit_code)
