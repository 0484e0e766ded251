# SPDX-License-Identifier: Apache-2.0
"""State on disk between two steps: whole or absent, never a pickle, readable by its owner only.

A checkpoint is a safetensors file. Tensors are stored as such; the tree that they hang in (nested
dictionaries and lists with numbers, texts and bytes) is JSON in the file's header. What was noised
is all that it holds of the records, and beside that the secret of the noise: whoever has both the
secret and a checkpoint can take the noise off. Hence mode 0600, and it goes when the run is done.

A digest of all of it stands in the header. One flipped bit would else give other weights, and steps
that are done again from them would be others, under other noise.

Source: https://github.com/huggingface/safetensors (format)
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from polyveil._disk import write_whole
from polyveil.errors import UsageError

_TREE, _DIGEST = "tree", "sha256"


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """The state under `path`, all at once and on the disk, in place of an earlier one."""
    tensors: dict[str, Tensor] = {}
    tree = _flat(state, tensors)
    text = json.dumps(tree)
    write_whole(path, save(tensors, {_TREE: text, _DIGEST: _digest(text, tensors)}))


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state that was written; None where there is no file.

    Raises:
      UsageError: the file is no checkpoint of ours, or was damaged.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            # Copies begin where torch lets its tensors begin. A product may round otherwise where
            # an operand lies as in the file, and a resumed run would not be the same run.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if header[_DIGEST] != _digest(header[_TREE], tensors):
            raise ValueError("damaged")
        state: dict[str, Any] = _built(json.loads(header[_TREE]), tensors)
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


def _digest(tree: str, tensors: Mapping[str, Tensor]) -> str:
    """Hex, of the tree and of every tensor's type, shape and bytes."""
    digest = hashlib.sha256(tree.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"|{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _built(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind == "list":
        return [_built(child, tensors) for child in inner]
    if kind == "pairs":
        return {key: _built(child, tensors) for key, child in inner}
    raise ValueError(f"unknown kind {kind}")
