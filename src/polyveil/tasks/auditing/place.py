# SPDX-License-Identifier: Apache-2.0
"""The folder of an audit: whether it may be written to, and the report that it holds when done."""

from __future__ import annotations

import json
from pathlib import Path

from polyveil._disk import check_outside, write_whole
from polyveil.errors import UsageError
from polyveil.report.audit import AuditReport, from_json
from polyveil.report.audit_html import render_audit
from polyveil.tasks.auditing.kept import PRIVATE

JSON, HTML = "audit.json", "audit.html"


def check_place(out: Path, targets: tuple[Path, ...]) -> None:
    """Whether an audit may live here.

    Raises:
      UsageError: inside what is attacked, a file, or a folder of somebody else.
    """
    check_outside(out, targets)
    if out.exists() and not out.is_dir():
        raise UsageError("out: a file of that name exists; expected a new or empty folder.")
    ours = (out / PRIVATE).is_dir() or (out / JSON).is_file()
    if out.is_dir() and any(out.iterdir()) and not ours:
        raise UsageError(
            "out: the folder holds files and no audit. Nothing was written. "
            "Choose a new or empty folder."
        )


def finished(out: Path, fingerprint: str) -> AuditReport | None:
    """The report of the same audit, if it is done.

    Raises:
      UsageError: the folder holds the report of another audit, or a damaged one.
    """
    path = out / JSON
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise UsageError(f"out: {JSON} is damaged. Choose a new folder.") from None
    if not isinstance(values, dict) or values.pop("audit", None) != fingerprint:
        raise UsageError(
            "out: the folder holds the audit of another target or with other settings. "
            "Choose another folder for a new one."
        )
    return from_json(values)


def write(out: Path, report: AuditReport, fingerprint: str) -> None:
    """The page, then the JSON, which says that the audit is done; each whole or not at all."""
    write_whole(out / HTML, render_audit(report).encode(), mode=0o644)
    text = json.dumps({"audit": fingerprint, **report.to_json()}, ensure_ascii=False, indent=2)
    write_whole(out / JSON, f"{text}\n".encode(), mode=0o644)
