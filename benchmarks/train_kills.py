# SPDX-License-Identifier: Apache-2.0
"""Claim: a training that is killed at random moments spends once and ends with the same weights.

`polyveil.train` runs on MNIST images (or, with "multimodal", by turns on a picture and the spoken
word of a digit) in a process that is killed (SIGKILL) after a random delay, again and again, until
it ends by itself. After each kill: what was kept is charged, in full and
once; no file under a final name is partial. At the end: weights and figures equal, bit for bit,
those of a run from the same secret that nobody killed, the ledger holds one run at its price, and
the secret is gone. Processes are forked from one that has torch loaded, so that kills fall into the
work and not into imports.

Run: python benchmarks/train_kills.py [pictures | multimodal]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image
from safetensors.numpy import load_file

import polyveil
import polyveil.tasks.training  # loads torch's part before the first fork
from _common import DATA, table, write
from polyveil.learn.plan import Plan
from polyveil.privacy.key import ProjectKey

EPSILON, SEED = 3.0, 20261121
RECORDS = {"pictures": 500, "multimodal": 300}
CLAIMS = {"pictures": "train_kills", "multimodal": "train_kills_multimodal"}
PLANS = {
    "pictures": """
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
""",
    "multimodal": """
[data]
path = "pairs"
[data.inputs]
image = {{ size = 28, channels = 1 }}
voice = {{ seconds = 1.0 }}
[model]
name = "multimodal"
method = "alternating"
[privacy]
epsilon = {epsilon}
thresholds = "quantile"
[training]
epochs = 12
""",
}


def main() -> None:
    """Kills until the count is full; always finishes the job that is under way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="?", choices=list(PLANS), default="pictures")
    parser.add_argument("--kills", type=int, default=60)
    asked = parser.parse_args()
    rng = random.Random(SEED)
    torch.set_num_threads(1)
    found = dict.fromkeys(("jobs", "kills", "killed_with_steps_kept", "uncharged", "partial"), 0)
    found |= dict.fromkeys(("different_weights", "different_figures", "charged_twice"), 0)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        plan = DATA_OF[asked.kind](work)
        begin(plan, work / "begun", work / "state-begun")
        taken_over(work, work / "whole", work / "state-whole")
        start = time.perf_counter()
        finish(plan, work / "whole", work / "state-whole")
        usual = time.perf_counter() - start
        print(f"{usual:.1f} s without a kill", file=sys.stderr, flush=True)
        while found["kills"] < asked.kills:
            found["jobs"] += 1
            job(plan, work, found, rng, usual)
            print(found, file=sys.stderr, flush=True)
    figures = {**found, "records": RECORDS[asked.kind], "epsilon": EPSILON}
    figures["seconds_unkilled"] = round(usual, 1)
    print(table(list(figures), [list(figures.values())]))
    write(CLAIMS[asked.kind], figures, packages=("polyveil", "torch"))
    wrong = ("uncharged", "partial", "different_weights", "different_figures", "charged_twice")
    if any(found[name] for name in wrong):
        raise SystemExit(1)


def digits(work: Path) -> Path:
    """Pictures of digits, and the plan."""
    with np.load(DATA / "av_mnist" / "dev" / "mnist.npz") as kept:
        step = len(kept["y_train"]) // RECORDS["pictures"]  # they are sorted by class
        images, labels = kept["x_train"][::step], kept["y_train"][::step]
    np.savez(work / "digits.npz", images=images, labels=labels)
    return written(work, "pictures")


