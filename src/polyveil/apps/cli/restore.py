# SPDX-License-Identifier: Apache-2.0
"""polyveil restore"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit


def restore(
    safe: Annotated[Path, typer.Argument(help="Output folder of desensitize.", show_default=False)],
    vault: Annotated[Path, typer.Option(help="The vault of that job.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File for the restored rows.", show_default=False)],
    passphrase_from: options.Passphrase = None,
    json: options.Json = False,
) -> None:
    """Turn the text of a safe copy back, with the vault. Pictures stay as they are."""
    import polyveil

    word = options.passphrase(passphrase_from, confirm=False)
    report = polyveil.restore(safe, vault=vault, passphrase=word, out=out)
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
