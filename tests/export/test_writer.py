# SPDX-License-Identifier: Apache-2.0
"""The door: same layout, row order, no canary anywhere, exact after any kill."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import a_job
import numpy as np
import pytest
from canaries import CANARY, MAKERS, TEXT
from PIL import Image

from polyveil.errors import JournalError
from polyveil.export.journal import Journal
from polyveil.export.layout import OURS, Layout
from polyveil.export.place import PRIVATE
from polyveil.export.writer import Writer
from polyveil.records.picture import decode
from polyveil.records.record import Desensitized, Record, Refused
from polyveil.records.source import open_source

KILLS = int(os.environ.get("POLYVEIL_KILLS", "10"))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def contents(out: Path) -> dict[str, bytes]:
    """Everything released: name -> bytes."""
    files = (path for path in out.rglob("*") if path.is_file())
    named = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in named.items() if not name.startswith(PRIVATE)}


def album(root: Path, count: int = 30) -> Path:
    """A data set with text, pictures, both, and a line that is refused."""
    (root / "train" / "Zoe").mkdir(parents=True)
    lines = []
    for number in range(count):
        shade = Image.new("RGB", (40, 30), (number * 8, 90, 255 - number * 8))
        shade.save(root / "train" / "Zoe" / f"Zoe {number}.png")
        if number % 3:
            lines.append(json.dumps({"file_name": f"Zoe/Zoe {number}.png", "text": f"t{number}"}))
        else:
            lines.append(json.dumps({"text": f"alone {number}"}))
    lines.insert(4, "broken")
    (root / "train" / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    return root


def test_layout_rows_and_order_are_those_of_the_input(tmp_path: Path) -> None:
    source, out = album(tmp_path / "in"), tmp_path / "out"
    assert a_job.run(source, out) == 41
    got = rows(out / "train" / "metadata.jsonl")
    wanted = [f"t{n}" if n % 3 else f"alone {n}" for n in range(30)]
    assert [row["text"] for row in got] == wanted
    for number, row in enumerate(got):
        if number % 3:
            pixels = decode(out / "train" / row["file_name"]).pixels
            assert tuple(pixels[0, 0]) == (number * 8, 90, 255 - number * 8)
    # The ten pictures that no row names are there too, without a row.
    assert len(list((out / "train").glob("*/*.png"))) == 30
    assert not (out / "metadata.jsonl").exists()


def test_rerun_is_a_no_op(tmp_path: Path) -> None:
    source, out = album(tmp_path / "in"), tmp_path / "out"
    a_job.run(source, out)
    before = {
        path: path.stat().st_mtime_ns for path in out.rglob("*.*") if PRIVATE not in str(path)
    }
    assert a_job.run(source, out) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    (source / "train" / "metadata.jsonl").write_text('{"text": "other"}')
    with pytest.raises(JournalError, match="another job"):
        a_job.run(source, out)


def test_no_canary_in_any_byte_or_name(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    for number, (form, make) in enumerate(MAKERS.items()):
        folder = source / ("train" if number % 2 else TEXT) / f"{TEXT} {form}"
        folder.mkdir(parents=True)
        (folder / f"{TEXT}.{form.lower()}").write_bytes(make())
    (source / TEXT / "metadata.jsonl").write_text(
        json.dumps({"file_name": f"{TEXT} JPEG/{TEXT}.jpeg", "text": "safe", "person": TEXT})
    )
    a_job.run(source, out)
    pictures = [path for path in out.rglob("*") if OURS.fullmatch(path.name)]
    assert len(pictures) == len(MAKERS)
    for path in out.rglob("*"):
        assert TEXT not in str(path.relative_to(out))
        assert not path.is_file() or CANARY not in path.read_bytes()


def test_csv_in_csv_out(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    Image.new("RGB", (9, 9)).save(source / "Zoe.png")
    text = 'file_name,text,person\nZoe.png,"a, ""b""",Zoe\n,alone,\n'
    (source / "metadata.csv").write_text(text)
    a_job.run(source, out)
    (name,) = (path.name for path in out.glob("*.png"))
    written = (out / "metadata.csv").read_text()
    assert written.splitlines() == [
        "file_name,text,person", f'{name},"a, ""b""",', ",alone,",
    ]  # fmt: skip


