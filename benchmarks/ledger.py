# SPDX-License-Identifier: Apache-2.0
"""The budget ledger: exact sums under concurrency, no under-count after kills, tampering noticed.

    python benchmarks/ledger.py [--url postgresql://...] [--spends 1000] [--kills 200]

- Exactness: 8 processes make 1,000 spends each (reserve, then commit; two forced commits of the
  database a spend) of epsilon 0.001 and delta 1e-9; the sum must be 8 and 8e-6 to the last digit.
- Kills: processes spend in a loop and are killed with SIGKILL at random moments. Each writes what
  it is about to release to a file of its own BEFORE the commit; the ledger must hold at least that,
  run by run and in total.
- Tampering: each kind is done to a copy of the ledger by someone without the key; noticed or not.

A bare SQLite append (the same journal and durability, one hash, no signature, no books, no mark),
timed in between, shows what the disk alone costs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import _common
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import Ledger

WORKERS = 8
EPSILON, DELTA = Decimal("0.001"), Decimal("1e-9")
KEY = ProjectKey(b"benchmark key of thirty-two byte")
DATA_SET = hashlib.sha256(b"benchmark").hexdigest()


def opened(place: str, marks: Path) -> Ledger:
    """The ledger under test."""
    return Ledger.open(place, key=KEY, marks=marks)


def start(work: Callable[[], None]) -> int:
    """Runs work in a child process; the parent holds no connection, so that forking is safe."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (a child reports and leaves, whatever it was)
            print(f"child: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


def exactness(place: str, marks: Path, spends: int) -> dict[str, Any]:
    """8 processes at once; sums, time a spend."""
    opened(place, marks).close()

    def work(worker: int) -> None:
        with opened(place, marks) as ledger:
            for number in range(spends):
                paid = ledger.reserve(
                    DATA_SET, epsilon=EPSILON, delta=DELTA, run=f"{worker}-{number}", purpose="sum"
                )
                ledger.commit(paid, epsilon=EPSILON, delta=DELTA)

    begin = time.perf_counter()
    children = [start(lambda worker=worker: work(worker)) for worker in range(WORKERS)]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    with opened(place, marks) as ledger:
        spent = ledger.spent(DATA_SET)
        following = time.perf_counter() - begin
        intact = ledger.verify().intact
    count = WORKERS * spends
    return {
        "spends": count,
        "failed processes": failed,
        "epsilon": str(spent.epsilon),
        "expected epsilon": str(EPSILON * count),
        "exact": spent.epsilon == EPSILON * count and spent.delta == DELTA * count,
        "chain intact": intact,
        "ms a spend": 1e3 * seconds / count,
        "ms an append": 1e3 * seconds / count / 2,
        "us an entry to open and follow": 1e6 * following / (2 * count),
    }


def one_process(place: str, marks: Path, count: int = 200) -> tuple[float, float]:
    """Median ms of our append and of a bare one, interleaved, on the same disk."""
    bare = sqlite3.connect(marks.parent / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE entry (sequence INTEGER PRIMARY KEY, body TEXT, hash TEXT)")
    ours, theirs, last = [], [], ""
    with opened(place, marks) as ledger:
        for number in range(count):
            begin = time.perf_counter()
            ledger.reserve(DATA_SET, epsilon=EPSILON, delta=DELTA, run=f"one-{number}", purpose="t")
            ours.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            bare.execute("BEGIN IMMEDIATE")
            last = hashlib.sha256(f"{last}{number}".encode()).hexdigest()
            bare.execute("INSERT INTO entry (body, hash) VALUES (?, ?)", ("x" * 300, last))
            bare.execute("COMMIT")
            theirs.append(time.perf_counter() - begin)
    bare.close()
    return 1e3 * statistics.median(ours), 1e3 * statistics.median(theirs)


def kills(place: str, marks: Path, count: int) -> dict[str, Any]:
    """SIGKILL at random moments; what was released must be in the ledger."""
    side = marks.parent / "released"
    side.mkdir()
    opened(place, marks).close()

    def work(name: str) -> None:
        dice = random.Random(name)
        log = os.open(side / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with opened(place, marks) as ledger:
            for number in range(10**6):
                run, epsilon = f"{name}-{number}", Decimal(dice.randrange(1, 5000)) / 1000
                paid = ledger.reserve(DATA_SET, epsilon=epsilon, delta=DELTA, run=run, purpose="k")
                if dice.random() < 0.2:
                    ledger.release(paid, "nothing came of it")
                    continue
                released = epsilon * dice.randrange(500, 1001) / 1000
                os.write(log, f"{run} {released}\n".encode())
                ledger.commit(paid, epsilon=released, delta=DELTA)

    dice, done = random.Random(7), 0
    while done < count:
        batch = [start(lambda name=f"p{done + n}": work(name)) for n in range(min(4, count - done))]
        for child in batch:
            time.sleep(dice.uniform(0, 0.25))
            os.kill(child, signal.SIGKILL)
            done += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    return counted(place, marks, side, done)


def counted(place: str, marks: Path, side: Path, done: int) -> dict[str, Any]:
    """Compares the side files with the ledger."""
    released: dict[str, Decimal] = {}
    for path in side.iterdir():
        for line in path.read_text().splitlines():
            run, epsilon = line.split()
            released[run] = Decimal(epsilon)
    with opened(place, marks) as ledger:
        charged: dict[str, Decimal] = {}
        for entry in ledger.entries(DATA_SET):
            gone = entry.kind == "release"
            charged[entry.run] = Decimal(0) if gone else entry.loss.epsilon
        spent, intact = ledger.spent(DATA_SET), ledger.verify().intact
    total = sum(released.values(), Decimal(0))
    return {
        "kills": done,
        "runs that released": len(released),
        "under-counted runs": sum(charged.get(run, 0) < value for run, value in released.items()),
        "released epsilon": str(total),
        "charged epsilon": str(spent.epsilon + spent.reserved_epsilon),
        "orphaned reservations": len(spent.open_runs),
        "total under-counted": spent.epsilon + spent.reserved_epsilon < total,
        "chain intact": intact,
    }


def rewrite(base: sqlite3.Connection, *, mine: ProjectKey) -> None:
    """Makes every hash fit again after an edit, signed with a key of the attacker's."""
    from dataclasses import fields, replace

    from polyveil.privacy.ledger.entry import Entry

    names = [field.name for field in fields(Entry)]
    rows = base.execute(
        f"SELECT {','.join(names)} FROM polyveil_ledger_entry ORDER BY sequence"  # noqa: S608
    ).fetchall()
    previous = rows[0][names.index("previous")]
    for row in rows:
        entry = replace(Entry(*row), previous=previous).sealed(mine)
        previous = entry.hash
        base.execute(
            "UPDATE polyveil_ledger_entry SET previous = ?, hash = ?, mac = ? WHERE sequence = ?",
            (entry.previous, entry.hash, entry.mac, entry.sequence),
        )


TABLE = "polyveil_ledger_entry"
EDITS = {
    "amount lowered": f"UPDATE {TABLE} SET epsilon = 1 WHERE sequence = 5",  # noqa: S608
    "time changed": f"UPDATE {TABLE} SET time = '2020-01-01' WHERE sequence = 5",  # noqa: S608
    "run renamed": f"UPDATE {TABLE} SET run = 'other' WHERE sequence = 4",  # noqa: S608
    "number as text": f"UPDATE {TABLE} SET epsilon = 'few' WHERE sequence = 5",  # noqa: S608
    "entry deleted": f"DELETE FROM {TABLE} WHERE sequence = 5",  # noqa: S608
    "first entry deleted": f"DELETE FROM {TABLE} WHERE sequence = 1",  # noqa: S608
    "end cut off": f"DELETE FROM {TABLE} WHERE sequence > 8",  # noqa: S608
    "all deleted": f"DELETE FROM {TABLE}",  # noqa: S608
    "header changed": "UPDATE polyveil_ledger SET created = '2020-01-01'",
    "id changed": "UPDATE polyveil_ledger SET ledger = '00000000000000000000000000000000'",
}


def swapped(base: sqlite3.Connection) -> None:
    """Two entries change places."""
    for old, new in ((5, 99), (6, 5), (99, 6)):
        base.execute(f"UPDATE {TABLE} SET sequence = ? WHERE sequence = ?", (new, old))  # noqa: S608


def inserted(base: sqlite3.Connection) -> None:
    """A copy of an entry at the end."""
    names = [row[1] for row in base.execute(f"PRAGMA table_info({TABLE})")]
    others = ",".join(name for name in names if name != "sequence")
    base.execute(
        f"INSERT INTO {TABLE} (sequence,{others}) "  # noqa: S608
        f"SELECT (SELECT max(sequence) + 1 FROM {TABLE}),{others} FROM {TABLE} WHERE sequence = 3"
    )


def lowered_and_rewritten(base: sqlite3.Connection) -> None:
    """An amount lowered and every hash after it made to fit, without the project key."""
    base.execute(EDITS["amount lowered"])
    rewrite(base, mine=ProjectKey.ephemeral())


def spend(path: Path, marks: Path, *runs: str) -> None:
    """A few spends."""
    with opened(str(path), marks) as ledger:
        for run in runs:
            paid = ledger.reserve(DATA_SET, epsilon=1, delta=DELTA, run=run, purpose="t")
            ledger.commit(paid, epsilon=1, delta=DELTA)


def copies(folder: Path) -> Iterator[tuple[str, Path, Path, str | None]]:
    """Each kind of tampering: (kind, ledger, marks, head kept elsewhere)."""

    def fresh(kind: str) -> tuple[Path, Path]:
        place = folder / kind.replace(" ", "-")
        place.mkdir()
        spend(place / "ledger.db", place / "marks", "a", "b", "c", "d", "e")
        return place / "ledger.db", place / "marks"

    changes: dict[str, Callable[[sqlite3.Connection], object]] = {
        kind: lambda base, words=words: base.execute(words) for kind, words in EDITS.items()
    }
    changes |= {"entries swapped": swapped, "entry inserted": inserted}
    changes["lowered, all hashes made to fit without the key"] = lowered_and_rewritten
    for kind, change in changes.items():
        path, marks = fresh(kind)
        base = sqlite3.connect(path, isolation_level=None)
        change(base)
        base.close()
        yield kind, path, marks, None

    path, marks = fresh("older copy put back")
    shutil.copy(path, path.with_suffix(".old"))
    spend(path, marks, "f")
    shutil.copy(path.with_suffix(".old"), path)
    yield "older copy put back", path, marks, None

    path, marks = fresh("two copies grew")
    twin = path.with_name("twin.db")
    shutil.copy(path, twin)
    spend(path, marks, "f", "g")
    twin_marks = marks.with_name("other-machine")
    spend(twin, twin_marks, "h", "i", "j")
    yield "two copies grew, the other one met here", twin, marks, None

    path, marks = fresh("fresh ledger in its place")
    path.unlink()
    spend(path, marks.with_name("other"), "a")
    yield "fresh ledger in its place", path, marks, None

    path, marks = fresh("database and marks put back")
    shutil.copytree(path.parent, folder / "kept")
    spend(path, marks, "f")
    with opened(str(path), marks) as ledger:
        head = str(ledger.head())
    shutil.copytree(folder / "kept", path.parent, dirs_exist_ok=True)
    yield "database and marks put back, head kept elsewhere", path, marks, head
    yield "database and marks put back, no head kept", path, marks, None


def tampering(folder: Path) -> dict[str, str]:
    """Kind -> what `verify` says first; "not noticed" where it says nothing."""
    told = {}
    for kind, path, marks, head in copies(folder):
        with opened(str(path), marks) as ledger:
            findings = ledger.verify(head).findings
        told[kind] = str(findings[0]) if findings else "not noticed"
    return told


def main() -> None:
    """Runs everything and writes benchmarks/results/ledger.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--url", help="an empty PostgreSQL database for the exactness and kill runs"
    )
    parser.add_argument("--spends", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    given = parser.parse_args()
    stores = {"SQLite": ""} | ({"PostgreSQL": given.url} if given.url else {})
    figures: dict[str, Any] = {"tampering": {}}
    with tempfile.TemporaryDirectory(dir=_common.ROOT / ".cache") as scratch:
        for name, url in stores.items():
            folder = Path(scratch, name)
            folder.mkdir()
            place, marks = url or str(folder / "ledger.db"), folder / "marks"
            killed = kills(place, marks, given.kills)
            if not url:
                place, marks = str(folder / "sum.db"), folder / "sum-marks"
            ours, bare = one_process(place, marks)
            if url:
                exact = exactness_elsewhere(url, marks, given.spends)
            else:
                exact = exactness(str(folder / "exact.db"), folder / "exact-marks", given.spends)
            exact |= {"ms an append, one process": ours, "ms a bare SQLite append": bare}
            figures[name] = {"exactness": exact, "kills": killed}
        (Path(scratch) / "tampering").mkdir()
        figures["tampering"] = tampering(Path(scratch) / "tampering")
    show(figures)
    packages = ("polyveil", "sqlalchemy") + (("psycopg",) if given.url else ())
    _common.write("ledger", figures, packages=packages)


def exactness_elsewhere(url: str, marks: Path, spends: int) -> dict[str, Any]:
    """On a server the earlier runs are in the same ledger: another data set keeps the sum apart."""
    global DATA_SET
    DATA_SET = hashlib.sha256(b"benchmark, sum").hexdigest()
    return exactness(url, marks, spends)


def show(figures: dict[str, Any]) -> None:
    """Markdown tables."""
    names = [name for name in figures if name != "tampering"]
    for part in ("exactness", "kills"):
        rows = [
            [row, *(figures[name][part][row] for name in names)] for row in figures[names[0]][part]
        ]
        print(_common.table([part, *names], rows), end="\n\n")
    print(_common.table(["tampering", "verify says"], [*map(list, figures["tampering"].items())]))


if __name__ == "__main__":
    main()
