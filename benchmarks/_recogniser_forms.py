# SPDX-License-Identifier: Apache-2.0
"""A recogniser in three forms (torch, ONNX, ONNX int8): written, counted, called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyveil import _weights
from polyveil.models.cost import Cost, cost
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.models.recognition.export_onnx import Exported, export_onnx
from polyveil.models.recognition.quantised import Quantised, quantised
from polyveil.models.recognition.stored import WEIGHTS, save

Call = Callable[[], object]
Inputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Files:
    """A network in three forms."""

    system: MultimodalRecogniser
    exported: Exported
    int8: Quantised
    stored_bytes: int


def files(system: MultimodalRecogniser, inputs: Inputs, folder: Path) -> Files:
    """Written into a folder of its own; `inputs` give the ranges of int8."""
    folder.mkdir()
    save(system, folder)
    exported = export_onnx(system.eval(), folder / "recogniser.onnx")
    own = {name: inputs[name].numpy() for name in system.config.names}
    int8 = quantised(exported.path, own, folder / "int8.onnx")
    return Files(system, exported, int8, (folder / WEIGHTS).stat().st_size)


def sizes(forms: list[Files]) -> dict[str, Any]:
    """Bytes on the disk, parameters of the whole and FLOPs of one record in use."""
    costs = [counted(one.system) for one in forms]
    return {
        "parameters": sum(one.parameters for one in costs),
        "mflops": sum(one.flops for one in costs) / 1e6,
        "safetensors_kb": sum(one.stored_bytes for one in forms) / 1e3,
        "onnx_kb": sum(one.int8.size_before for one in forms) / 1e3,
        "int8_kb": sum(one.int8.size for one in forms) / 1e3,
        "layers_in_int8": sum(len(one.int8.int8) for one in forms),
    }


class OneVector(nn.Module):
    """A network that takes its record as one row of numbers, to be counted."""

    def __init__(self, system: MultimodalRecogniser) -> None:
        super().__init__()
        self.system = system
        self.sizes = [int(np.prod(one.shape)) for one in system.config.modalities]

    def forward(self, row: Tensor) -> Tensor:
        parts = row.flatten(1).split(self.sizes, 1)
        pairs = zip(self.system.config.modalities, parts, strict=True)
        found = self.system({one.name: part.unflatten(1, one.shape) for one, part in pairs})
        return found.logits


def counted(system: MultimodalRecogniser) -> Cost:
    whole = OneVector(system).eval()
    return cost(whole, (1, 1, sum(whole.sizes)))


def call_of(one: Files, form: str, inputs: Inputs, threads: int) -> Call:
    """One call with fresh noise, as in use."""
    inputs = {name: inputs[name] for name in one.system.config.names}
    if form == "torch":
        return torch.inference_mode()(lambda: one.system(inputs))
    path = one.exported.path if form == "onnx" else one.int8.path
    session = _weights.session(path, threads=threads)
    arrays = {name: x.numpy() for name, x in inputs.items()}
    draw = np.random.default_rng(0)
    return lambda: session.run(None, feed(session, arrays, draw))


def feed(
    session: Any, arrays: Mapping[str, NDArray[np.float32]], draw: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Inputs, all present, with noise."""
    records = len(next(iter(arrays.values())))
    whole: dict[str, NDArray[Any]] = dict(arrays)
    for one in session.get_inputs():
        shape = (records, *one.shape[1:])
        if one.name == "present":
            whole[one.name] = np.ones(shape, dtype=np.bool_)
        elif one.name not in whole:
            whole[one.name] = draw.standard_normal(shape, dtype=np.float32)
    return whole


def joined(calls: list[Call]) -> Call:
    """One call of each, one after another."""
    return lambda: [call() for call in calls]
