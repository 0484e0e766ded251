# SPDX-License-Identifier: Apache-2.0
"""The recogniser as one ONNX file that takes any number of records.

The file samples its codes as the network does, but draws nothing itself: where the network samples
in use, the noise is an input, N(0, 1) numbers for every modality, so that results can be checked
and whoever runs it chooses the generator. WHO FEEDS ZEROS SWITCHES THE PROTECTION OF THE CODE OFF.

Guarantee, repeated by tests: for the same inputs and noise, all embeddings and the logits equal
those of the network within 1e-5, for one record as for many.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from polyveil import _disk, _optional
from polyveil.models.recognition.system import MultimodalRecogniser

OUTPUTS = ("embedding", "logits")
RECORDS = 2
"""In the example that is traced; one record would be taken for a fixed size."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file, and how to call it.

    Attributes:
      path: of the file.
      sha256: of its content, hexadecimal.
      inputs: names in order: the modalities (float32 [records, *shape]), "present" (bool
        [records, modalities]), and where the network samples "noise_<modality>" (float32
        [records, *code]).
      outputs: names in order: "embedding" (float32 [records, width], of all that is present),
        "logits" (float32 [records, identities]) and for every modality "embedding_<modality>"
        (float32 [records, width]), zeros where it is missing.
      remarks: what whoever uses it must be told.
    """

    path: Path
    sha256: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    remarks: tuple[str, ...]


class _Flat(nn.Module):
    """The network with its inputs one by one, as ONNX has them."""

    def __init__(self, system: MultimodalRecogniser) -> None:
        super().__init__()
        self.system = system

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        names = self.system.config.names
        inputs = dict(zip(names, tensors, strict=False))
        noise = dict(zip(names, tensors[len(names) + 1 :], strict=False))
        found = self.system(inputs, tensors[len(names)], noise)
        # Zeros are at cosine 0 from everybody; the embedding of what stood in resembles someone.
        columns = zip(found.embeddings.values(), found.present.split(1, 1), strict=True)
        return found.fused, found.logits, *(one * here for one, here in columns)


def export_onnx(system: MultimodalRecogniser, path: Path) -> Exported:
    """Writes the network as it is in use; it is left as it was.

    A record with nothing present gets an embedding of zeros there, not an error.

    Args:
      system: the network; on the processor.
      path: of the file; its folder exists. Replaced as a whole, readable by its owner.

    Raises:
      MissingExtra: onnx or onnxscript is not installed.
    """
    for module in ("onnx", "onnxscript"):
        _optional.require(module, extra="export", purpose="Export to ONNX")
    modes = [(one, one.training) for one in system.modules()]
    network = _Flat(system).eval()
    try:
        names, example = _example(system)
        outputs = (*OUTPUTS, *(f"embedding_{name}" for name in system.config.names))
        program = _traced(network, names, outputs, example)
    finally:
        for one, training in modes:
            one.training = training
    content = _bare(program.model_proto).SerializeToString()
    _disk.write_whole(path, content)
    digest = hashlib.sha256(content).hexdigest()
    return Exported(path, digest, names, outputs, system.config.remarks)


def _bare(model: Any) -> Any:
    """Without what the exporter writes beside the graph: half the file, and paths of this machine.

    A test looks for them; names, shapes and types of inputs and outputs stay.
    """
    graph = model.graph
    noted = (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output)
    for one in noted:
        one.ClearField("metadata_props")
        one.ClearField("doc_string")
    graph.ClearField("value_info")
    return model


def _example(system: MultimodalRecogniser) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    """Names and tensors of all inputs, for `RECORDS` records."""
    config = system.config
    tensors = [torch.zeros(RECORDS, *one.shape) for one in config.modalities]
    tensors.append(torch.ones(RECORDS, len(config.modalities), dtype=torch.bool))
    names = [*config.names, "present"]
    if system.samples:
        names += [f"noise_{name}" for name in config.names]
        tensors += [torch.zeros(RECORDS, *config.vae_of(one).code) for one in config.modalities]
    return tuple(names), tuple(tensors)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Errors alone from that logger."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _traced(
    network: nn.Module,
    names: Sequence[str],
    outputs: Sequence[str],
    example: tuple[Tensor, ...],
) -> Any:
    records = torch.export.Dim("records")
    with warnings.catch_warnings(), _quiet("torch.onnx._internal.exporter._registration"):
        # The exporter warns of its own future, of torch's GRU and of packages that nothing here
        # needs; nothing a user could change.
        warnings.simplefilter("ignore")
        return torch.onnx.export(
            network,
            example,
            input_names=list(names),
            output_names=list(outputs),
            # The tensors are one variable argument, hence one more tuple around them.
            dynamic_shapes=(tuple({0: records} for _ in example),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