def pairs(work: Path) -> Path:
    """Pictures and spoken words of digits, paired by digit, and the plan."""
    source, voices, folder = DATA / "av_mnist" / "dev", DATA / "voice_fsdd" / "dev", work / "pairs"
    folder.mkdir()
    waves, rate = soundfile.read(voices / "audio_8k.flac", dtype="int16")
    offsets = np.load(voices / "index.npz")["offsets"]
    images, paired = (
        np.load(source / "mnist.npz")["x_train"],
        np.load(source / "pairs.npz")["train"],
    )
    rows = []
    for picture, sound, digit in paired[:: len(paired) // RECORDS["multimodal"]].tolist():
        name = f"{len(rows):04}"
        Image.fromarray(images[picture]).save(folder / f"{name}.png")
        clip = waves[offsets[sound] : offsets[sound + 1]]
        soundfile.write(folder / f"{name}.wav", clip, rate)
        row = {"file_name": f"{name}.png", "voice": f"{name}.wav", "label": str(digit)}
        rows.append(json.dumps(row))
    (folder / "metadata.jsonl").write_text("\n".join(rows))
    return written(work, "multimodal")


DATA_OF = {"pictures": digits, "multimodal": pairs}


def written(work: Path, kind: str) -> Path:
    """The plan's file."""
    plan = work / "plan.toml"
    plan.write_text(PLANS[kind].format(epsilon=EPSILON))
    return plan


def begin(plan: Path, out: Path, state: Path) -> None:
    """A run that was killed as soon as its secret was on the disk."""
    process = started(plan, out, state)
    while not (out / ".polyveil" / "run.json").exists():
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def taken_over(work: Path, out: Path, state: Path) -> None:
    """The begun run in another folder, with the same project key and a ledger of its own."""
    shutil.copytree(work / "begun", out)
    (state / "polyveil").mkdir(parents=True)
    shutil.copy(work / "state-begun" / "polyveil" / "project.key", state / "polyveil")


def job(plan: Path, work: Path, found: dict[str, int], rng: random.Random, usual: float) -> None:
    """The begun run, killed until it ends; compared with its twin that was never killed."""
    out, state = work / f"job{found['jobs']}", work / f"state{found['jobs']}"
    records = Plan.read(plan).data.path
    taken_over(work, out, state)
    while (code := ended(started(plan, out, state), rng.uniform(0.05, 0.7) * usual)) is None:
        found["kills"] += 1
        kept = any(out.glob(".polyveil/*.checkpoint"))
        found["killed_with_steps_kept"] += kept
        charged, runs = spent(records, state)
        found["uncharged"] += kept and charged < 0.99 * EPSILON
        found["charged_twice"] += charged > EPSILON or runs > 1
        found["partial"] += damaged(out)
    if code != 0:
        raise SystemExit(f"the run ended with {code}")
    charged, runs = spent(records, state)
    found["charged_twice"] += not 0.99 * EPSILON < charged <= EPSILON or runs != 1
    found["partial"] += (out / ".polyveil").exists()
    one, other = (load_file(path / "weights.safetensors") for path in (out, work / "whole"))
    found["different_weights"] += any(one[key].tobytes() != other[key].tobytes() for key in other)
    found["different_figures"] += history(out) != history(work / "whole")


def started(plan: Path, out: Path, state: Path) -> int:
    """A process that trains, with a project key and a ledger of its own; its id."""
    process = os.fork()
    if process:
        return process
    code = 99
    try:
        os.environ["XDG_STATE_HOME"] = str(state)
        os.environ.pop("POLYVEIL_LEDGER", None)
        code = polyveil.train(plan, out).exit_code
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def ended(process: int, seconds: float) -> int | None:
    """Its exit code; None if it took longer, and was killed."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def finish(plan: Path, out: Path, state: Path) -> None:
    """Runs to the end."""
    code = ended(started(plan, out, state), 3600)
    if code != 0:
        raise SystemExit(f"the run ended with {code}")


def spent(path: Path, state: Path) -> tuple[float, int]:
    """(epsilon charged or reserved, runs); (0, 0) where no ledger was begun."""
    file = state / "polyveil" / "ledger.db"
    if not file.exists():
        return 0.0, 0
    key = ProjectKey.load_or_create(state / "polyveil" / "project.key")
    with polyveil.Ledger.open(file, key=key, marks=state / "polyveil" / "seen") as ledger:
        found = ledger.spent(polyveil.content_hash(path))
    return float(found.epsilon + found.reserved_epsilon), found.runs


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
