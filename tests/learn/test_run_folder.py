# SPDX-License-Identifier: Apache-2.0
"""Whose folder a run lives in: what fits it, who may read it, and what is forgotten at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyveil.errors import UsageError
from polyveil.learn.run_folder import PRIVATE, RunFolder, is_open, opened


def begun(out: Path, job: str = "job", torch: str = "2.13") -> RunFolder:
    with opened(out, job, threads=1, torch=torch, started="now") as folder:
        return folder


def test_a_run_goes_on_under_its_own_secret_and_threads(tmp_path: Path) -> None:
    first = begun(tmp_path)
    with opened(tmp_path, "job", threads=7, torch="2.13", started="later") as again:
        assert again.state == first.state and len(again.secret) == 32
    assert begun(tmp_path / "other").secret != first.secret


def test_another_job_or_torch_does_not_go_on(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(UsageError, match="another plan or other data"):
        begun(tmp_path, job="other")
    with pytest.raises(UsageError, match=r"begun with torch 2\.13"):
        begun(tmp_path, torch="2.14")


def test_the_secret_is_its_owners_alone(tmp_path: Path) -> None:
    begun(tmp_path)
    state = tmp_path / PRIVATE / "run.json"
    assert state.stat().st_mode & 0o777 == 0o600
    assert state.parent.stat().st_mode & 0o777 == 0o700
    state.chmod(0o640)
    with pytest.raises(UsageError, match="readable for others"):
        begun(tmp_path)
    state.chmod(0o600)
    state.write_text("{}")
    with pytest.raises(UsageError, match="damaged"):
        begun(tmp_path)


def test_what_takes_the_noise_off_is_forgotten_at_the_end(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    for number in (1, 2):
        folder.checkpoint(number).write_bytes(b"state")
    assert folder.has_steps and is_open(tmp_path)
    folder.write("result.json", b"{}")
    folder.close_for_good()
    assert not is_open(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]
