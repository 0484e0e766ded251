# SPDX-License-Identifier: Apache-2.0
"""Weight files that ship with the package: found by name, checked by SHA-256, never pickles.

`weights/MANIFEST.json` maps a file name to {"sha256", "licence", "data", "card", "made_by"}.
Every file stands beside a model card `<stem>.md`. `training/` holds the script that made it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyveil.errors import WeightsError

if TYPE_CHECKING:
    import onnxruntime

FOLDER = Path(str(files("polyveil"))) / "weights"


@cache
def manifest() -> dict[str, dict[str, str]]:
    """File name -> its entry in MANIFEST.json."""
    entries: dict[str, dict[str, str]] = json.loads((FOLDER / "MANIFEST.json").read_text("utf-8"))
    return entries


@cache
def checked(name: str) -> Path:
    """Path of a shipped weight file whose bytes are the recorded ones.

    Raises:
      WeightsError: the file is not in the manifest, is missing, or has other bytes.
    """
    entry, path = manifest().get(name), FOLDER / name
    if entry is None or not path.is_file():
        raise WeightsError(f"weights/{name}: not among the shipped files. Reinstall polyveil.")
    found = sha256(path)
    if found != entry["sha256"]:
        raise WeightsError(
            f"weights/{name}: SHA-256 starts {found[:12]}, expected {entry['sha256'][:12]}. "
            "The file was changed after release; reinstall polyveil."
        )
    return path


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def session(source: str | Path | bytes, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX Runtime CPU session; a bare file name means a shipped, checked weight file.

    One thread by default: polyveil runs one process per core, and nested pools only contend.
    """
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if isinstance(source, str):
        source = checked(source)
    model = source if isinstance(source, bytes) else str(source)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
