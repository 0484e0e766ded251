# SPDX-License-Identifier: Apache-2.0
"""An exported recogniser in eight bits where that is measured to change next to nothing.

Convolutions and linear layers of many weights count in int8, weights by output channel,
activations by the range they have on records that the caller gives. Small ones (attention heads,
mean and log variance of the codes, fusion) stay as they are: to convert their inputs and outputs
takes longer than int8 saves. Softmax, norms and the GRU stay too.

Half of the records give the ranges, the other half says how far the embeddings turn, with the same
noise. Where they turn too far, layers go back to float32, first the one that alone turns them
most, until what is left is within bounds. Nothing is taken for granted: `Quantised` states what
was measured. The same half chooses the layers and gives the figure, which is kind to the figure.

USE RECORDS OF THE TRAINING PEOPLE ALONE: the ranges are in the file, and the file is tuned to them.
Agreement holds for this processor; one without 8-bit dot products (VNNI) may round otherwise.

Source: Jacob et al., CVPR 2018, https://arxiv.org/abs/1712.05877;
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import copy
import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _disk, _optional, _weights
from polyveil.errors import UsageError, WeightsError

KINDS = ("Conv", "Gemm", "MatMul")
LEAST_WEIGHTS = 2000
"""Of a layer that is counted in int8. Measured: with all layers a call took a quarter longer."""

BATCH = 32
_NOISE, _PRESENT = "noise_", "present"

Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Quantised:
    """A file, and how near it comes to the one it was made of.

    Attributes:
      path: of the file; inputs and outputs are those of the original.
      sha256: of its content, hexadecimal.
      size, size_before: bytes, of this file and of the original.
      agreement: mean cosine between embeddings of both files with the same noise, of the output
        where it is lowest.
      worst: the lowest cosine of any one record and output.
      records: how many were compared; as many others gave the ranges.
      int8: names of the layers that count in int8.
      float32: names of large layers that went back to float32, worst first.
    """

    path: Path
    sha256: str
    size: int
    size_before: int
    agreement: float
    worst: float
    records: int
    int8: tuple[str, ...]
    float32: tuple[str, ...]


def quantised(
    path: Path,
    calibration: Mapping[str, NDArray[Any]],
    out: Path,
    *,
    agreement: float = 0.999,
    seed: int = 0,
) -> Quantised:
    """Writes the file in eight bits.

    Args:
      path: of a file that `export_onnx` wrote.
      calibration: modality -> float32 [records, *shape] and, where some are missing, "present" ->
        bool [records, modalities]; at least two records, a few hundred are enough.
      out: of the new file; its folder exists. Replaced as a whole, readable by its owner.
      agreement: least mean cosine, in [0, 1].
      seed: of the noise, which is drawn here.

    Raises:
      UsageError: records that do not fit the file's inputs.
      WeightsError: no ONNX file.
      MissingExtra: onnx is not installed.
    """
    if not 0 <= agreement <= 1:
        raise UsageError(f"agreement: {agreement!r}; expected a cosine in [0, 1].")
    original = _session(path)
    whole = _feed(original, calibration, seed)
    ranging, comparing = _rows(whole, 0), _rows(whole, 1)
    expected = _embeddings(original, comparing)
    with tempfile.TemporaryDirectory() as name:
        model, ranges = _prepared(path, ranging, Path(name))

    def cosines(layers: Sequence[str]) -> list[NDArray[np.float64]]:
        found = _embeddings(_weights.session(_int8(model, ranges, layers)), comparing)
        return [_cosines(*pair) for pair in zip(found, expected, strict=True)]

    large = _large(model)
    chosen, left = _chosen(large, lambda layers: _lowest(cosines(layers)), agreement)
    content, found = _int8(model, ranges, chosen), cosines(chosen)
    _disk.write_whole(out, content)
    return Quantised(
        path=out,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        size_before=path.stat().st_size,
        agreement=_lowest(found),
        worst=min((float(one.min()) for one in found if one.size), default=math.nan),
        records=len(next(iter(comparing.values()))),
        int8=chosen,
        float32=left,
    )


def _chosen(
    layers: Sequence[str], agreement_of: Callable[[Sequence[str]], float], wanted: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(layers that agree well enough together, those that were left out, worst first)."""
    if not layers or agreement_of(layers) >= wanted:
        return tuple(layers), ()
    alone = {layer: agreement_of([layer]) for layer in layers}
    ordered = sorted(layers, key=alone.__getitem__, reverse=True)
    count = len(ordered) - 1
    while count and agreement_of(ordered[:count]) < wanted:
        count -= 1
    return tuple(ordered[:count]), tuple(reversed(ordered[count:]))


