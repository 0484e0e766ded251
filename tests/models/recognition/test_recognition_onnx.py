# SPDX-License-Identifier: Apache-2.0
"""The exported file equals the network, for one record and for many."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from recognised_people import MODALITIES, people, recogniser

from polyveil import _optional
from polyveil.errors import MissingExtra
from polyveil.models.recognition import Modality
from polyveil.models.recognition.export_onnx import Exported, export_onnx
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.recognition.system import MultimodalRecogniser


def assert_equal(system: MultimodalRecogniser, exported: Exported, records: int) -> None:
    """Embeddings and logits for records with missing modalities, within 1e-5."""
    names = system.config.names
    chosen = tuple(one for one in MODALITIES if one.name in names)
    inputs, _ = people(1, records, chosen)
    draw = torch.Generator().manual_seed(records)
    mask = random_subsets(records, len(names), missing=0.4, generator=draw)
    noise = system.noise(records, generator=draw)
    feed = {**inputs, "present": mask, **{f"noise_{name}": one for name, one in noise.items()}}
    session = onnxruntime.InferenceSession(exported.path)
    assert tuple(one.name for one in session.get_inputs()) == exported.inputs
    assert tuple(one.name for one in session.get_outputs()) == exported.outputs
    got = session.run(None, {name: feed[name].numpy() for name in exported.inputs})
    with torch.no_grad():
        found = system.eval()(inputs, mask, noise)
    alone = [found.embeddings[name] * mask[:, [m]] for m, name in enumerate(names)]
    for one, expected in zip(got, (found.fused, found.logits, *alone), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, expected.numpy(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "chosen"),
    # Few inputs, one of each kind of encoder: a file takes seconds to make.
    [({"kernels": 2}, MODALITIES[1:]), ({"vae": False, "odconv": False}, MODALITIES[:1])],
    ids=["sampling", "plain"],
)
def test_the_file_equals_the_network(
    tmp_path: Path, options: dict, chosen: tuple[Modality, ...]
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    system = recogniser(modalities=chosen, alignment="anchors", **options)
    exported = export_onnx(system, tmp_path / "recogniser.onnx")
    assert system.training and all(one.training for one in system.modules())
    noisy = tuple(f"noise_{one.name}" for one in chosen) if system.config.vae else ()
    assert exported.inputs == (*(one.name for one in chosen), "present", *noisy)
    assert exported.outputs == (
        "embedding",
        "logits",
        *(f"embedding_{one.name}" for one in chosen),
    )
    assert exported.sha256 == hashlib.sha256(exported.path.read_bytes()).hexdigest()
    assert exported.remarks == system.config.remarks
    content = exported.path.read_bytes()
    assert b".py" not in content and str(Path.cwd()).encode() not in content  # no stack traces
    for records in (1, 7):
        assert_equal(system, exported, records)


def test_without_onnx_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr(_optional.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match="onnx"):
        export_onnx(recogniser(), tmp_path / "recogniser.onnx")
    assert not list(tmp_path.iterdir())
