# SPDX-License-Identifier: Apache-2.0
"""polyveil ledger show | verify | grant"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyveil.apps.cli import options
from polyveil.apps.cli.output import emit

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from polyveil.privacy.ledger import Entry, Spent
    from polyveil.tasks.ledger import LedgerView

Where = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        metavar="PATH|URL",
        envvar="POLYVEIL_LEDGER",
        help="SQLite file or postgresql://... Default: ledger.db beside the project key.",
        show_default=False,
    ),
]
Id = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="HEX",
        help="The data set by its id, or its first digits.",
        show_default=False,
    ),
]
_BAR = 10

ledger = typer.Typer(
    name="ledger",
    help="Who spent how much of which data set's privacy budget.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@ledger.command(short_help="Show what was spent and what is left.")
def show(
    data: Annotated[
        Path | None, typer.Option(help="Only this folder or file.", show_default=False)
    ] = None,
    id: Id = None,
    head: Annotated[
        bool, typer.Option("--head", help="Print the head alone: 80 hex digits to keep elsewhere.")
    ] = False,
    where: Where = None,
    json: options.Json = False,
) -> None:
    """Show what was spent and what is left; with one data set, its history too."""
    import polyveil

    view = polyveil.ledger_show(data, id=id, ledger=where)
    if head:
        typer.echo(view.head)
    else:
        _print(view, as_json=json)


@ledger.command(short_help="Say whether anything was changed, removed or put back.")
def verify(
    head: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="A head that was kept elsewhere.", show_default=False),
    ] = None,
    where: Where = None,
    json: options.Json = False,
) -> None:
    """Follow the whole chain and say whether anything was changed, removed or put back.

    Exit code 1 when something was.
    """
    import polyveil

    check = polyveil.ledger_verify(head, ledger=where)
    emit(check, as_json=json)
    raise typer.Exit(check.exit_code)


@ledger.command(short_help="Set the privacy budget of a data set.")
def grant(
    epsilon: Annotated[
        str, typer.Option(metavar="NUMBER", help="All runs together.", show_default=False)
    ],
    delta: Annotated[
        str, typer.Option(metavar="NUMBER", help="All runs together.", show_default=False)
    ],
    by: Annotated[str, typer.Option(help="Who decides.", show_default=False)],
    data: Annotated[
        Path | None, typer.Argument(help="Folder or file of the data set.", show_default=False)
    ] = None,
    id: Id = None,
    note: Annotated[str, typer.Option(help="Why.", show_default=False)] = "",
    where: Where = None,
    json: options.Json = False,
) -> None:
    """Set the privacy budget of a data set; a later grant replaces an earlier one."""
    from decimal import Decimal, InvalidOperation

    import polyveil
    from polyveil.errors import UsageError

    try:
        amounts = Decimal(epsilon), Decimal(delta)
    except InvalidOperation:
        raise UsageError(
            f"ledger: expected numbers for --epsilon and --delta, got {epsilon} and {delta}."
        ) from None
    view = polyveil.ledger_grant(
        data, id=id, epsilon=amounts[0], delta=amounts[1], by=by, note=note, ledger=where
    )
    _print(view, as_json=json)


def _print(view: LedgerView, *, as_json: bool) -> None:
    """A table for people, JSON for programs."""
    if as_json:
        emit(view, as_json=True)
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"ledger {view.ledger} in {view.place}", markup=False, soft_wrap=True)
    if not view.accounts:
        console.print("nothing spent, nothing granted")
        return
    _show(console, _accounts(view.accounts))
    if view.entries:
        _show(console, _history(view.entries))


def _show(console: Console, table: Table) -> None:
    """The table, wider than the window where it must be: a figure cut off would be another one."""
    from rich.measure import Measurement

    for column in table.columns:
        if column.no_wrap:
            cells = (column.header, *column.cells)
            column.min_width = max(
                Measurement.get(console, console.options, one).maximum for one in cells
            )
    least = Measurement.get(console, console.options, table).minimum
    console.print(table, width=max(console.width, least), crop=False, no_wrap=True)


def _accounts(accounts: tuple[Spent, ...]) -> Table:
    from polyveil.privacy.ledger.amount import plain

    table = _table("data set", "runs", "spent ε", "δ", "held ε", "budget ε", "δ", "left")
    for spent in accounts:
        budget = spent.budget
        table.add_row(
            spent.data_set[:12],
            str(spent.runs),
            plain(spent.epsilon),
            plain(spent.delta),
            plain(spent.reserved_epsilon),
            "-" if budget is None else plain(budget.epsilon),
            "-" if budget is None else plain(budget.delta),
            _left(spent),
        )
    return table


def _left(spent: Spent) -> Text:
    """A bar of what is left, of ε or δ, whichever is scarcer; any rest shows a block."""
    from rich.text import Text

    from polyveil.privacy.ledger.amount import plain

    budget, rest = spent.budget, spent.remaining
    if budget is None or rest is None:
        return Text("no budget set", style="yellow")
    parts = (("ε", rest.epsilon, budget.epsilon), ("δ", rest.delta, budget.delta))
    shares = [(float(left / whole) if whole else 0.0, name, left) for name, left, whole in parts]
    if not budget.delta and not rest.delta:
        shares.pop()  # a budget without δ is not used up, it is for pure-ε runs
    share, name, scarcer = min(shares, key=lambda entry: entry[0])
    blocks = ceil(share * _BAR)
    style = "green" if share > 0.5 else "yellow" if share > 0.1 else "red"
    bar = Text("█" * blocks, style=style).append("░" * (_BAR - blocks), style="dim")
    return bar.append(f" {name} {plain(scarcer)}", style="default")


def _history(entries: tuple[Entry, ...]) -> Table:
    from rich.text import Text

    from polyveil.privacy.ledger.amount import plain

    table = _table(
        "entry", "time", "what", "ε", "δ", "run", "by", "note", folded=("run", "by", "note")
    )
    for entry in entries:
        loss = entry.loss
        texts = (entry.run or "-", entry.by, entry.note)
        table.add_row(
            str(entry.sequence),
            entry.time[:16].replace("T", " "),
            entry.kind,
            plain(loss.epsilon),
            plain(loss.delta),
            *(Text(words) for words in texts),
        )
    return table


def _table(*columns: str, folded: tuple[str, ...] = ()) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name not in folded)
    return table
