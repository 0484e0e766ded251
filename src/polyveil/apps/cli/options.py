# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share, said once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from polyveil.errors import UsageError

Source = Annotated[
    Path,
    typer.Argument(
        help="Folder with metadata.jsonl, folder of pictures, or a Parquet file.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes. Default: one a core.", show_default=False)
]
Key = Annotated[
    Path | None,
    typer.Option(
        help="Project key: equal keys give a person the same stand-in in every job. "
        "Default: a key of your own, made on first use.",
        show_default=False,
    ),
]
Passphrase = Annotated[
    str | None,
    typer.Option(
        help="Environment variable that holds the passphrase of the vault. Default: ask.",
        metavar="VARIABLE",
        show_default=False,
    ),
]


def passphrase(variable: str | None, *, confirm: bool) -> str:
    """The passphrase from the named variable or from the terminal; never from the command line."""
    if variable is None:
        asked: str = typer.prompt(
            "Passphrase of the vault", hide_input=True, confirmation_prompt=confirm
        )
        return asked
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"--passphrase-from {variable}: that variable is empty or not set.")
    return value
