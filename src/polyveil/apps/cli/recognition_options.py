# SPDX-License-Identifier: Apache-2.0
"""Options that the verbs of recognition share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypedDict

import typer

from polyveil.apps.cli import options

Recogniser = Annotated[
    Path, typer.Option(help="Folder that `polyveil calibrate` wrote.", show_default=False)
]
GalleryPlace = Annotated[
    str,
    typer.Option(
        "--gallery",
        metavar="PATH|URL",
        envvar="POLYVEIL_GALLERY",
        help="SQLite file or postgresql://...",
        show_default=False,
    ),
]
Face = Annotated[Path | None, typer.Option(help="Picture, or .npy embedding.", show_default=False)]
Voice = Annotated[
    Path | None, typer.Option(help="Recording, or .npy embedding.", show_default=False)
]
Behaviour = Annotated[
    Path | None, typer.Option(help="Trace of behaviour, or .npy embedding.", show_default=False)
]
Far = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Strangers accepted, at most. Default: as calibrated.",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        help="Project key: templates are made with it. Default: a key of your own, made on first "
        "use.",
        show_default=False,
    ),
]
Vault = Annotated[
    Path | None,
    typer.Option(
        help="Encrypted file that holds the project key, instead of --key.", show_default=False
    ),
]


class Held(TypedDict):
    """Where the project key is, as the tasks take it."""

    key: Path | None
    vault: Path | None
    passphrase: str | None


def held(
    key: Path | None, vault: Path | None, variable: str | None, *, create: bool = False
) -> Held:
    """The key's place, with the passphrase of the vault if there is one.

    Args:
      variable: environment variable of the passphrase; None to ask at the terminal.
      create: whether a vault that is not there will be made: its passphrase is asked for twice.
    """
    word = None
    if vault is not None:
        word = options.passphrase(variable, confirm=create and not vault.exists())
    return Held(key=key, vault=vault, passphrase=word)
