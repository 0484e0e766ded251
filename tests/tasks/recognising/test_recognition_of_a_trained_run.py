# SPDX-License-Identifier: Apache-2.0
"""A recogniser that polyveil.train made, calibrated and used: pictures and rhythms, end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import fixed_key
from PIL import Image

import polyveil
from polyveil.errors import UsageError, WeightsError
from polyveil.inputs import front_end
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.encoder import Encoder
from polyveil.records.record import Record
from polyveil.tasks.person_token import person_token
from polyveil.tasks.recognising.trained_run import TrainedRun

ENDS = {
    "image": front_end("image", size=16, channels=1),
    "behaviour": front_end("behaviour", steps=8, centre=[0, 0], scale=[1, 1]),
}
WIDTH = 16


def album(folder: Path, people: range, *, records: int = 4) -> Path:
    """People with a pattern and a rhythm of their own."""
    folder.mkdir(parents=True)
    rows = []
    for person in people:
        draw = np.random.default_rng(person)
        own, beat = draw.integers(0, 200, (16, 16)), draw.normal(size=(8, 2))
        for record in range(records):
            name = f"{person}-{record}.png"
            noisy = np.clip(own + draw.integers(0, 40, own.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / name)
            trace = (beat + 0.1 * draw.normal(size=beat.shape)).tolist()
            rows.append({"file_name": name, "person": f"Ann {person}", "behaviour": trace})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def network() -> bytes:
    """What the exporter writes, in small: each modality flat, times a matrix, plus noise."""
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    draw, nodes, weights = np.random.default_rng(0), [], []
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["records", *one.shape])
        for name, one in ENDS.items()
    ]
    inputs.append(helper.make_tensor_value_info("present", TensorProto.BOOL, ["records", 2]))
    outputs = []
    for name, one in ENDS.items():
        matrix = draw.normal(size=(int(np.prod(one.shape)), WIDTH)).astype(np.float32)
        weights += [numpy_helper.from_array(matrix, f"w_{name}")]
        noise = helper.make_tensor_value_info(f"noise_{name}", TensorProto.FLOAT, ["records", 16])
        inputs.append(noise)
        nodes += [
            helper.make_node("Flatten", [name], [f"flat_{name}"]),
            helper.make_node("MatMul", [f"flat_{name}", f"w_{name}"], [f"sum_{name}"]),
            helper.make_node("Add", [f"sum_{name}", f"noise_{name}"], [f"embedding_{name}"]),
        ]
        outputs.append(
            helper.make_tensor_value_info(
                f"embedding_{name}", TensorProto.FLOAT, ["records", WIDTH]
            )
        )
    nodes.append(helper.make_node("Cast", ["present"], ["seen"], to=TensorProto.FLOAT))
    outputs.append(helper.make_tensor_value_info("seen", TensorProto.FLOAT, ["records", 2]))
    graph = helper.make_graph(nodes, "run", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As if trained on people 0 to 11, under the account's own key."""
    root = tmp_path_factory.mktemp("trained")
    (root / "state" / "polyveil").mkdir(parents=True)
    key = ProjectKey.load_or_create(fixed_key(root / "state" / "polyveil" / "project.key"))
    content, folder = network(), root / "run"
    folder.mkdir()
    (folder / "recogniser.onnx").write_bytes(content)
    facts = {
        "schema": "polyveil.recogniser/1",
        "inputs": {name: one.to_json() for name, one in ENDS.items()},
        "sha256": hashlib.sha256(content).hexdigest(),
        "people": [person_token(key, f"Ann {person}") for person in range(12)],
        "key": key.id,
        "remarks": ["made up"],
    }
    (folder / "recogniser.json").write_text(json.dumps(facts))
    return folder


