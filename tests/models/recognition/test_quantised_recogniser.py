# SPDX-License-Identifier: Apache-2.0
"""Eight bits: as near as stated, smaller, and float32 again where a layer does harm."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recognised_people import MODALITIES, people, recogniser

from polyveil.errors import UsageError, WeightsError
from polyveil.models.recognition import quantised as module
from polyveil.models.recognition.export_onnx import Exported, export_onnx
from polyveil.models.recognition.quantised import _chosen, quantised

CHOSEN = MODALITIES[:1]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    system = recogniser(modalities=CHOSEN, vae_widths=(8, 32), widths=(32,))
    return export_onnx(system, tmp_path_factory.mktemp("exported") / "recogniser.onnx")


def records() -> dict[str, np.ndarray]:
    return {name: x.numpy() for name, x in people(8, modalities=CHOSEN)[0].items()}


def test_the_stated_figures_are_those_of_the_file(exported: Exported, tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    found = quantised(exported.path, records(), tmp_path / "int8.onnx")
    assert torch.equal(before, torch.random.get_rng_state())
    content = found.path.read_bytes()
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.size == len(content) < found.size_before == exported.path.stat().st_size
    assert found.int8 and not found.float32 and found.records == 16
    assert 0.999 <= found.agreement <= 1 and found.worst <= found.agreement
    sessions = [onnxruntime.InferenceSession(one.path) for one in (exported, found)]
    names = [[one.name for one in each.get_inputs()] for each in sessions]
    assert names[0] == names[1] == list(exported.inputs)
    shape = sessions[0].get_inputs()[-1].shape[1:]
    noise = np.random.default_rng(5).standard_normal((7, *shape)).astype(np.float32)
    feed = {"face": records()["face"][:7], "present": np.ones((7, 1), bool), "noise_face": noise}
    one, other = (each.run(["embedding"], feed)[0] for each in sessions)
    assert (one * other).sum(1).mean() > 0.998 and not np.array_equal(one, other)
    assert quantised(exported.path, records(), tmp_path / "again.onnx").sha256 == found.sha256


def test_what_cannot_agree_stays_as_it_was(exported: Exported, tmp_path: Path) -> None:
    found = quantised(exported.path, records(), tmp_path / "int8.onnx", agreement=1.0)
    assert found.int8 == () and found.float32
    assert found.agreement == pytest.approx(1.0, abs=1e-6)


@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=6), st.floats(0.95, 1))
def test_the_layers_that_harm_most_leave_first(harms: list[float], wanted: float) -> None:
    harm = {f"layer{number}": one for number, one in enumerate(harms)}

    def agreement(layers: Sequence[str]) -> float:
        return 1 - sum(harm[layer] for layer in layers)

    chosen, left = _chosen(list(harm), agreement, wanted)
    assert sorted((*chosen, *left)) == sorted(harm)
    assert agreement(chosen) >= wanted
    assert not left or agreement((*chosen, left[-1])) < wanted
    assert all(harm[out] >= harm[kept] for out in left for kept in chosen)


def test_records_that_are_missing_count_where_they_are_there(
    exported: Exported, tmp_path: Path
) -> None:
    mask = np.ones((32, 1), bool)
    mask[1::2] = False  # all of those that are compared
    found = quantised(exported.path, {**records(), "present": mask}, tmp_path / "int8.onnx")
    assert np.isnan(found.agreement) and not found.int8


def test_what_does_not_fit_is_refused(exported: Exported, tmp_path: Path) -> None:
    whole, out = records(), tmp_path / "int8.onnx"
    for wrong, named in (
        ({}, "calibration"),
        ({**whole, "gait": whole["face"]}, "calibration"),
        ({"face": whole["face"][:1]}, "calibration"),
        ({"face": whole["face"][..., :5]}, "face"),
        ({"face": whole["face"].astype(np.float64)}, "face"),
        ({**whole, "present": np.ones((32, 2), bool)}, "present"),
    ):
        with pytest.raises(UsageError, match=f"^{named}"):
            quantised(exported.path, wrong, out)
    with pytest.raises(UsageError, match="agreement"):
        quantised(exported.path, whole, out, agreement=1.5)
    (tmp_path / "other.onnx").write_bytes(b"no graph")
    for path in (tmp_path / "other.onnx", tmp_path / "none.onnx"):
        with pytest.raises(WeightsError, match=path.name):
            quantised(path, whole, out)
    assert not out.exists() and module.LEAST_WEIGHTS > 0
