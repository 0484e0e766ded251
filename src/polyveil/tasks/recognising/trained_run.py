# SPDX-License-Identifier: Apache-2.0
"""A recogniser that `polyveil train` made, as an encoder: ONNX Runtime, without torch.

The file samples its codes but draws nothing itself: its noise is an input. It is drawn here, from a
generator that the operating system seeds; only tests hand in their own. An enrolment averages
several draws; a probe is drawn once, as in training.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _weights
from polyveil.errors import UsageError, WeightsError
from polyveil.inputs import FrontEnd
from polyveil.recognize.encoder import PROBE_DRAWS, identity, unit
from polyveil.records.record import Record

SCHEMA = "polyveil.recogniser/1"
FACTS, NETWORK = "recogniser.json", "recogniser.onnx"

_HOLDS = {"face": "image", "image": "image", "voice": "voice", "behaviour": "behaviour"}
"""Kind of front end -> the part of a record that it reads."""


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A trained recogniser.

    Attributes:
      folder: with recogniser.onnx and recogniser.json.
      digest: SHA-256 of the network.
      inputs: modality -> how a record is read, in the network's order.
      people: keyed tokens of whom it was trained on.
      key_id: of the project key that made them.
      remarks: what whoever uses it must be told.
      noise: of the codes.
    """

    folder: Path = field(repr=False)
    digest: str
    inputs: Mapping[str, FrontEnd]
    people: frozenset[str] = field(repr=False)
    key_id: str
    remarks: tuple[str, ...] = ()
    noise: np.random.Generator = field(default_factory=np.random.default_rng, repr=False)

    @classmethod
    def open(cls, folder: Path, *, noise: np.random.Generator | None = None) -> TrainedRun:
        """
        Args:
          noise: for tests; None for one that the operating system seeds.

        Raises:
          UsageError: no such run, or of another version.
          WeightsError: the network is not the one that was trained.
        """
        facts = _facts(folder)
        network = folder / NETWORK
        if not network.is_file() or _weights.sha256(network) != facts["sha256"]:
            raise WeightsError(
                f"encoder: {NETWORK} is missing or not the one that {FACTS} speaks of. Restore the "
                "run from a backup, or train again."
            )
        try:
            inputs = {str(name): FrontEnd.from_json(one) for name, one in facts["inputs"].items()}
            people = frozenset(str(token) for token in facts.get("people", ()))
            key_id = str(facts["key"])
            remarks = tuple(str(text) for text in facts.get("remarks", ()))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UsageError(f"encoder: {FACTS} is damaged; expected {SCHEMA}.") from None
        made = cls(
            folder,
            facts["sha256"],
            inputs,
            people,
            key_id,
            remarks,
            noise or np.random.default_rng(),
        )
        return made._checked()

    @property
    def id(self) -> str:
        """See `Encoder`."""
        read = {name: one.to_json() for name, one in self.inputs.items()}
        return identity("trained run", network=self.digest, inputs=read, order=list(read))

    @cached_property
    def dimensions(self) -> dict[str, int]:
        """See `Encoder`; from one made-up record of zeros."""
        zeros = {name: np.zeros(one.shape, np.float32) for name, one in self.inputs.items()}
        return {name: int(rows.shape[1]) for name, rows in self._run(zeros, draws=1).items()}

    def modalities(self, record: Record) -> frozenset[str]:
        """See `Encoder`."""
        return frozenset(
            name
            for name, one in self.inputs.items()
            if getattr(record, _HOLDS[one.kind]) is not None
        )

    def embed(self, record: Record, *, draws: int = PROBE_DRAWS) -> dict[str, NDArray[np.float32]]:
        """See `Encoder`."""
        found = {name: one.read(record) for name, one in self.inputs.items()}
        present = {name: array for name, array in found.items() if array is not None}
        if not present:
            return {}
        return {
            name: unit(_mean(rows), modality=name, dimension=rows.shape[1])
            for name, rows in self._run(present, draws=draws).items()
        }

    def _run(
        self, present: Mapping[str, NDArray[np.float32]], *, draws: int
    ) -> dict[str, NDArray[np.float32]]:
        """Modality -> (draws, width), for the modalities at hand."""
        feeds: dict[str, Any] = {
            name: np.stack([present.get(name, np.zeros(one.shape, np.float32))] * draws)
            for name, one in self.inputs.items()
        }
        feeds["present"] = np.tile([[name in present for name in self.inputs]], (draws, 1))
        for name, shape in self._codes.items():
            feeds[name] = self.noise.standard_normal((draws, *shape), dtype=np.float32)
        names = sorted(present)
        answer = self._session.run([f"embedding_{name}" for name in names], feeds)
        return dict(zip(names, answer, strict=True))

    @cached_property
    def _session(self) -> Any:
        return _weights.session(self.folder / NETWORK)

    @cached_property
    def _codes(self) -> dict[str, tuple[int, ...]]:
        """Inputs that take noise -> shape for one record."""
        inputs = self._session.get_inputs()
        return {
            one.name: tuple(int(size) for size in one.shape[1:])
            for one in inputs
            if re.match(r"noise_", one.name)
        }

    def _checked(self) -> TrainedRun:
        outputs = {one.name for one in self._session.get_outputs()}
        missing = sorted(f"embedding_{name}" for name in self.inputs if
                         f"embedding_{name}" not in outputs)  # fmt: skip
        unknown = sorted(one.kind for one in self.inputs.values() if one.kind not in _HOLDS)
        if missing or unknown or not self.inputs:
            raise UsageError(
                f"encoder: the run lacks {', '.join(missing + unknown) or 'inputs'}; expected an "
                "embedding for each modality. Train again with this version."
            )
        return self


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / FACTS
    if not path.is_file():
        raise UsageError(
            f"encoder: no {FACTS} there; expected the result of training a recogniser."
        )
    try:
        facts = json.loads(path.read_bytes())
        right = facts["schema"] == SCHEMA and isinstance(facts["sha256"], str)
    except (ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise UsageError(f"encoder: {FACTS} is damaged or of another version; expected {SCHEMA}.")
    return dict(facts)


def _mean(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean direction of several draws."""
    wide = rows.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray((wide / np.maximum(lengths, 1e-12)).mean(axis=0))