def _prepared(path: Path, feed: Feed, folder: Path) -> tuple[Any, Any]:
    """The graph, folded and with its shapes, and the range of every tensor on these records."""
    onnx = _optional.require("onnx", extra="export", purpose="Eight bits")
    quantization = _optional.require(
        "onnxruntime.quantization", extra="export", purpose="Eight bits"
    )
    folded = folder / "folded.onnx"
    # Its symbolic shapes do not know everything that is exported; the plain ones are enough here.
    quantization.quant_pre_process(path, folded, skip_symbolic_shape=True)
    watched = quantization.create_calibrator(
        folded, list(KINDS), augmented_model_path=str(folder / "watched.onnx")
    )
    watched.collect_data(_Reader(feed))
    return onnx.load(folded), watched.compute_data()


class _Reader:
    """Records in batches, as the calibration asks for them."""

    def __init__(self, feed: Feed) -> None:
        self._batches = _batches(feed)

    def get_next(self) -> Feed | None:
        return next(self._batches, None)


def _int8(model: Any, ranges: Any, layers: Sequence[str]) -> bytes:
    """The graph with these layers in int8."""
    if not layers:  # to the quantiser no names mean all of them
        return bytes(_bare(copy.deepcopy(model)).SerializeToString())
    quantization = _optional.require(
        "onnxruntime.quantization", extra="export", purpose="Eight bits"
    )
    kind = quantization.QuantType
    quantiser = quantization.QDQQuantizer(
        copy.deepcopy(model),
        per_channel=True,
        reduce_range=False,
        weight_qType=kind.QInt8,
        activation_qType=kind.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=list(layers),
        nodes_to_exclude=[],
        op_types_to_quantize=list(KINDS),
        extra_options={},
    )
    quantiser.quantize_model()
    return bytes(_bare(quantiser.model.model).SerializeToString())


def _bare(model: Any) -> Any:
    """Without the shapes in between, which a runtime works out itself."""
    model.graph.ClearField("value_info")
    return model


def _large(model: Any) -> list[str]:
    """Layers of many constant weights, in order."""
    sizes = {one.name: math.prod(one.dims) for one in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in KINDS and sizes.get(node.input[1], 0) >= LEAST_WEIGHTS
    ]


def _session(path: Path) -> Any:
    try:
        return _weights.session(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path.name}: cannot be read ({error.strerror}).") from None
    except Exception as error:  # noqa: BLE001 - the runtime has errors of its own, without a tree
        raise WeightsError(f"{path.name}: no ONNX file that runs ({error}).") from None


def _feed(session: Any, calibration: Mapping[str, NDArray[Any]], seed: int) -> Feed:
    """What the file takes: the records, all of them present unless stated, and drawn noise."""
    draw = np.random.default_rng(seed)
    takes = {one.name: tuple(one.shape[1:]) for one in session.get_inputs()}
    asked = [name for name in takes if name != _PRESENT and not name.startswith(_NOISE)]
    if set(calibration) - {_PRESENT} != set(asked):
        raise UsageError(
            f"calibration: {', '.join(calibration)}; expected {', '.join(asked)} and, where some "
            f"are missing, {_PRESENT}."
        )
    records = len(calibration[asked[0]])
    if records < 2:
        raise UsageError(f"calibration: {records} records; expected two or more, better hundreds.")
    feed: Feed = {}
    for name, shape in takes.items():
        if name.startswith(_NOISE):
            feed[name] = draw.standard_normal((records, *shape)).astype(np.float32)
            continue
        kind = np.dtype(bool if name == _PRESENT else np.float32)
        given = calibration.get(name, np.ones((records, *shape), bool))
        if given.shape != (records, *shape) or given.dtype != kind:
            raise UsageError(
                f"{name}: {given.shape} {given.dtype}; expected {kind} ({records}, *{shape})."
            )
        feed[name] = given
    return feed


def _rows(feed: Feed, first: int) -> Feed:
    """Every second record, so that both halves hold the same people where they lie together."""
    records = len(next(iter(feed.values())))
    return {name: values[first : records - records % 2 : 2] for name, values in feed.items()}


def _batches(feed: Feed) -> Iterator[Feed]:
    for start in range(0, len(next(iter(feed.values()))), BATCH):
        yield {name: values[start : start + BATCH] for name, values in feed.items()}


def _embeddings(session: Any, feed: Feed) -> list[NDArray[np.float32]]:
    """All outputs that are embeddings, in order."""
    names = [one.name for one in session.get_outputs() if one.name.startswith("embedding")]
    parts = [session.run(names, batch) for batch in _batches(feed)]
    return [np.concatenate(one) for one in zip(*parts, strict=True)]


def _cosines(found: NDArray[Any], expected: NDArray[Any]) -> NDArray[np.float64]:
    """Of the records that have this embedding; zeros stand for a missing one."""
    one, other = found.astype(np.float64), expected.astype(np.float64)
    there = other.any(1)
    lengths = np.linalg.norm(one[there], axis=1) * np.linalg.norm(other[there], axis=1)
    cosines: NDArray[np.float64] = (one[there] * other[there]).sum(1) / np.maximum(lengths, 1e-12)
    return cosines


def _lowest(cosines: Sequence[NDArray[np.float64]]) -> float:
    """Mean cosine of the output where it is lowest."""
    return min((float(one.mean()) for one in cosines if one.size), default=math.nan)
