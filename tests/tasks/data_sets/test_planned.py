# SPDX-License-Identifier: Apache-2.0
"""Plans that name a layout: what they mean, who is held out, which data sets pay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from small_sets import MADE, av_mnist, emo_db, less, tweets

import polyveil
from polyveil.errors import UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal.planned import sizes
from polyveil.learn.plan import Plan
from polyveil.tasks.data_sets.layouts import LAYOUTS, named
from polyveil.tasks.run_data import Sources, records
from polyveil.tasks.training_plan import training_plan

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FILES = {
    "AV-MNIST": "av_mnist",
    "tweets": "imgtext_mvsa",
    "EMO-DB": "voice_emodb",
    "CREMA-D": "crema_d",
    "MVSA": "mvsa",
}
NAMES = [one.name for one in LAYOUTS]


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def table(layout: str, **changes: Any) -> dict[str, Any]:
    sections: dict[str, Any] = {
        "data": {"layout": layout, "validation": 0.4},
        "model": {"name": "multimodal", "width": 8, "channels": [8, 8]},
        "privacy": {"epsilon": 20.0},
        "training": {"epochs": 1, "batch_size": 16},
    }
    for name, values in changes.items():
        sections[name] = {**sections[name], **values}
    return sections


def rows(data: Multimodal | None) -> set[bytes]:
    """Each record by what a network takes of it, and its class."""
    if data is None:
        return set()
    return {
        b"".join(one[row].tobytes() for one in data.inputs.values()) + bytes([data.labels[row]])
        for row in range(len(data))
    }


def test_a_plan_says_all_that_its_layout_says() -> None:
    plan = training_plan(table("EMO-DB"), "somewhere")
    assert plan.data.path == Path("somewhere")
    assert plan.data.inputs is not None and list(plan.data.inputs) == ["spectrogram", "prosody"]
    spectrogram = plan.data.inputs["spectrogram"]
    assert spectrogram == {"kind": "timbre", "emphasis": "feeling"}
    assert training_plan(plan) == plan
    assert json.dumps(plan.public()) and "somewhere" not in json.dumps(plan.public())


def test_a_plan_may_name_some_inputs_and_change_an_option() -> None:
    asked = table("EMO-DB", data={"inputs": {"spectrogram": {"emphasis": "even"}}})
    inputs = training_plan(asked, "p").data.inputs
    assert inputs is not None and list(inputs) == ["spectrogram"]
    assert inputs["spectrogram"] == {"kind": "timbre", "emphasis": "even"}
    alone = training_plan(table("EMO-DB", data={"inputs": ["prosody"]}), "p").data.inputs
    assert alone is not None and list(alone) == ["prosody"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"layout": "EMODB"}}, r"\[data\] layout: 'EMODB'; expected .* did you mean"),
        ({"data": {"inputs": ["face"]}}, "unknown key face"),
        ({"data": {"inputs": {"prosody": {"kind": "voice"}}}}, "read as prosody"),
        ({"data": {"label": "feeling"}}, "label: said by the layout"),
        ({"data": {"size": 32}}, "size: said by the layout"),
        ({"model": {"name": "recogniser"}}, 'expected .model. name "multimodal"'),
    ],
)
def test_what_a_layout_does_not_have_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        training_plan(table("EMO-DB", **changes), "p")


def test_a_plan_without_a_path_needs_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data PATH"):
        training_plan(table("EMO-DB"))
    (tmp_path / "plan.toml").write_text(
        '[data]\nlayout = "EMO-DB"\npath = "there"\n[model]\nname = "multimodal"\n'
        "[privacy]\nepsilon = 1\n"
    )
    assert training_plan(tmp_path / "plan.toml").data.path == tmp_path / "there"
    assert training_plan(tmp_path / "plan.toml", "here").data.path == Path("here")
    with pytest.raises(UsageError, match="EMO-DB; expected a folder with wav/"):
        polyveil.train(tmp_path / "plan.toml", data=tmp_path, dry_run=True)
    with pytest.raises(UsageError, match='This one is of layout = "MVSA"'):
        polyveil.train(tmp_path / "plan.toml", data=MADE["MVSA"](tmp_path / "set"), dry_run=True)


def test_a_plan_without_a_layout_is_the_job_that_it_was() -> None:
    plain = Plan.of({"data": {"path": "p"}, "privacy": {"epsilon": 1.0}})
    assert "layout" not in plain.public()["data"] and training_plan(plain) is plain


@pytest.mark.parametrize("name", NAMES)
def test_one_record_less_moves_no_other_between_the_parts(tmp_path: Path, name: str) -> None:
    """What the promise about one record needs of whoever holds records out."""
    own = {"inputs": ["voice"]} if name == "CREMA-D" else {}  # no picture there shows a face
    root = MADE[name](tmp_path / "set")
    plan = training_plan(table(name, data=own), root)
    train, held = (rows(part) for part in records(plan, "some run"))
    assert train and held and not train & held
    for at in (0, 7, 16):
        less(name, root, at)
        fewer_train, fewer_held = (rows(part) for part in records(plan, "some run"))
        assert fewer_train <= train and fewer_held <= held
        assert len(train) + len(held) - len(fewer_train) - len(fewer_held) <= 1
        train, held = fewer_train, fewer_held


@pytest.mark.parametrize("name", NAMES)
def test_who_is_held_out_together_is_never_on_two_sides(tmp_path: Path, name: str) -> None:
    own = {"inputs": ["voice"]} if name == "CREMA-D" else {}
    plan = training_plan(table(name, data=own), MADE[name](tmp_path / "set"))
    layout, sides = named(name), []
    found = layout.read(plan.data.path)
    where = dict(zip(_contents(plan), found.units, strict=False))
    for run in ("first", "second", "third"):
        train, held = records(plan, run)
        units = [{where[one] for one in rows(part)} for part in (train, held)]
        assert not units[0] & units[1]
        sides.append(frozenset(units[1]))
    assert len(set(sides)) > 1  # another run draws others


def _contents(plan: Plan) -> list[bytes]:
    """`rows` of every record, in the order of reading."""
    whole = records(training_plan(_unheld(plan)), "run")[0]
    return [
        next(iter(rows(whole.where(np.arange(len(whole)) == row)))) for row in range(len(whole))
    ]


def _unheld(plan: Plan) -> Plan:
    return replace(plan, data=replace(plan.data, validation=0.0))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.data())
def test_units_decide_alone(units: list[int], drawn: st.DataObject) -> None:
    numbers = np.arange(len(units), dtype=np.float32)[:, None]
    data = Multimodal(
        {"one": numbers}, np.ones((len(units), 1), bool), np.zeros(len(units), np.int64), ("a", "b")
    )
    names = [f"actor {one}" for one in units]
    train, held = data.held_out(0.4, b"key", names)
    gone = drawn.draw(st.integers(0, len(units) - 1))
    kept = np.arange(len(units)) != gone
    fewer = data.where(kept).held_out(
        0.4, b"key", [n for n, k in zip(names, kept, strict=True) if k]
    )
    for part, less_of_it in zip((train, held), fewer, strict=True):
        before = set(part.inputs["one"].ravel().tolist()) - {float(gone)}
        assert set(less_of_it.inputs["one"].ravel().tolist()) == before
    owners = [{units[int(row)] for row in part.inputs["one"].ravel()} for part in (train, held)]
    assert not owners[0] & owners[1]


def test_the_makers_test_part_is_left_alone(tmp_path: Path) -> None:
    plan = training_plan(table("AV-MNIST"), av_mnist(tmp_path / "set"))
    train, held = records(plan, "run")
    assert len(train) + len(held or ()) == 45  # of 60, 15 are the test part's


def test_every_folder_pays(tmp_path: Path) -> None:
    root = av_mnist(tmp_path / "set")
    plan = training_plan(table("AV-MNIST"), root)
    sources = Sources.of(plan)
    paying = {
        polyveil.content_hash(root / name): "train multimodal"
        for name in ("av_mnist/dev", "voice_fsdd/dev")
    }
    assert sources.charges(plan) == paying and sources.data not in paying
    whole = training_plan(table("EMO-DB"), emo_db(tmp_path / "emo"))
    assert Sources.of(whole).data == polyveil.content_hash(tmp_path / "emo" / "wav")
    with pytest.raises(UsageError, match="the records that are trained on"):
        Sources.of(training_plan(table("AV-MNIST", data={"validation": str(root)}), root))


def test_other_records_of_the_same_layout_are_measured_on(tmp_path: Path) -> None:
    here, other = tweets(tmp_path / "here"), tweets(tmp_path / "other", count=24)
    less("tweets", other, 3)
    plan = training_plan(table("tweets", data={"validation": str(other)}), here)
    train, held = records(plan, "run")
    assert (len(train), len(held or ())) == (40, 23)
    assert set(Sources.of(plan).charges(plan).values()) == {
        "train multimodal",
        "measure multimodal",
    }


def test_classes_may_be_fewer(tmp_path: Path) -> None:
    root = emo_db(tmp_path / "emo")
    chosen = table("EMO-DB", data={"classes": ["sadness", "anger"]})
    assert records(training_plan(chosen, root), "run")[0].classes == ("sadness", "anger")
    other = table("EMO-DB", data={"classes": ["sadness", "glee"]})
    with pytest.raises(UsageError, match="glee; expected some of anger"):
        records(training_plan(other, root), "run")


@pytest.mark.parametrize("name", FILES)
def test_an_example_runs_dry_with_the_settings_of_its_layout(tmp_path: Path, name: str) -> None:
    file, layout = EXAMPLES / f"{FILES[name]}.toml", named(name)
    report = polyveil.train(file, data=MADE[name](tmp_path / "set"), dry_run=True)
    assert report.dry_run and report.guarantee is not None
    assert report.guarantee.unit == "record with all its modalities"
    assert set(layout.held_out) <= set(report.remarks)
    plan = training_plan(file, "p")
    options = layout.options(plan.privacy.epsilon)
    of_layout = {name: getattr(options, name) for name in ("epochs", "batch_size", "optimizer")}
    assert {name: getattr(plan.training, name) for name in of_layout} == of_layout
    assert plan.training.learning_rate == pytest.approx(options.learning_rate, abs=0.005)
    assert plan.privacy.clipping == layout.clipping
    assert sizes(plan.models[0]) == dict(layout.network)


def test_a_run_goes_by_the_plan_and_the_data_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = {"curves.png": b"png", "curves.svg": b"svg"}
    monkeypatch.setattr("polyveil.learn.result_folder.draw", lambda *_, **__: blank)
    root, out = av_mnist(tmp_path / "Ann Lee"), tmp_path / "run"
    ledger = tmp_path / "ledger.db"
    report = polyveil.train(table("AV-MNIST"), out, data=root, ledger=ledger)
    assert any("Chimeric" in one for one in report.remarks)
    assert report == polyveil.train(table("AV-MNIST"), out, data=root / "av_mnist", ledger=ledger)
    with polyveil.Ledger.open(ledger) as book:
        for name in ("av_mnist/dev", "voice_fsdd/dev"):
            assert float(book.spent(polyveil.content_hash(root / name)).epsilon) == 20
    facts = json.loads((out / "classifier.json").read_text())
    assert facts["inputs"]["sound"]["options"]["mels"] == 32
    everything = b"".join(path.read_bytes() for path in out.iterdir())
    assert b"Ann Lee" not in everything
