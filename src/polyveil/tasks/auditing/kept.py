# SPDX-License-Identifier: Apache-2.0
"""What an audit keeps on its way, so that a killed one goes on where it stopped.

    OUT/.polyveil/audit.json     fingerprint of the audit
    OUT/.polyveil/<step>.json    results of a finished step, without arrays of single records

The folder goes when the report is written. A finished audit is a no-op that reads its report.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polyveil._disk import write_whole
from polyveil.attack.result import AttackResult
from polyveil.errors import UsageError
from polyveil.report.audit import Claim, Skipped, Untested
from polyveil.report.codec import decode, encode
from polyveil.report.facts import Refusals

PRIVATE = ".polyveil"
_MINE = "audit.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What a step came to.

    Attributes:
      attacks: carried out.
      claims: that they speak to.
      skipped, untested: attacks and threats of this step that were not tried after all.
      refusals: records that the step could not read.
    """

    attacks: tuple[AttackResult, ...] = ()
    claims: tuple[Claim, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    untested: tuple[Untested, ...] = ()
    refusals: tuple[Refusals, ...] = ()


class Kept:
    """Finished steps of one audit in its folder; without a folder it keeps nothing."""

    def __init__(self, out: Path | None, fingerprint: str) -> None:
        """
        Raises:
          UsageError: the folder is at work on another audit.
        """
        self._folder = None if out is None else out / PRIVATE
        if self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = self._folder / _MINE
        if mine.is_file() and _read(mine) != fingerprint:
            raise UsageError(
                "out: an audit of another target or with other settings was begun there. "
                "Go on with that one, or choose another folder."
            )
        write_whole(mine, json.dumps(fingerprint).encode())

    def found(self, step: str) -> Found | None:
        """Of a step that is done; None for one that is not."""
        if self._folder is None:
            return None
        values = _read(self._folder / _file(step))
        return None if values is None else decode(Found, values, step)

    def keep(self, step: str, found: Found) -> None:
        """Writes a finished step, whole or not at all."""
        if self._folder is not None:
            bare = replace(found, attacks=tuple(replace(one, arrays={}) for one in found.attacks))
            values = encode(bare)
            for one in values["attacks"]:
                del one["arrays"]
            write_whole(self._folder / _file(step), json.dumps(values).encode())

    def forget(self) -> None:
        """The report is written: nothing is left to go on with."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _file(step: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", step.lower()) + ".json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
