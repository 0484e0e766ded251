# SPDX-License-Identifier: Apache-2.0
"""The demo, as somebody runs it who wants to see it once more."""

from __future__ import annotations

from pathlib import Path

import pytest

import polyveil
from polyveil.tasks.demo import ROWS, write_album


def test_the_demo_runs_again_in_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = polyveil.demo(tmp_path / "out")
    page = (tmp_path / "out" / "safe" / "report.html").read_bytes()
    again = polyveil.demo(tmp_path / "out")
    assert again.summary() == first.summary()
    assert (tmp_path / "out" / "safe" / "report.html").read_bytes() == page


def test_a_damaged_album_is_mended_and_the_rest_is_left_alone(tmp_path: Path) -> None:
    write_album(tmp_path)
    kept, damaged = (tmp_path / ROWS[at]["file_name"] for at in (0, 1))
    before = kept.stat().st_mtime_ns, damaged.read_bytes()
    damaged.write_bytes(b"")
    write_album(tmp_path)
    assert (kept.stat().st_mtime_ns, damaged.read_bytes()) == before
