# SPDX-License-Identifier: Apache-2.0
"""A trained recogniser on the disk: its configuration as JSON, its weights as safetensors.

network.safetensors     every weight and buffer by its name in the network
network.json            {"schema", "config", "sha256" of network.safetensors}, written last

Nothing in either file is code, and nothing is read from weights whose SHA-256 is not the recorded
one. That finds damage, not malice: whoever may write both files can name any hash.

Guarantee, repeated by tests: what was saved and loaded gives the same numbers, bit by bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from polyveil import _disk
from polyveil.errors import UsageError, WeightsError
from polyveil.models.recognition.config import RecogniserConfig
from polyveil.models.recognition.modality import Modality
from polyveil.models.recognition.system import MultimodalRecogniser

SCHEMA = "polyveil.network/1"
DESCRIPTION, WEIGHTS = "network.json", "network.safetensors"
REMEDY = "Copy the folder again from where it was written, or train anew."


def config_to_json(config: RecogniserConfig) -> dict[str, Any]:
    """The configuration in lists, strings and numbers alone."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


def config_from_json(values: Mapping[str, Any]) -> RecogniserConfig:
    """The configuration that `config_to_json` wrote, checked anew.

    Raises:
      UsageError: options that are missing, unknown, of another type, or cannot be.
    """
    expected = {one.name for one in fields(RecogniserConfig)}
    if not isinstance(values, Mapping) or set(values) != expected:
        odd = sorted(expected.symmetric_difference(values if isinstance(values, Mapping) else ()))
        raise UsageError(f"config: options missing or unknown: {', '.join(map(str, odd))}.")
    try:
        modalities = tuple(
            Modality(one["name"], tuple(one["shape"]), one["spread"])
            for one in values["modalities"]
        )
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return RecogniserConfig(**{**values, **lists, "modalities": modalities})
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"config: a value of another type than expected ({error}).") from None


def save(system: MultimodalRecogniser, folder: Path) -> str:
    """Writes the network, each file whole and readable by its owner; it is left as it was.

    Args:
      system: the network, on any device.
      folder: exists; a network that lies there is replaced.

    Returns:
      SHA-256 of the weights, hexadecimal.
    """
    state = {name: one.detach().cpu().contiguous() for name, one in system.state_dict().items()}
    content: bytes = safetensors.torch.save(state)
    digest = hashlib.sha256(content).hexdigest()
    description = {"schema": SCHEMA, "config": config_to_json(system.config), "sha256": digest}
    _disk.write_whole(folder / WEIGHTS, content)
    text = json.dumps(description, indent=2, ensure_ascii=False)
    _disk.write_whole(folder / DESCRIPTION, f"{text}\n".encode())
    return digest


def load(folder: Path) -> MultimodalRecogniser:
    """The network as it was saved, on the processor, ready for use (`eval()`).

    Torch's global generator is left as it was.

    Raises:
      WeightsError: a file is missing, damaged, of another version, or the two do not belong
        together.
    """
    config, digest = _description(folder)
    try:
        content = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise WeightsError(f"{WEIGHTS}: cannot be read ({error.strerror}). {REMEDY}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise WeightsError(
            f"{WEIGHTS}: SHA-256 starts {found[:12]}, expected {digest[:12]}; it is damaged or of "
            f"another network. {REMEDY}"
        )
    with torch.random.fork_rng(devices=[]):
        system = MultimodalRecogniser(config)
    try:
        system.load_state_dict(safetensors.torch.load(content))
    except (RuntimeError, safetensors.SafetensorError):
        raise WeightsError(
            f"{WEIGHTS}: its tensors are not those of the network in {DESCRIPTION}. {REMEDY}"
        ) from None
    return system.eval()


def _description(folder: Path) -> tuple[RecogniserConfig, str]:
    """What network.json says: configuration and hash of the weights."""
    try:
        values = json.loads((folder / DESCRIPTION).read_bytes())
        schema, config, digest = values["schema"], values["config"], values["sha256"]
    except OSError as error:
        raise WeightsError(f"{DESCRIPTION}: cannot be read ({error.strerror}). {REMEDY}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WeightsError(
            f"{DESCRIPTION}: damaged; expected JSON with schema, config and sha256. {REMEDY}"
        ) from None
    if schema != SCHEMA:
        raise WeightsError(
            f"{DESCRIPTION}: schema {schema!r}; this version reads {SCHEMA}. Use the version of "
            "polyveil that wrote it, or train anew."
        )
    if not isinstance(digest, str):
        raise WeightsError(f"{DESCRIPTION}: sha256 is no text. {REMEDY}")
    try:
        return config_from_json(config), digest
    except UsageError as error:
        raise WeightsError(f"{DESCRIPTION}: {error} {REMEDY}") from None
