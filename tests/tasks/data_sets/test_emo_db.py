# SPDX-License-Identifier: Apache-2.0
"""EMO-DB's layout: emotions by letter, actors apart, two views of one recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.tasks.data_sets.emo_db import read_emo_db


@pytest.mark.parametrize("inside", ["wav", "."])
def test_names_say_actor_and_emotion(tmp_path: Path, inside: str) -> None:
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0).normal(0, 0.1, 8000)
    for name in ("03a01Fa", "03b10Wc", "16a05N", "readme"):
        soundfile.write(folder / f"{name}.wav", noise, 16_000, subtype="PCM_16")
    for hidden in ("._03a01Fa.wav", ".DS_Store"):
        (folder / hidden).write_bytes(b"\0\5\x16\7")
    data = read_emo_db(tmp_path)
    assert data.labels == ("happiness", "anger", "neutral")
    assert [record.person for record in data.records] == ["03", "03", "16"]
    assert data.ties[0] == data.ties[1] != data.ties[2]
    assert len(data.refused) == 1


def test_the_pack_agrees_with_its_own_labels(data: Callable[[str], Path]) -> None:
    import csv

    folder = data("voice_emodb") / "dev"
    with (folder / "labels.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    found = read_emo_db(folder)
    assert list(found.labels) == [row["emotion"] for row in rows]
    assert [record.person for record in found.records] == [row["speaker"] for row in rows]
    split = found.split(validation=0.2, test=0.25, seed=0)
    actors = [
        {found.records[row].person for row in part}
        for part in (split.train, split.validation, split.test)
    ]
    assert not (actors[0] & actors[1] or actors[0] & actors[2] or actors[1] & actors[2])
    two_views = {"spectrogram": front_end("voice"), "prosody": front_end("prosody")}
    read = found.read(two_views, split.test[:5])
    assert read.present.all() and read.shapes["prosody"] == (28,)


def test_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no usable record"):
        read_emo_db(tmp_path)
