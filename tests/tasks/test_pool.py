# SPDX-License-Identifier: Apache-2.0
"""One record that crashes or hangs never takes another with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polyveil.errors import RecordError
from polyveil.tasks.pool import Pool


def work(job: int) -> str:
    if job == 13:
        os._exit(1)
    if job == 17:
        time.sleep(30)
    return f"done {job}"


def crashed(job: int, error: RecordError) -> str:
    return f"refused {job}: {type(error).__name__}"


def expected(jobs: range) -> list[str]:
    bad = {13, 17}
    return [f"refused {j}: UnreadableRecord" if j in bad else f"done {j}" for j in jobs]


def test_a_crash_and_a_hang_are_two_refusals_and_the_order_is_kept() -> None:
    jobs = range(40)
    pool = Pool(work, crashed=crashed, workers=2, seconds=0.5)
    assert list(pool.map(jobs)) == expected(jobs)


def test_one_worker_runs_here_and_keeps_time() -> None:
    pool = Pool(work, crashed=crashed, workers=1, seconds=0.2)
    assert list(pool.map([16, 17, 18])) == ["done 16", "refused 17: UnreadableRecord", "done 18"]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_stream_is_not_read_far_ahead(workers: int) -> None:
    taken = []

    def stream():  # type: ignore[no-untyped-def]
        for job in range(1000, 2000):
            taken.append(job)
            yield job

    results = Pool(work, crashed=crashed, workers=workers).map(stream())
    next(results)
    assert len(taken) <= 64
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", ["file", "module", "stdin"])
def test_a_script_without_a_guard_is_run_once(way: str, tmp_path: Path) -> None:
    rows = ({"text": f"Please call Maria Keller, room {room}."} for room in range(3))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    script = tmp_path / "script.py"
    script.write_text(
        "import polyveil\n"
        "print('begun', flush=True)\n"
        "report = polyveil.scan('in', workers=2)\n"
        "print(report.exit_code, len(report.refusals))\n"
    )
    words = {"file": [str(script)], "module": ["-m", "script"], "stdin": ["-"]}[way]
    said = subprocess.run(
        [sys.executable, *words], input=script.read_text(), cwd=tmp_path, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (said.stdout.splitlines(), said.stderr) == (["begun", "1 0"], "")