def test_what_training_writes_can_be_opened(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig
    from polyveil.tasks.recogniser_files import recogniser_files

    ends = {"behaviour": ENDS["behaviour"]}
    config = RecogniserConfig(
        (Modality("behaviour", ends["behaviour"].shape, ends["behaviour"].spread),),
        3,
        width=8,
        widths=(8,),
        latent=1,
        sequence_vae_widths=(8,),
    )
    for name, content in recogniser_files(
        MultimodalRecogniser(config), ends, ("0" * 32,), "run 1"
    ).items():
        (tmp_path / name).write_bytes(content)
    opened = TrainedRun.open(tmp_path)
    assert opened.people == {"0" * 32} and opened.dimensions == {"behaviour": 8}
    record = Record("r", {}, behaviour=[[0.1 * step, 1.0] for step in range(8)])
    assert set(opened.embed(record)) == {"behaviour"}


def test_people_of_the_training_are_background_and_the_rest_is_judged(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(run.parent / "state"))
    people = album(tmp_path / "people", range(72))
    out, gallery = tmp_path / "recogniser", tmp_path / "g.db"
    report = polyveil.calibrate(people, encoder=run, out=out, far=0.05)
    assert report.people["background"] == 12
    assert report.people["development"] + report.people["evaluation"] == 60
    assert any("cohort of 12" in text for text in report.remarks)
    staff = album(tmp_path / "staff", range(100, 104))
    where: dict[str, Any] = {"recogniser": out, "gallery": gallery}
    assert polyveil.enroll(staff, **where).modalities == {"behaviour": 4, "image": 4}
    picture = staff / "101-3.png"
    found = polyveil.verify("Ann 101", face=picture, **where)
    assert found.decision in ("verified", "rejected") and found.modalities == ("image",)
    with pytest.raises(UsageError, match="--voice: this recogniser reads only"):
        polyveil.verify("Ann 101", voice=picture, **where)
    for path in out.rglob("*"):
        assert path.is_dir() or b"Ann " not in path.read_bytes()


def test_codes_are_sampled_and_an_enrolment_averages_them(run: Path) -> None:
    record = Record("r", {}, behaviour=[[0.1 * step, 1.0] for step in range(8)])
    encoder: Encoder = TrainedRun.open(run)
    assert encoder.modalities(record) == {"behaviour"}
    one, other = (encoder.embed(record)["behaviour"] for _ in range(2))
    assert not np.allclose(one, other), "noise of the codes is drawn anew"
    assert np.isclose(np.linalg.norm(one), 1.0, atol=1e-6)
    singles = np.stack([encoder.embed(record)["behaviour"] for _ in range(40)])
    means = np.stack([encoder.embed(record, draws=64)["behaviour"] for _ in range(40)])
    assert means.var(axis=0).sum() < 0.1 * singles.var(axis=0).sum()
    seeded = [TrainedRun.open(run, noise=np.random.default_rng(3)).embed(record) for _ in range(2)]
    assert np.array_equal(seeded[0]["behaviour"], seeded[1]["behaviour"])
    assert encoder.embed(Record("r", {})) == {}


def test_another_network_is_another_encoder_and_a_changed_one_is_refused(
    run: Path, tmp_path: Path
) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert TrainedRun.open(copy).id == TrainedRun.open(run).id
    content = bytearray((copy / "recogniser.onnx").read_bytes())
    content[-1] ^= 1
    (copy / "recogniser.onnx").write_bytes(bytes(content))
    with pytest.raises(WeightsError, match="not the one that"):
        TrainedRun.open(copy)
    with pytest.raises(UsageError, match="Calibrate it first"):
        polyveil.verify("x", face=run / "recogniser.json", recogniser=run, gallery=tmp_path / "g")


def test_the_account_knows_whom_it_trained_on_whatever_key_recognises(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = album(tmp_path / "people", range(60))
    monkeypatch.setenv("XDG_STATE_HOME", str(run.parent / "state"))
    key = fixed_key(tmp_path / "key", 7)
    report = polyveil.calibrate(
        people, encoder=run, out=tmp_path / "r", far=0.1, key=key, dry_run=True
    )
    assert report.people["background"] == 12


def test_a_run_of_another_key_cannot_say_whom_it_has_seen(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = album(tmp_path / "people", range(30))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="another project key"):
        polyveil.calibrate(people, encoder=run, out=tmp_path / "made", far=0.1)
    assert not (tmp_path / "made").exists()
