# SPDX-License-Identifier: Apache-2.0
"""polyveil identify"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options, recognition_options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress


def identify(
    recogniser: recognition_options.Recogniser,
    gallery: recognition_options.GalleryPlace,
    probes: Annotated[
        Path | None, typer.Argument(help="Data set, each record a probe.", show_default=False)
    ] = None,
    face: recognition_options.Face = None,
    voice: recognition_options.Voice = None,
    behaviour: recognition_options.Behaviour = None,
    far: recognition_options.Far = None,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Names, one a line, to turn ids back into. The gallery knows none.",
            show_default=False,
        ),
    ] = None,
    key: recognition_options.Key = None,
    vault: recognition_options.Vault = None,
    passphrase_from: options.Passphrase = None,
    json: options.Json = False,
) -> None:
    """Say who of the gallery the probes are, or that they are nobody known.

    The rate is for the whole search: a stranger is identified as anybody at all with at most this
    chance. Exit code 0 when everybody was identified, 1 when somebody is unknown, 3 when probes
    could not be used.
    """
    import polyveil

    where = recognition_options.held(key, vault, passphrase_from)
    with progress(quiet=json) as listen:
        report = polyveil.identify(
            probes,
            face=face,
            voice=voice,
            behaviour=behaviour,
            recogniser=recogniser,
            gallery=gallery,
            far=far,
            names=names,
            on_event=listen,
            **where,
        )
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
