# SPDX-License-Identifier: Apache-2.0
"""A voice or a trace of behaviour is in no byte of a safe copy, and the report says so."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import polyveil

NAME = "Eileen-Collins-7d1f"
MARK = 48151.625
"""A number of the trace that nothing else holds."""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "project.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path


def voice() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, 4000)
    soundfile.write(buffer, noise, 16_000, format="WAV")
    return buffer.getvalue()


def everything(out: Path) -> bytes:
    return b"".join(
        path.name.encode() + path.read_bytes() for path in out.rglob("*") if path.is_file()
    )


def check(out: Path, report: polyveil.DesensitizeReport) -> None:
    left = everything(out)
    assert NAME.encode() not in left and str(MARK).encode() not in left
    assert np.float64(MARK).tobytes() not in left
    assert voice()[1000:1040] not in left
    for column, count in (("voice", 2), ("behaviour", 3)):
        (line,) = (line for line in report.warnings if f"column {column}" in line)
        assert f"{count} ×" in line


def test_a_folder(tmp_path: Path, key: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    (root / f"{NAME}.wav").write_bytes(voice())
    (root / f"{NAME}.csv").write_text(f"{MARK},1\n")
    rows = [
        {"text": "The weather is fine.", "voice": f"{NAME}.wav", "behaviour": f"{NAME}.csv"},
        {"text": "It rained all day.", "voice": f"{NAME}.wav", "behaviour": [[MARK, 1]]},
        {"text": "The sun is out.", "behaviour": [{"hold_ms": MARK}]},
    ]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = polyveil.desensitize(root, out, key=key, workers=1)
    written = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert [set(row) for row in written] == [{"text"}] * 3
    check(out, report)
    scanned = polyveil.scan(root, workers=1)
    assert any("column voice" in line for line in scanned.warnings)


def test_a_csv_keeps_its_columns_empty(tmp_path: Path, key: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    (root / f"{NAME}.wav").write_bytes(voice())
    (root / "metadata.csv").write_text(f"text,voice\nThe weather is fine.,{NAME}.wav\n")
    polyveil.desensitize(root, out, key=key, workers=1)
    header, row = (out / "metadata.csv").read_text().splitlines()
    assert (header, row[-1]) == ("text,voice", ",")
    assert NAME.encode() not in everything(out)


def test_parquet(tmp_path: Path, key: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    sound = {"bytes": voice(), "path": f"{NAME}.wav"}
    columns = {
        "voice": [sound, None, sound],
        "text": ["The weather is fine.", "It rained all day.", "The sun is out."],
        "behaviour": [[[MARK, 1.0]]] * 3,
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet", compression="none")
    out = tmp_path / "out"
    report = polyveil.desensitize(tmp_path / "in.parquet", out, key=key, workers=1)
    (path,) = out.rglob("*.parquet")
    assert (
        pq.read_table(path).select(["voice", "behaviour"]).to_pylist()
        == [{"voice": None, "behaviour": None}] * 3
    )
    check(out, report)
