# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: whose it is, the run's secret, and the only process that may work on it.

    RUN/.polyveil/run.json            id of the run, fingerprint of the job, secret; mode 0600
    RUN/.polyveil/model-1.checkpoint  state between two steps; mode 0600
    RUN/result.json, ...              what is released, all at once, at the end

Batches and noise follow from the secret, which is on the disk before the first noisy step. A run
that was killed therefore repeats its unsaved steps with the same samples under the same noise: the
same values, not a second noising of the same step, which together with the first would tell more
than was charged. The secret takes the noise off, so the private folder goes when the run is done.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from polyveil._disk import check_outside, write_whole
from polyveil.errors import UsageError
from polyveil.learn.noise import SECRET_BYTES

PRIVATE = ".polyveil"
RESULT = "result.json"
_STATE, _LOCK = "run.json", "lock"


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run must remember from its first moment on.

    Attributes:
      run: id, as the ledger knows it.
      job: fingerprint of plan and data.
      secret: hex; batches and noise follow from it.
      threads, torch: of the tensor library, and its version; others may round sums differently.
      started: ISO 8601.
    """

    run: str
    job: str
    secret: str
    threads: int
    torch: str
    started: str


class RunFolder:
    """An opened folder, locked."""

    def __init__(self, out: Path, state: RunState) -> None:
        self.out, self.state = out, state

    @property
    def secret(self) -> bytes:
        """32 bytes."""
        return bytes.fromhex(self.state.secret)

    def checkpoint(self, number: int) -> Path:
        """Where the state of the number-th model is kept."""
        return self.out / PRIVATE / f"model-{number}.checkpoint"

    @property
    def has_steps(self) -> bool:
        """Whether any model's noised steps were kept."""
        return any(self.checkpoint(number).exists() for number in (1, 2))

    def write(self, name: str, content: bytes) -> None:
        """A file of the result, which others may read."""
        write_whole(self.out / name, content, mode=0o644)

    def close_for_good(self) -> None:
        """Forget secret and checkpoints: the result is complete and charged."""
        # The secret first: a kill in between must not leave it beside nothing that needs it.
        for name in (_STATE, *(self.checkpoint(number).name for number in (1, 2))):
            (self.out / PRIVATE / name).unlink(missing_ok=True)
        shutil.rmtree(self.out / PRIVATE, ignore_errors=True)


def check_place(out: Path, data: Path) -> None:
    """Whether a run may live here.

    Raises:
      UsageError: inside the data, a file, or a folder of somebody else.
    """
    check_outside(out, (data,))
    if out.exists() and not out.is_dir():
        raise UsageError("out: a file of that name exists; expected a new or empty folder.")
    ours = (out / PRIVATE).is_dir() or (out / RESULT).is_file()
    if out.is_dir() and any(out.iterdir()) and not ours:
        raise UsageError(
            "out: the folder holds files and no run. Nothing was written. "
            "Choose a new or empty folder."
        )


@contextmanager
def opened(out: Path, job: str, *, threads: int, torch: str, started: str) -> Iterator[RunFolder]:
    """The folder of this job, new or to go on with; no other process can have it meanwhile.

    Args:
      job: fingerprint of plan and data.
      threads, torch, started: of a new run; see `RunState`.

    Raises:
      UsageError: another process works on it, or it belongs to another plan, other data, or
        another version of torch.
    """
    private = out / PRIVATE
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    private.chmod(0o700)
    with _locked(private / _LOCK):
        path = private / _STATE
        if not path.exists():
            secret = secrets.token_hex(SECRET_BYTES)
            run = f"train-{secrets.token_hex(8)}"
            fresh = RunState(run, job, secret, threads, torch, started)
            write_whole(path, json.dumps(asdict(fresh)).encode())
        yield RunFolder(out, _checked(path, job, torch))


def is_open(out: Path) -> bool:
    """Whether a run there has not been closed for good."""
    return (out / PRIVATE / _STATE).exists()


def _checked(path: Path, job: str, torch: str) -> RunState:
    if path.stat().st_mode & 0o077:
        raise UsageError(f"out: {PRIVATE}/{_STATE} is readable for others; expected mode 0600.")
    try:
        state = RunState(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise UsageError(f"out: {PRIVATE}/{_STATE} is damaged. Start anew elsewhere.") from None
    if state.job != job:
        raise UsageError(
            "out: this run was begun with another plan or other data. Nothing was spent. "
            "Go on with those, or choose another folder for a new run."
        )
    if state.torch != torch:
        raise UsageError(
            f"out: this run was begun with torch {state.torch}, this is {torch}; sums would round "
            "differently, and steps would not repeat as they were. Go on with that version."
        )
    return state


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("out: another process is at work in this folder. Wait.") from None
        yield
    finally:
        os.close(handle)
