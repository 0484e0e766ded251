# SPDX-License-Identifier: Apache-2.0
"""polyveil verify"""

from __future__ import annotations

from typing import Annotated

import typer

from polyveil.apps.cli import options, recognition_options
from polyveil.apps.cli.output import emit


def verify(
    name: Annotated[
        str, typer.Argument(help="Of the claimed person, as enrolled.", show_default=False)
    ],
    recogniser: recognition_options.Recogniser,
    gallery: recognition_options.GalleryPlace,
    face: recognition_options.Face = None,
    voice: recognition_options.Voice = None,
    behaviour: recognition_options.Behaviour = None,
    far: recognition_options.Far = None,
    key: recognition_options.Key = None,
    vault: recognition_options.Vault = None,
    passphrase_from: options.Passphrase = None,
    json: options.Json = False,
) -> None:
    """Say whether the files are of the named person, at a stated rate of strangers accepted.

    Any subset of face, voice and behaviour will do; the rate holds for what is there. Exit code 0
    when verified, 1 when rejected or not enrolled.
    """
    import polyveil

    report = polyveil.verify(
        name,
        face=face,
        voice=voice,
        behaviour=behaviour,
        recogniser=recogniser,
        gallery=gallery,
        far=far,
        **recognition_options.held(key, vault, passphrase_from),
    )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
