# SPDX-License-Identifier: Apache-2.0
"""State on disk between two steps: whole or absent, never a pickle, readable by its owner only.

A checkpoint is a safetensors file. Tensors are stored as such; the tree that they hang in (nested
dictionaries and lists with numbers, texts and bytes) is JSON in the file's header. What was noised
is all that it holds of the records, and beside that the secret of the noise: whoever has both the
secret and a checkpoint can take the noise off. Hence mode 0600, and it goes when the run is done.

Source: https://github.com/huggingface/safetensors (format)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from polyveil._disk import write_whole
from polyveil.errors import UsageError

_TREE = "tree"


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """The state under `path`, all at once and on the disk, in place of an earlier one."""
    tensors: dict[str, Tensor] = {}
    tree = _flat(state, tensors)
    write_whole(path, save(tensors, {_TREE: json.dumps(tree)}))


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state that was written; None where there is no file.

    Raises:
      UsageError: the file is no checkpoint of ours, or was damaged.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            tree = json.loads((file.metadata() or {})[_TREE])
            state: dict[str, Any] = _built(tree, file)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise UsageError(
            f"checkpoint: {type(error).__name__}; expected one of this run. Nothing was spent "
            "twice. Restore the file from a backup, or start a new run in another folder."
        ) from None
    return state


def _flat(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON; tensors move to `tensors` and leave their number."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory, as tied weights do.
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        # Pairs, because keys may be numbers: an optimizer counts its parameters.
        return {"pairs": [[key, _flat(child, tensors)] for key, child in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_flat(child, tensors) for child in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be stored in a checkpoint.")


def _built(value: Any, file: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return file.get_tensor(inner)
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind == "list":
        return [_built(child, file) for child in inner]
    if kind == "pairs":
        return {key: _built(child, file) for key, child in inner}
    raise ValueError(f"unknown kind {kind}")
