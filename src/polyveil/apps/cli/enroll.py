# SPDX-License-Identifier: Apache-2.0
"""polyveil enroll"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options, recognition_options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress

_FILES = "--person alone; may be given several times."


def enroll(
    recogniser: recognition_options.Recogniser,
    gallery: recognition_options.GalleryPlace,
    people: Annotated[
        Path | None,
        typer.Argument(help="Data set whose records say `person`.", show_default=False),
    ] = None,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="One person instead.", show_default=False)
    ] = None,
    face: Annotated[
        list[Path] | None,
        typer.Option(help=f"Picture, or .npy embedding; with {_FILES}", show_default=False),
    ] = None,
    voice: Annotated[
        list[Path] | None,
        typer.Option(help=f"Recording, or .npy embedding; with {_FILES}", show_default=False),
    ] = None,
    behaviour: Annotated[
        list[Path] | None,
        typer.Option(
            help=f"Trace of behaviour, or .npy embedding; with {_FILES}", show_default=False
        ),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Revoke templates that are there and make new ones.")
    ] = False,
    key: recognition_options.Key = None,
    vault: recognition_options.Vault = None,
    passphrase_from: options.Passphrase = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be enrolled; write nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Put people into a gallery as keyed templates that can be revoked.

    The gallery keeps no name, no embedding and no key. A person is enrolled whole or not at all;
    after a kill the same command goes on and skips who is there. Exit code 3 when records could
    not be used.
    """
    import polyveil

    where = recognition_options.held(key, vault, passphrase_from)
    with progress(quiet=json) as listen:
        report = polyveil.enroll(
            people,
            person=person,
            face=face or (),
            voice=voice or (),
            behaviour=behaviour or (),
            recogniser=recogniser,
            gallery=gallery,
            renew=renew,
            dry_run=dry_run,
            on_event=listen,
            **where,
        )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
