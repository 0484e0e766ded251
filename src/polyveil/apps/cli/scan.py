# SPDX-License-Identifier: Apache-2.0
"""polyveil scan"""

from __future__ import annotations

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit
from polyveil.apps.cli.progress import progress


def scan(
    source: options.Source, workers: options.Workers = None, json: options.Json = False
) -> None:
    """Say what would identify whom, and change nothing.

    Exit code 1 when something was found, 3 when records could not be read.
    """
    import polyveil

    with progress(quiet=json) as listen:
        report = polyveil.scan(source, workers=workers, on_event=listen)
    emit(report, as_json=json)
    raise typer.Exit(report.exit_code)