def test_parquet_in_parquet_out(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data = MAKERS["JPEG"]()
    columns = {
        "text": [f"t{n}" for n in range(250)],
        "image": [{"bytes": data, "path": TEXT} if n % 5 else None for n in range(250)],
        "person": list(range(250)),
        "score": [n / 2 for n in range(250)],
    }  # fmt: skip
    table = pa.table(columns).replace_schema_metadata({"huggingface": TEXT})
    pq.write_table(table, tmp_path / f"{TEXT}.parquet", row_group_size=60)
    out = tmp_path / "out"
    a_job.run(tmp_path / f"{TEXT}.parquet", out)
    got = pq.read_table(out / "data.parquet")
    assert got.column_names == ["text", "image", "person", "score"]
    assert got["text"].to_pylist() == columns["text"]
    assert got["score"].to_pylist() == columns["score"]
    assert got["person"].null_count == 250
    assert got["image"].to_pylist()[0] is None
    assert decode(got["image"].to_pylist()[1]["bytes"]).pixels.shape == (48, 64, 3)
    for path in out.rglob("*"):
        assert not path.is_file() or CANARY not in path.read_bytes()
    assert not list((out / PRIVATE / "pictures").iterdir())


def test_a_folder_of_parquet_files_keeps_its_files(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    source, out = tmp_path / "in", tmp_path / "out"
    names = ("data/train-00000-of-00002.parquet", f"{TEXT}/{TEXT}.parquet", "data/0001.parquet")
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        column = [{"bytes": MAKERS["PNG"](), "path": TEXT}, None]
        pq.write_table(pa.table({"image": column, "text": ["a", "b"]}), source / name)
    (source / "data" / "broken.parquet").write_bytes(b"PAR1")
    opened = open_source(source)
    assert len(opened) == len(list(opened.records())) == 7
    assert not any(TEXT in item.id for item in opened.records())
    a_job.run(source, out)
    got = sorted(contents(out), key=lambda name: (name.startswith("data/"), name))
    assert got[1:] == ["data/0001.parquet", "data/train-00000-of-00002.parquet"]
    assert got[0].endswith("/data-1.parquet")
    assert all(pq.read_table(out / name)["text"].to_pylist() == ["a", "b"] for name in got)
    assert not any(CANARY in data or TEXT in name for name, data in contents(out).items())


def test_rows_of_a_bare_folder_are_written_beside_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "a.png")
    out, source = tmp_path / "out", open_source(tmp_path / "in")
    with Journal.open(out, "ab") as journal:
        writer = Writer(out, journal, Layout.of(source, journal))
        (record,) = source.records()
        pixels = np.zeros((3, 3), np.uint8)
        writer.release(0, record, Desensitized(record.id, {"text": "made"}, pixels))
        writer.finish()
    (row,) = rows(out / "metadata.jsonl")
    assert row["text"] == "made"
    assert (out / row["file_name"]).is_file()


def test_a_worker_writes_and_the_main_process_settles(tmp_path: Path) -> None:
    with Journal.open(tmp_path, "ab") as journal:
        writer = Writer(tmp_path, journal, Layout({}, journal.salt()))
        door = pickle.loads(pickle.dumps(writer.door))  # noqa: S301
        safe = Desensitized("picture:1", {}, np.zeros((3, 3), np.uint8))
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            outcome = pool.submit(door.write, Record("picture:1", {}), safe).result()
        assert not journal.settled(0)
        writer.settle(0, outcome)
        assert journal.outcome(0) == outcome
    assert outcome.file is not None
    assert (tmp_path / outcome.file).is_file()


@pytest.mark.parametrize(
    "other", [Refused("a:1", "x", "y"), Record("a:1", {}), {"id": "a:1"}, None]
)
def test_only_desensitized_leaves(tmp_path: Path, other: object) -> None:
    with Journal.open(tmp_path / "out", "ab") as journal:
        writer = Writer(tmp_path / "out", journal, Layout({}, journal.salt()))
        with pytest.raises(TypeError, match="expected Desensitized"):
            writer.release(0, Record("a:1", {}), other)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="handed in"):
            writer.release(0, Record("a:1", {}), Desensitized("a:2", {}, None))
        with pytest.raises(JournalError, match="0 of 1"):
            writer.finish(expected=1)
    assert not contents(tmp_path / "out")


def test_what_a_kill_left_is_swept_and_what_is_missing_is_done_again(tmp_path: Path) -> None:
    source, out = album(tmp_path / "in", 6), tmp_path / "out"
    with Journal.open(out, open_source(source).fingerprint(b"key")) as journal:
        layout = Layout.of(open_source(source), journal)
        writer = Writer(out, journal, layout)
        items = [item for item in open_source(source).records() if isinstance(item, Record)]
        lost = items[1]
        assert lost.image is not None
        outcome = writer.release(
            1, lost, Desensitized(lost.id, {"text": "x"}, decode(lost.image).pixels)
        )
        assert outcome.file is not None
        (out / outcome.file).unlink()
        orphan = out / "train" / f"{'a' * 24}.png"
        orphan.write_bytes(b"x")
        draft = out / PRIVATE / "tmp" / "x.part"
        draft.write_bytes(b"x")
        (out / "report.html").write_text("not ours to sweep")
        Writer(out, journal, layout)
        assert not journal.settled(1)
        assert not orphan.exists()
        assert not draft.exists()
    a_job.run(source, out)
    assert (out / outcome.file).is_file()
    assert (out / "report.html").is_file()


def test_any_kill_loses_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    """SIGKILL at random moments; the resumed job ends as one that was never killed."""
    source, chance = album(tmp_path / "in"), random.Random(7)
    a_job.run(source, tmp_path / "whole")
    kills = finished = 0
    while kills < KILLS:
        out = tmp_path / f"out-{finished}"
        program = [sys.executable, a_job.__file__, str(source), str(out), "0.002"]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as job:
            assert job.stdout is not None
            job.stdout.readline()
            time.sleep(chance.uniform(0, 0.12))
            alive = job.poll() is None
            job.send_signal(signal.SIGKILL)
        kills += alive
        for name, data in contents(out).items() if out.exists() else ():
            if OURS.fullmatch(name.rpartition("/")[2]):
                assert decode(data).pixels.shape == (30, 40, 3)
            else:
                assert name == "train/metadata.jsonl"
                assert data.count(b"\n") == 30
        if not alive or chance.random() < 0.2:
            a_job.run(source, out)
            assert _comparable(out) == _comparable(tmp_path / "whole")
            finished += 1
    a_job.run(source, tmp_path / f"out-{finished}")
    assert _comparable(tmp_path / f"out-{finished}") == _comparable(tmp_path / "whole")


def _comparable(out: Path) -> list[Any]:
    """What two runs have in common: rows with the bytes of their pictures; then all the bytes."""
    got: list[Any] = []
    for row in rows(out / "train" / "metadata.jsonl"):
        name = row.pop("file_name", None)
        got.append((row, name and (out / "train" / name).read_bytes()))
    names = [name for name in contents(out) if OURS.fullmatch(name.rpartition("/")[2])]
    return [got, sorted(contents(out)[name] for name in names)]
