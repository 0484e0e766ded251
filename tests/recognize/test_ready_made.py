# SPDX-License-Identifier: Apache-2.0
"""Embeddings from columns and files: read as they are, never from outside the data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.recognize.centre import Centre
from polyveil.recognize.centred import Centred
from polyveil.recognize.ready_made import ReadyMade, vector_file
from polyveil.records.record import Record, Refused


def record(**row: Any) -> Record:
    return Record("r", row)


def test_rows_files_and_rows_of_files_say_the_same(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    np.save(tmp_path / "all.npy", rows)
    np.save(tmp_path / "one.npy", rows[3])
    records = [
        record(embedding_face=rows[3].tolist()),
        record(embedding_face="all.npy#3"),
        record(embedding_face="one.npy", embedding_voice=None),
        Refused("x", "k", "w"),
    ]
    made = ReadyMade.of(records, tmp_path, name="a net")
    assert made.dimensions == {"face": 8}
    unit = rows[3] / np.linalg.norm(rows[3])
    for one in records[:3]:
        found = made.embed(one)  # type: ignore[arg-type]
        assert list(found) == ["face"] and found["face"].dtype == np.float32
        np.testing.assert_allclose(found["face"], unit, rtol=1e-6)
    assert made.embed(record(text="nothing")) == {} and made.modalities(record()) == frozenset()


@pytest.mark.parametrize(
    "value",
    [
        [1.0] * 7,
        [0.0] * 8,
        [float("1e300")] * 8,
        [True] * 8,
        {"a": 1},
        5,
        "gone.npy",
        "../outside.npy",
        "/etc/passwd",
        "all.npy",
        "all.npy#9",
        "all.npy#-1",
        "all.npy#x",
        "text.npy",
        "pickle.npy",
        "a\0b",
    ],
)
def test_anything_else_is_refused_by_record(tmp_path: Path, value: Any) -> None:
    root = tmp_path / "data"
    root.mkdir()
    np.save(tmp_path / "outside.npy", np.ones(8))
    np.save(root / "all.npy", np.ones((5, 8)))
    (root / "text.npy").write_text("no array")
    np.save(root / "pickle.npy", np.array([{}] * 8, dtype=object), allow_pickle=True)
    made = ReadyMade("", {"face": 8}, root)
    if value == [1e300] * 8:
        assert np.isfinite(made.embed(record(embedding_face=value))["face"]).all()
        return
    with pytest.raises(UnreadableRecord):
        made.embed(record(embedding_face=value))


def test_name_and_dimensions_make_the_encoder() -> None:
    first = ReadyMade("dlib 19", {"face": 8})
    assert first.id == ReadyMade("dlib 19", {"face": 8}).id
    assert first.id not in {ReadyMade("dlib 20", {"face": 8}).id, ReadyMade("", {"face": 9}).id}
    with pytest.raises(UsageError, match="embedding_<modality>"):
        ReadyMade.of([record(text="x")], Path())


def test_a_single_file_is_one_vector(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4.0))
    assert vector_file(tmp_path / "a.npy", "face") == [0.0, 1.0, 2.0, 3.0]
    np.savez(tmp_path / "b.npz", a=np.ones(4))
    with pytest.raises(UnreadableRecord):
        vector_file(tmp_path / "b.npz", "face")


def test_around_a_centre_it_is_another_encoder_with_other_directions() -> None:
    made = ReadyMade("", {"face": 4})
    centres = [{"face": Centre(np.full(4, value))} for value in (0.1, 0.2)]
    one, other = (Centred(made, centre) for centre in centres)
    assert len({made.id, one.id, other.id}) == 3 and one.dimensions == {"face": 4}
    row = record(embedding_face=[1.0, 2.0, 3.0, 4.0])
    expected = made.embed(row)["face"] - 0.1
    np.testing.assert_allclose(
        one.embed(row)["face"], expected / np.linalg.norm(expected), rtol=1e-5
    )
    with pytest.raises(UsageError, match="expected"):
        Centred(made, {"voice": Centre(np.ones(4))})
