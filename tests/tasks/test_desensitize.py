# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end, on the demo's album: real photographs, captions, a letter."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import polyveil
from polyveil.errors import EXIT_RECORDS_REFUSED, JournalError, UsageError
from polyveil.tasks.demo import write_album

SECRETS = ("Eileen", "Collins", "Jonathan", "n.reed", "e.collins", "555-2368", "14 July")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("input") / "Eileen Collins"
    write_album(folder)
    return folder


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fixed key: another key casts other people, and what is said of them may differ."""
    path = tmp_path_factory.mktemp("key") / "project.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def safe(album: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("output") / "safe"
    polyveil.desensitize(album, out, key=key, workers=1)
    return out


def rows(out: Path) -> list[dict]:  # type: ignore[type-arg]
    text = (out / "metadata.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_no_secret_is_in_any_byte_of_the_output(safe: Path) -> None:
    for path in safe.rglob("*"):
        assert not any(secret in path.name for secret in SECRETS)
        if path.is_file():
            data = path.read_bytes().lower()
            assert not [s for s in SECRETS if s.lower().encode() in data], path.name


def test_one_stand_in_per_person_in_every_record(safe: Path) -> None:
    texts = [row["text"] for row in rows(safe)]
    given, family = texts[0].split(",")[0].split()
    assert f"Commander {family}" in texts[1]
    assert f"{given} {family}" in texts[2] and f"{given} {family}" in texts[3]
    assert family in texts[4]
    # Some stand-ins look calm rather than smiling; then the text must say so too.
    assert re.search(r"a (smiling|calm) woman in an orange suit", texts[0])


def test_pictures_keep_shape_and_everything_outside_the_face(album: Path, safe: Path) -> None:
    originals = [row for row in rows(album) if "file_name" in row]
    for before, after in zip(originals, rows(safe), strict=False):
        from PIL import ImageOps

        old = np.asarray(ImageOps.exif_transpose(Image.open(album / before["file_name"])))
        new = np.asarray(Image.open(safe / after["file_name"]))
        assert old.shape[:2] == new.shape[:2]
        old_grey, new_grey = (a if a.ndim == 2 else a.mean(axis=2) for a in (old, new))
        changed = np.abs(old_grey.astype(float) - new_grey) > 24
        assert 0.002 < changed.mean() < 0.4


def test_a_rerun_is_a_no_op_and_another_job_is_refused(album: Path, safe: Path, key: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in safe.rglob("*") if p.is_file()}
    report = polyveil.desensitize(album, safe, key=key, workers=1)
    assert report.job.counts.records_released == 5
    assert {p: p.stat().st_mtime_ns for p in safe.rglob("*") if p.is_file()} == before
    with pytest.raises(JournalError):
        polyveil.desensitize(
            album, safe, key=key, workers=1, settings=polyveil.Settings(faces="solid")
        )


def test_the_same_key_gives_the_same_people_in_another_run(
    album: Path, safe: Path, key: Path, tmp_path: Path
) -> None:
    polyveil.desensitize(album, tmp_path / "again", key=key, workers=1)
    other = tmp_path / "other"
    polyveil.desensitize(album, other, key=tmp_path / "other.key", workers=1)
    texts = [[row["text"] for row in rows(out)] for out in (safe, tmp_path / "again", other)]
    assert texts[0] == texts[1] and texts[0][0] != texts[2][0]


def test_a_bad_file_is_one_refusal(album: Path, key: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    whole = (album / "scan_collins.jpg").read_bytes()
    (bad / "a.jpg").write_bytes(whole[: len(whole) // 3])
    (bad / "b.jpg").write_bytes(whole)
    report = polyveil.desensitize(bad, tmp_path / "out", key=key, workers=1)
    assert report.exit_code == EXIT_RECORDS_REFUSED
    counts = report.job.counts
    assert (counts.records_released, counts.records_refused) == (1, 1)


def test_dry_run_writes_nothing(album: Path, key: Path, tmp_path: Path) -> None:
    report = polyveil.desensitize(album, tmp_path / "out", key=key, workers=1, dry_run=True)
    said = report.summary()
    assert "No record came out. In all records read, 4 faces and 15 mentions were found." in said
    assert "stand-ins" not in said, "nobody was replaced"
    assert report.job.counts.faces.found >= 4 and not (tmp_path / "out").exists()


def test_out_inside_the_input_is_refused(album: Path, key: Path) -> None:
    with pytest.raises(UsageError):
        polyveil.desensitize(album, album / "safe", key=key, workers=1)


def test_the_vault_turns_the_text_back(album: Path, key: Path, tmp_path: Path) -> None:
    vault, out = tmp_path / "people.vault", tmp_path / "out"
    polyveil.desensitize(album, out, key=key, workers=1, vault=vault, passphrase="a b c d e")
    report = polyveil.restore(out, vault=vault, passphrase="a b c d e", out=tmp_path / "back.jsonl")
    assert report.exit_code == 0
    back = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    assert [row["text"] for row in back] == [row["text"] for row in rows(album)]


def test_a_killed_job_goes_on_and_ends_the_same(
    album: Path, safe: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    command = [
        sys.executable, "-m", "polyveil.apps.cli.main", "desensitize", str(album),
        "--out", str(out), "--key", str(key), "--workers", "1", "--json",
    ]  # fmt: skip
    for delay in (1.2, 2.0, 2.8):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert [row["text"] for row in rows(out)] == [row["text"] for row in rows(safe)]
    listed = {row["file_name"] for row in rows(out) if "file_name" in row}
    assert {p.name for p in out.rglob("*.[jp][pn]g")} == {Path(name).name for name in listed}
