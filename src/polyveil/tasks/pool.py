# SPDX-License-Identifier: Apache-2.0
"""Many records over a few processes: bounded memory, input order, no record that kills the rest.

A decoder that crashes takes its process along. The chunk that was under way is then tried again
record by record, each in a process of its own, so that the one that crashes is refused by name and
its neighbours are done. At most `AHEAD` chunks a worker are under way, whatever the length of the
stream. Workers come from a fork server: they start clean, whatever threads the caller has, and
without the caller's main module: a script without a guard would begin anew in each of them.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import forkserver, popen_forkserver, spawn
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from threading import Lock, get_ident
from types import FrameType
from typing import Any, Generic, TypeVar

from polyveil.errors import RecordError, UnreadableRecord

Job = TypeVar("Job")
Result = TypeVar("Result")

CHUNK = 8
AHEAD = 3


class Pool(Generic[Job, Result]):
    """Applies `work` to jobs in `workers` processes and yields results in input order.

    Args:
      work: a picklable function of one job; it returns, and never raises, for a bad record.
      crashed: the result of a job whose process died or that overran `seconds`.
      workers: processes; 1 runs in this process, without protection from a crashing decoder.
      start: called once in each process before its first job.
      seconds: time that one job may take.
    """

    def __init__(
        self,
        work: Callable[[Job], Result],
        *,
        crashed: Callable[[Job, RecordError], Result],
        workers: int,
        start: Callable[[], None] | None = None,
        seconds: float = 60.0,
    ) -> None:
        self._work, self._crashed, self._workers = work, crashed, workers
        self._start, self._seconds = start, seconds

    def map(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Results in the order of the jobs."""
        if self._workers == 1:
            if self._start:
                self._start()
            for job in jobs:
                yield self._settle(job, _timed(self._work, job, self._seconds))
            return
        yield from self._map_in_processes(iter(jobs))

    def _map_in_processes(self, jobs: Iterator[Job]) -> Iterator[Result]:
        pool = self._executor(self._workers)
        waiting: deque[tuple[list[Job], Future[list[Any]]]] = deque()
        try:
            while True:
                while len(waiting) < AHEAD * self._workers and (chunk := list(islice(jobs, CHUNK))):
                    waiting.append((chunk, self._submit(pool, chunk)))
                if not waiting:
                    return
                chunk, future = waiting.popleft()
                try:
                    results = future.result()
                except BrokenProcessPool:
                    pool.shutdown(cancel_futures=True)
                    results = [self._alone(job) for job in chunk]
                    pool = self._executor(self._workers)
                    waiting = deque((rest, self._submit(pool, rest)) for rest, _ in waiting)
                for job, result in zip(chunk, results, strict=True):
                    yield self._settle(job, result)
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(self, pool: ProcessPoolExecutor, chunk: list[Job]) -> Future[list[Any]]:
        try:
            return pool.submit(_chunk, self._work, chunk, self._seconds)
        except BrokenProcessPool as broken:
            failed: Future[list[Any]] = Future()
            failed.set_exception(broken)
            return failed

    def _alone(self, job: Job) -> Any:
        with self._executor(1) as single:
            try:
                return single.submit(_chunk, self._work, [job], self._seconds).result()[0]
            except BrokenProcessPool:
                return UnreadableRecord(
                    "its decoder crashed the process that read it. The file is damaged or hostile."
                )

    def _settle(self, job: Job, result: Any) -> Result:
        return self._crashed(job, result) if isinstance(result, RecordError) else result

    def _executor(self, workers: int) -> ProcessPoolExecutor:
        warm_up()
        return ProcessPoolExecutor(workers, mp_context=_Context(), initializer=self._start)


class _Worker(ForkServerProcess):
    """A process that is told nothing of the caller's main module, since its work needs none."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> popen_forkserver.Popen:  # noqa: N802 - their name
        with _without_main():
            return popen_forkserver.Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Worker


_TELLING = Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    """What this thread tells a new process leaves the main module out; other threads tell it."""
    with _TELLING:
        thread, told = get_ident(), spawn.get_preparation_data

        def telling(name: str) -> dict[str, Any]:
            facts = dict(told(name))
            if get_ident() == thread:
                for main in ("init_main_from_name", "init_main_from_path"):
                    facts.pop(main, None)
            return facts

        spawn.get_preparation_data = telling
        try:
            yield
        finally:
            spawn.get_preparation_data = told


def warm_up() -> None:
    """Starts the fork server, which loads what workers need while the caller goes on."""
    multiprocessing.set_forkserver_preload(["polyveil.tasks.warm"])
    forkserver.ensure_running()


def _chunk(work: Callable[[Any], Any], jobs: list[Any], seconds: float) -> list[Any]:
    return [_timed(work, job, seconds) for job in jobs]


def _timed(work: Callable[[Any], Any], job: Any, seconds: float) -> Any:
    """The result, or an UnreadableRecord when the time is up. Only a main thread can keep time."""
    try:
        previous = signal.signal(signal.SIGALRM, _time_is_up)
    except ValueError:
        return work(job)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return work(job)
    except _TimeUpError:
        return UnreadableRecord(
            f"took longer than {seconds:g} s. Raise the limit or look at the file."
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class _TimeUpError(BaseException):
    """Not an Exception, so that no handler inside a decoder swallows it."""


def _time_is_up(number: int, frame: FrameType | None) -> None:
    raise _TimeUpError
