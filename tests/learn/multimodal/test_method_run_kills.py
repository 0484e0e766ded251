# SPDX-License-Identifier: Apache-2.0
"""A classifier of a plan that is killed, wherever it is, ends as if nobody had killed it."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_people import SHAPES, people

from polyveil.errors import UsageError
from polyveil.learn import kept_run
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint
from polyveil.learn.job import Job
from polyveil.learn.multimodal.planned import METHODS
from polyveil.learn.multimodal.run import MethodRun
from polyveil.learn.multimodal.steps import Steps
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Listener, Progress, Stepped, Told, silence
from polyveil.learn.work import Work

SECRET = bytes(range(32))
MODES: dict[str, dict[str, Any]] = {
    "sound": {"privacy": {"epsilon": 8.0}, "training": {}},
    "quantile": {
        "privacy": {"epsilon": 8.0, "thresholds": "quantile"},
        "training": {"optimizer": "sgd"},
    },
    "none": {"privacy": {"mode": "none"}, "training": {"averaging": 0.0}},
}


class Stopped(Exception):
    """Ends the process."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.cache
def work(mode: str, secret: bytes, model: tuple[tuple[str, str], ...]) -> Work:
    train, held_out = people(records=8).held_out(0.25, SECRET)
    plan = Plan.of(
        {
            "data": {"path": "none", "inputs": list(SHAPES)},
            "model": {"name": "multimodal", "width": 4, "channels": [8, 8], **dict(model)},
            "privacy": MODES[mode]["privacy"],
            "training": {"epochs": 3, "batch_size": 18, **MODES[mode]["training"]},
        }
    )
    return Work.of(plan, train, held_out, secret)


def job(path: Path, mode: str = "sound", secret: bytes = SECRET, **model: str) -> Job:
    return work(mode, secret, tuple(model.items())).job(1, path)


def raising_at(round_: int, heard: list[Progress]) -> Listener:
    def listen(event: Progress) -> None:
        heard.append(event)
        if isinstance(event, Stepped) and event.step == round_:
            raise Stopped

    return listen


def assert_same(one: MethodRun, other: MethodRun) -> None:
    ours, theirs = one.weights(), other.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert one.history == other.history and one.steps_done == other.steps_done


EACH = [*({"method": name} for name in METHODS), {"projection": "subspace"}]
CASES = [
    (one, mode) for at, one in enumerate(EACH) for mode in ("sound", ("quantile", "none")[at % 2])
]


@pytest.mark.parametrize(
    ("model", "mode"), CASES, ids=[f"{'-'.join(one.values())}-{mode}" for one, mode in CASES]
)
def test_stopped_by_a_listener_and_then_within_a_round(
    model: dict[str, str], mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, told = MethodRun(job(tmp_path / "whole", mode, **model)), []  # type: ignore[var-annotated]
    whole.finish(told.append)
    heard: list[Progress] = []
    path = tmp_path / "kept"
    with pytest.raises(Stopped):
        MethodRun(job(path, mode, **model)).finish(raising_at(2, heard))
    assert path.stat().st_mode & 0o777 == 0o600
    with monkeypatch.context() as patch:
        patch.setattr(kept_run, "_KEEP_EVERY", 0.0)
        patch.setattr(Steps, "apply", _fails_at(4))
        second = MethodRun(job(path, mode, **model))
        assert second.steps_done == 2
        with pytest.raises(Stopped):
            second.finish(heard.append)
    third = MethodRun(job(path, mode, **model))
    assert 2 < third.steps_done < whole.steps_done
    third.finish(heard.append)
    assert_same(third, whole)
    steps = [event.step for event in heard if isinstance(event, Stepped)]
    assert steps == sorted(steps) and set(steps) == set(range(1, whole.steps_done + 1))
    # Every measurement was told once, and told as it would have been.
    measured = [event for event in heard if isinstance(event, Told)]
    assert measured == [event for event in told if isinstance(event, Told)]


def _fails_at(call: int) -> Callable[[Steps], None]:
    apply, calls = Steps.apply, 0

    def counting(self: Steps) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Stopped
        apply(self)

    return counting


@given(kills=st.lists(st.integers(1, 6), min_size=1, max_size=3))
@settings(max_examples=5, deadline=None)
def test_at_whatever_rounds_it_is_stopped(
    kills: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    for round_ in kills:
        made = MethodRun(job(folder / "kept", method="joint"))
        if made.steps_done <= round_:
            with pytest.raises(Stopped):
                made.finish(raising_at(round_, []))
    last = MethodRun(job(folder / "kept", method="joint"))
    last.finish(silence)
    whole = MethodRun(job(folder / "whole", method="joint"))
    whole.finish(silence)
    assert_same(last, whole)


def test_a_finished_one_is_measured_and_told_no_more(tmp_path: Path) -> None:
    first = MethodRun(job(tmp_path / "kept"))
    first.finish(silence)
    again, heard = MethodRun(job(tmp_path / "kept")), []  # type: ignore[var-annotated]
    again.finish(heard.append)
    assert [type(event) for event in heard] == [Stepped] and heard[0].step == heard[0].steps
    assert_same(again, first)
    assert again.seconds > 0 and not again.model.training


def test_what_is_not_of_this_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    with pytest.raises(Stopped):
        MethodRun(job(path)).finish(raising_at(2, []))
    same = job(path)
    fewer = same.train.where(np.arange(len(same.train)) > 0)
    swapped = replace(same.train, labels=same.train.labels[::-1].copy())
    for other in (
        *(job(path, secret=bytes(32)), job(path, "none"), job(path, method="joint")),
        *(replace(same, train=one) for one in (fewer, swapped)),
        replace(same, held_out=fewer),
    ):
        with pytest.raises(UsageError, match="not of this training"):
            MethodRun(other)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UsageError, match="Restore the file"):
        MethodRun(job(path))
    write_checkpoint(path, {"model": {}, "private": {}})
    with pytest.raises(UsageError, match="not of this training"):
        MethodRun(job(path))
    path.write_bytes(content)
    assert read_checkpoint(path) is not None and MethodRun(job(path)).steps_done == 2


def test_sigkill(tmp_path: Path) -> None:
    """Without a chance to write anything; what was kept before is gone on with here."""
    code = f"""
    import os, signal, sys
    sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}
    from pathlib import Path
    import torch
    from test_method_run_kills import MethodRun, Stepped, job, kept_run
    torch.set_num_threads(1)
    kept_run._KEEP_EVERY = 0.0
    def listen(event):
        if isinstance(event, Stepped) and event.step == 4:
            os.kill(os.getpid(), signal.SIGKILL)
    MethodRun(job(Path({str(tmp_path / "kept")!r}))).finish(listen)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    resumed, whole = MethodRun(job(tmp_path / "kept")), MethodRun(job(tmp_path / "whole"))
    assert resumed.steps_done == 4
    resumed.finish(silence)
    whole.finish(silence)
    assert_same(resumed, whole)
