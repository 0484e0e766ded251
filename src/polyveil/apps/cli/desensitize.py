# SPDX-License-Identifier: Apache-2.0
"""polyveil desensitize"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress
from polyveil.tasks.pool import warm_up


def desensitize(
    source: options.Source,
    out: Annotated[Path, typer.Option(help="New folder for the safe copy.", show_default=False)],
    faces: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Stand-ins for faces: model, or blur, pixelate (both weak), solid, or a plugin's.",
        ),
    ] = "model",
    key: options.Key = None,
    one_way: Annotated[
        bool, typer.Option("--one-way", help="Use a key that is forgotten when the job is done.")
    ] = False,
    vault: Annotated[
        Path | None,
        typer.Option(
            help="Keep the identity map in this encrypted file, outside OUT, for `restore`.",
            show_default=False,
        ),
    ] = None,
    passphrase_from: options.Passphrase = None,
    keep_sex: Annotated[bool, typer.Option(help="A persona keeps the person's sex.")] = True,
    keep_age: Annotated[bool, typer.Option(help="A persona keeps the age band.")] = True,
    attempts: Annotated[int, typer.Option(min=1, help="Tries before a record is refused.")] = 3,
    lambda_image: Annotated[float, typer.Option(min=0, help="Weight of the picture term.")] = 1.0,
    lambda_text: Annotated[float, typer.Option(min=0, help="Weight of the text term.")] = 1.0,
    lambda_alignment: Annotated[
        float, typer.Option(min=0, help="Weight of picture-text agreement.")
    ] = 1.0,
    measure: Annotated[
        bool, typer.Option("--measure", help="Attack the result and report what still leaks.")
    ] = False,
    pairs: Annotated[
        int,
        typer.Option(
            min=0,
            max=24,
            help="Show this many before/after pairs in report.html. They expose people.",
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Find and plan; write nothing.")
    ] = False,
    workers: options.Workers = None,
    json: options.Json = False,
) -> None:
    """Write a safe copy in which every person has one stand-in, and a report.

    Finds people in pictures and text jointly, replaces them, searches the result again and refuses
    what is not clean. A killed job goes on with the same command; a finished one is a no-op.
    """
    if workers != 1:
        warm_up()  # loads in the background what workers need, while this process loads its own
    import polyveil

    word = options.passphrase(passphrase_from, confirm=not vault.exists()) if vault else None
    settings = polyveil.Settings(
        faces=faces,
        keep_sex=keep_sex,
        keep_age=keep_age,
        attempts=attempts,
        weights=polyveil.Weights(lambda_image, lambda_text, lambda_alignment),
    )
    with progress(quiet=json) as listen:
        report = polyveil.desensitize(
            source,
            out,
            settings=settings,
            key=key,
            one_way=one_way,
            vault=vault,
            passphrase=word,
            measure=measure,
            pairs=pairs,
            dry_run=dry_run,
            workers=workers,
            on_event=listen,
        )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
