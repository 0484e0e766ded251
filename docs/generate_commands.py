# SPDX-License-Identifier: Apache-2.0
"""Writes docs/commands.md from the command line itself; --check compares instead (CI does)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from polyveil.apps.cli.main import app

TARGET = Path(__file__).with_name("commands.md")


def main() -> int:
    """0 when the page is up to date or was written; 1 when --check finds it stale."""
    page = "\n".join(lines()) + "\n"
    if "--check" not in sys.argv:
        TARGET.write_text(page, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == page:
        return 0
    print("docs/commands.md is stale: run `.venv/bin/python docs/generate_commands.py`.")
    return 1


def lines() -> list[str]:
    """The page, line by line."""
    group: Any = typer.main.get_command(app)
    page = [
        "# Commands",
        "",
        "Generated from the program; do not edit.",
        "",
        group.epilog or "",
        "",
    ]
    for name, command in verbs(group):
        page += [f"## polyveil {name}", "", *paragraphs(command), *options(command), *more(command)]
    return page[:-1]


def verbs(group: Any) -> Iterator[tuple[str, Any]]:
    """Every command with its words; those of a group one by one."""
    for name, command in group.commands.items():
        inner = verbs(command) if hasattr(command, "commands") else [("", command)]
        for words, leaf in inner:
            yield f"{name} {words}".strip(), leaf


def paragraphs(command: Any) -> list[str]:
    """The help text, a paragraph a line."""
    blocks = (command.help or "").strip().split("\n\n")
    return [line for block in blocks for line in (" ".join(block.split()), "")]


def options(command: Any) -> list[str]:
    """A table of arguments and options."""
    rows = ["| argument or option | default | meaning |", "|---|---|---|"]
    for parameter in command.params:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        if parameter.param_type_name == "argument":
            names = f"`{parameter.name.upper()}`"
        meaning = parameter.help or ""
        if variable := getattr(parameter, "envvar", None):
            meaning += f" (Environment variable: `{variable}`.)"
        rows.append(f"| {names} | {default(parameter)} | {meaning} |")
    return [*rows, ""]


def more(command: Any) -> list[str]:
    """What the help says below the options; what stands in columns there does so here."""
    page: list[str] = []
    for block in filter(None, (command.epilog or "").split("\n\n")):
        told = block.removeprefix("\b\n").splitlines()
        columns = block.startswith("\b")
        page += ["```text", *told, "```", ""] if columns else [" ".join(told), ""]
    return page


def default(parameter: Any) -> str:
    """What holds without the option, as the help says it; "required" where nothing does."""
    if parameter.required:
        return "required"
    value = getattr(parameter.default, "value", parameter.default)
    if value is None or value is False or value == "":
        return ""
    return f"`{parameter.opts[0]}`" if value is True else f"`{value}`"


if __name__ == "__main__":
    sys.exit(main())
