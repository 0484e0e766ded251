# SPDX-License-Identifier: Apache-2.0
"""Encoders by what a user says: a trained run, a face network, or embeddings that are there.

A calibrated recogniser carries its encoder along: the network's file, or the name and dimensions of
ready-made embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from polyveil.errors import UsageError, WeightsError
from polyveil.recognize.encoder import Encoder
from polyveil.recognize.ready_made import ReadyMade
from polyveil.recognize.recogniser_folder import ENCODER
from polyveil.records.source import Source

READY_MADE = "embeddings"
Files: TypeAlias = dict[str, bytes | Path]


@dataclass(frozen=True, slots=True)
class Opened:
    """An encoder, with what a recogniser's folder must hold to reopen it.

    Attributes:
      facts: of the manifest: "kind", "id", "dimensions", "name".
      files: name in the folder -> where it is now.
      trained_on: keyed tokens of people it was trained on, as far as that is known.
      key_id: of the project key that made these tokens; "" where there are none.
      remarks: what whoever uses it must be told.
    """

    encoder: Encoder
    facts: Mapping[str, Any]
    files: Files
    trained_on: frozenset[str] = frozenset()
    key_id: str = ""
    remarks: tuple[str, ...] = ()


def open_encoder(spec: str | Path, people: Source) -> Opened:
    """The encoder that a user names.

    Args:
      spec: folder of a trained run, an ONNX file, "embeddings" or "embeddings:NAME".
      people: whose records carry ready-made embeddings.

    Raises:
      UsageError: none of these.
      WeightsError: a run whose network is not the one that was trained.
    """
    text = str(spec)
    kind, _, name = text.partition(":")
    path = Path(text)
    if path.is_dir():
        return _run(path)
    if path.suffix.lower() == ".onnx":
        return _network(path)
    if kind == READY_MADE:
        made = ReadyMade.of(people.records(), _root(people), name=name)
        return Opened(made, _facts(READY_MADE, made, name), {})
    raise UsageError(
        "encoder: expected the folder of a trained run, an ONNX file of a face network, or "
        f"{READY_MADE}[:NAME] for columns embedding_<modality>."
    )


def reopen(folder: Path, facts: Mapping[str, Any], people: Source | None) -> Encoder:
    """The encoder of a calibrated recogniser.

    Args:
      folder: of the recogniser.
      facts: its manifest's "encoder".
      people: whose records are to be embedded; None for single files.

    Raises:
      WeightsError: it is not the one that was calibrated.
    """
    made: Encoder
    if facts["kind"] == READY_MADE:
        root = None if people is None else _root(people)
        made = ReadyMade(str(facts["name"]), dict(facts["dimensions"]), root)
    elif facts["kind"] == "run":
        made = _run(folder / ENCODER).encoder
    else:
        from polyveil.tasks.recognising.face_network import FILE, FaceNetwork

        made = FaceNetwork.open(folder / ENCODER / FILE)
    if made.id != facts["id"]:
        raise WeightsError(
            "recogniser: its encoder is not the one that was calibrated. Calibrate again."
        )
    return made


def _run(folder: Path) -> Opened:
    from polyveil.tasks.recognising.trained_run import FACTS, NETWORK, TrainedRun

    made = TrainedRun.open(folder)
    files: Files = {f"{ENCODER}/{name}": folder / name for name in (FACTS, NETWORK)}
    return Opened(made, _facts("run", made, ""), files, made.people, made.key_id, made.remarks)


def _network(path: Path) -> Opened:
    from polyveil.tasks.recognising.face_network import FILE, FaceNetwork

    made = FaceNetwork.open(path)
    return Opened(made, _facts("network", made, ""), {f"{ENCODER}/{FILE}": path})


def _facts(kind: str, made: Encoder, name: str) -> dict[str, Any]:
    return {"kind": kind, "id": made.id, "name": name, "dimensions": dict(made.dimensions)}


def _root(people: Source) -> Path:
    return people.root if people.root.is_dir() else people.root.parent
