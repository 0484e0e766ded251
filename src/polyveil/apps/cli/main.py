# SPDX-License-Identifier: Apache-2.0
"""The command line: every verb a sentence. Read, call one task, print."""

from __future__ import annotations

import sys

import typer

from polyveil.apps.cli import (
    audit,
    calibrate,
    demo,
    desensitize,
    enroll,
    identify,
    ledger,
    models,
    predict,
    reproduce,
    restore,
    revoke,
    scan,
    train,
    verify,
)
from polyveil.errors import EXIT_USAGE, PolyveilError

EPILOG = (
    "Exit codes: 0 clean, 1 risk found, 2 usage, 3 some records refused, 4 budget exceeded. "
    "Nothing ever leaves this machine."
)

app = typer.Typer(
    name="polyveil",
    help="Use people's data without exposing people.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(scan.scan)
app.command()(desensitize.desensitize)
app.command()(restore.restore)
app.command(epilog=train.EPILOG)(train.train)
app.command()(predict.predict)
app.command(epilog=audit.EPILOG)(audit.audit)
app.command(epilog=calibrate.EPILOG)(calibrate.calibrate)
app.command()(enroll.enroll)
app.command()(verify.verify)
app.command()(identify.identify)
app.command()(revoke.revoke)
app.command(epilog=reproduce.EPILOG)(reproduce.reproduce)
app.command()(models.models)
app.add_typer(ledger.ledger)


@app.callback(invoke_without_command=True)
def polyveil(
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    """Use people's data without exposing people."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"polyveil {installed('polyveil')}")
        raise typer.Exit()


def main() -> None:
    """Entry point: typed errors become one line on stderr and a stable exit code."""
    try:
        app(standalone_mode=True)
    except PolyveilError as error:
        typer.echo(f"polyveil: {error}", err=True)
        sys.exit(error.exit_code)
    except ValueError as error:
        typer.echo(f"polyveil: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        typer.echo(
            "polyveil: interrupted; the same command goes on where this one stopped.", err=True
        )
        sys.exit(130)


if __name__ == "__main__":
    main()
