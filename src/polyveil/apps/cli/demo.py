# SPDX-License-Identifier: Apache-2.0
"""polyveil demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress


def demo(
    out: Annotated[Path, typer.Option(help="Where the album and its safe copy go.")] = Path(
        "polyveil-demo"
    ),
    json: options.Json = False,
) -> None:
    """Desensitize a small real album that comes with the installation; works offline."""
    import polyveil

    with progress(quiet=json) as listen:
        report = polyveil.demo(out, on_event=listen)
    emit(report, as_json=json)
    if not json:
        typer.echo(f"\nOpen {out / 'safe' / 'report.html'} in a browser.")
