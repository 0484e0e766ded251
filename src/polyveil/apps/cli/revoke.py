# SPDX-License-Identifier: Apache-2.0
"""polyveil revoke"""

from __future__ import annotations

from typing import Annotated

import typer

from polyveil.apps.cli import options, recognition_options
from polyveil.apps.cli.output import emit


def revoke(
    name: Annotated[str, typer.Argument(help="Of the person, as enrolled.", show_default=False)],
    gallery: recognition_options.GalleryPlace,
    modality: Annotated[
        str | None,
        typer.Option(help="Of this one alone, e.g. face. Default: all.", show_default=False),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete every row of the person, revoked ones too.")
    ] = False,
    key: recognition_options.Key = None,
    vault: recognition_options.Vault = None,
    passphrase_from: options.Passphrase = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased; change nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Erase a person's templates; `enroll` makes new, unrelated ones from fresh records.

    Without --forget it stays on record that something was revoked, and when. Exit code 1 when
    nothing was there under this name.
    """
    import polyveil

    report = polyveil.revoke(
        name,
        gallery=gallery,
        modality=modality,
        forget=forget,
        dry_run=dry_run,
        **recognition_options.held(key, vault, passphrase_from),
    )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
