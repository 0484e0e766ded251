# SPDX-License-Identifier: Apache-2.0
"""The command line: every verb a sentence. Read, call one task, print."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

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
_INTERRUPTED = "interrupted. Nothing is half-written; give the same command again to go on."


class _Verbs(TyperGroup):
    """All verbs; whoever interrupts one hears how to go on, before typer leaves without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo(f"polyveil: {_INTERRUPTED}", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    name="polyveil",
    cls=_Verbs,
    help="Use people's data without exposing people.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_SHORT = {
    demo.demo: "Desensitize a small real album that comes along.",
    desensitize.desensitize: "Write a copy in which every person has one stand-in.",
    train.train: "Train within a privacy budget and charge the ledger.",
    predict.predict: "Ask a trained classifier about records.",
    audit.audit: "Attack a model or released data; report what leaks.",
    calibrate.calibrate: "Choose thresholds on some people, judge them on others.",
    enroll.enroll: "Put people into a gallery as templates under a key.",
    verify.verify: "Say whether the files are of the named person.",
    identify.identify: "Say who of the gallery the probes are, or nobody known.",
    revoke.revoke: "Erase a person's templates.",
    models.models: "List the weights in use: data, licence, intact or not.",
}
"""In the list of commands, where the first sentence of the help would be cut off."""
_EPILOGS = {
    train.train: train.EPILOG,
    audit.audit: audit.EPILOG,
    calibrate.calibrate: calibrate.EPILOG,
    reproduce.reproduce: reproduce.EPILOG,
}
for verb in (
    *(demo.demo, scan.scan, desensitize.desensitize, restore.restore),
    *(train.train, predict.predict, audit.audit),
    *(calibrate.calibrate, enroll.enroll, verify.verify, identify.identify, revoke.revoke),
    *(reproduce.reproduce, models.models),
):
    app.command(short_help=_SHORT.get(verb), epilog=_EPILOGS.get(verb))(verb)
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


if __name__ == "__main__":
    main()
