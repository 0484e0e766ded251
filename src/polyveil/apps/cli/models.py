# SPDX-License-Identifier: Apache-2.0
"""polyveil models"""

from __future__ import annotations

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit


def models(json: options.Json = False) -> None:
    """List the weights in use: where from, licence, data, SHA-256, and whether the bytes match."""
    import polyveil

    listing = polyveil.models()
    emit(listing, as_json=json)
    raise typer.Exit(listing.exit_code)
