# SPDX-License-Identifier: Apache-2.0
"""calibrate, enroll, verify, identify and revoke as a user types them: exit codes and one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from polyveil.apps.cli.main import main


def person(at: int, session: int) -> list[float]:
    own = np.random.default_rng(at).normal(size=24)
    return (1.0 + own + 0.2 * np.random.default_rng([at, session]).normal(size=24)).tolist()


def folder(path: Path, people: range, sessions: range) -> Path:
    path.mkdir()
    rows = [
        {"person": f"Ann {at}", "embedding_face": person(at, session)}
        for at in people
        for session in sessions
    ]
    (path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["polyveil", *map(str, words)])
    try:
        main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def test_the_five_verbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_bytes(b"a key of tests that has 32 bytes")
    (tmp_path / "key").chmod(0o600)
    others = folder(tmp_path / "others", range(60), range(3))
    staff = folder(tmp_path / "staff", range(100, 105), range(2))
    np.save(tmp_path / "me.npy", person(101, 9))
    rec, key = tmp_path / "rec", ("--key", tmp_path / "key")
    calibrated = run(
        monkeypatch, "calibrate", others, "--encoder", "embeddings", "--out", rec, "--far", 0.05,
        *key,
    )  # fmt: skip
    assert calibrated in (0, 1) and "calibration.html" in capsys.readouterr().out
    where = ("--gallery", tmp_path / "g.db", *key)
    used = ("--recogniser", rec, *where)
    assert run(monkeypatch, "enroll", staff, *used, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "polyveil.enroll/1" and told["enrolled"] == 5
    me = ("--face", tmp_path / "me.npy")
    assert run(monkeypatch, "verify", "Ann 101", *me, *used) == 0
    assert run(monkeypatch, "verify", "Ann 103", *me, *used) == 1
    (tmp_path / "names").write_text("Ann 101\n")
    assert run(monkeypatch, "identify", *me, *used, "--names", tmp_path / "names") == 0
    assert "file:1: Ann 101 (" in capsys.readouterr().out
    assert run(monkeypatch, "revoke", "Ann 101", *where) == 0
    assert run(monkeypatch, "verify", "Ann 101", *me, *used) == 1
    assert run(monkeypatch, "revoke", "Ann 101", "--forget", *where) == 0
    assert run(monkeypatch, "revoke", "Ann 101", *where) == 1
    capsys.readouterr()
    assert run(monkeypatch, "verify", "Ann 102", *me, *used, "--far", "1e-9") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Ann" not in said


def test_the_key_may_lie_in_a_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORD", "a long passphrase")
    others = folder(tmp_path / "others", range(60), range(2))
    rec, vault = tmp_path / "rec", ("--vault", tmp_path / "v.db", "--passphrase-from", "WORD")
    done = run(
        monkeypatch, "calibrate", others, "--encoder", "embeddings", "--out", rec, "--far", 0.05,
        *vault,
    )  # fmt: skip
    assert done in (0, 1)
    assert run(
        monkeypatch, "enroll", others, "--recogniser", rec, "--gallery", tmp_path / "g.db", *vault
    ) == 0  # fmt: skip
    monkeypatch.setenv("WORD", "another passphrase")
    assert run(monkeypatch, "revoke", "Ann 1", "--gallery", tmp_path / "g.db", *vault) == 2
