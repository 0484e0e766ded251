# SPDX-License-Identifier: Apache-2.0
"""Claim: a training that is killed at random moments spends once and ends with the same weights.

`polyveil train` runs on MNIST images and is killed (SIGKILL, its whole process group) after a
random delay, again and again, until it ends by itself. After each kill: what was kept is charged,
in full and once; no file under a final name is partial. At the end: weights and figures equal, bit
for bit, those of a run from the same secret that nobody killed, the ledger holds one run at its
price, and the secret is gone.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from _common import DATA, table, write

KILLS, RECORDS, EPSILON, SEED = 60, 1000, 3.0, 20261121
PLAN = """
[data]
path = "digits.npz"
[model]
name = "cnn"
widths = [8, 16]
hidden = 16
[privacy]
epsilon = {epsilon}
[training]
epochs = 20
augment = 2
"""


def main() -> None:
    """Kills until the count is full; always finishes the job that is under way."""
    rng = random.Random(SEED)
    found = dict.fromkeys(("jobs", "kills", "killed_with_steps_kept", "uncharged", "partial"), 0)
    found |= dict.fromkeys(("different_weights", "different_figures", "charged_twice"), 0)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        plan = data(work)
        start = time.perf_counter()
        finish(plan, work / "first", work / "state-first")
        usual = time.perf_counter() - start
        while found["kills"] < KILLS:
            found["jobs"] += 1
            job(plan, work, found, rng, usual)
    figures = {**found, "records": RECORDS, "epsilon": EPSILON, "seconds_unkilled": round(usual, 1)}
    print(table(list(figures), [list(figures.values())]))
    write("train_kills", figures, packages=("polyveil", "torch"))
    wrong = ("uncharged", "partial", "different_weights", "different_figures", "charged_twice")
    if any(found[name] for name in wrong):
        raise SystemExit(1)


def data(work: Path) -> Path:
    """The records and the plan."""
    with np.load(DATA / "av_mnist" / "dev" / "mnist.npz") as digits:
        step = len(digits["y_train"]) // RECORDS  # they are sorted by class
        images, labels = digits["x_train"][::step], digits["y_train"][::step]
    np.savez(work / "digits.npz", images=images, labels=labels)
    plan = work / "plan.toml"
    plan.write_text(PLAN.format(epsilon=EPSILON))
    return plan


def job(plan: Path, work: Path, found: dict[str, int], rng: random.Random, usual: float) -> None:
    """One run, killed until it ends; compared with its twin that is never killed."""
    name = f"job{found['jobs']}"
    out, state, twin = work / name, work / f"state-{name}", work / f"twin-{name}"
    while True:
        process = started(plan, out, state)
        try:
            code = process.wait(rng.uniform(0.25, 0.9) * usual)
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            found["kills"] += 1
        if not twin.exists() and (out / ".polyveil" / "run.json").exists():
            shutil.copytree(out, twin)
        kept = any(out.glob(".polyveil/*.checkpoint"))
        found["killed_with_steps_kept"] += kept
        charged, runs = spent(work / "digits.npz", state)
        found["uncharged"] += kept and charged != EPSILON
        found["charged_twice"] += charged > EPSILON or runs > 1
        found["partial"] += damaged(out)
    if code != 0:
        raise SystemExit(f"the run ended with {code}")
    charged, runs = spent(work / "digits.npz", state)
    found["charged_twice"] += not 0.99 * EPSILON < charged <= EPSILON or runs != 1
    found["partial"] += (out / ".polyveil").exists()
    if twin.exists():
        finish(plan, twin, work / f"state-twin-{name}")
        one, other = (load_file(folder / "weights.safetensors") for folder in (out, twin))
        found["different_weights"] += any(
            one[key].tobytes() != other[key].tobytes() for key in other
        )
        found["different_figures"] += history(out) != history(twin)


def started(plan: Path, out: Path, state: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, with a project key and a ledger of its own."""
    words = [sys.executable, "-m", "polyveil.apps.cli.main", "train", str(plan), "--out", str(out)]
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=environment(state),
    )


def environment(state: Path) -> dict[str, str]:
    """One thread, and a state folder that is not the user's."""
    rest = {name: value for name, value in os.environ.items() if name != "POLYVEIL_LEDGER"}
    return {**rest, "XDG_STATE_HOME": str(state), "OMP_NUM_THREADS": "1"}


def finish(plan: Path, out: Path, state: Path) -> None:
    """Runs to the end."""
    code = started(plan, out, state).wait()
    if code != 0:
        raise SystemExit(f"the run ended with {code}")


def spent(path: Path, state: Path) -> tuple[float, int]:
    """(epsilon charged or reserved, runs), read by a process of its own like any user's."""
    code = (
        "import polyveil, sys, json\n"
        "with polyveil.Ledger.open() as ledger:\n"
        "    s = ledger.spent(polyveil.content_hash(sys.argv[1]))\n"
        "print(json.dumps([float(s.epsilon + s.reserved_epsilon), s.runs]))"
    )
    words = [sys.executable, "-c", code, str(path)]
    answer = subprocess.run(
        words, capture_output=True, text=True, check=True, env=environment(state)
    )
    epsilon, runs = json.loads(answer.stdout)
    return epsilon, runs


def damaged(out: Path) -> int:
    """Files under a final name that cannot be read."""
    bad = 0
    for path in out.glob("*"):
        try:
            if path.suffix == ".safetensors":
                load_file(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            bad += path.is_file() and not path.stat().st_size
        except (OSError, ValueError):
            bad += 1
    return bad


def history(out: Path) -> Any:
    """Every figure that was told."""
    return [one["history"] for one in json.loads((out / "result.json").read_text())["models"]]


if __name__ == "__main__":
    main()
