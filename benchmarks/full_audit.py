# SPDX-License-Identifier: Apache-2.0
"""How long a small, full audit takes, and what it gets done in two minutes, target by target.

    python benchmarks/full_audit.py [--minutes 2]

Each audit runs in a process of its own, on one thread; seconds of processor time are that process's
and its children's. Targets: the example's network of picture and sound (1,797 digits of
scikit-learn); a private training on 3,000 digits (epsilon 3), audited with its plan; a noised copy
of 280 rows of scikit-learn's breast cancer table.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from _common import DATA, ROOT, table, write

PLAN = """
[data]
path = "digits.npz"
validation = 0.3
[model]
name = "cnn"
widths = [8, 16]
hidden = 16
[privacy]
epsilon = 3.0
[training]
epochs = 3
"""


def digits(folder: Path) -> None:
    """A plan, its data, and the run that it gives."""
    with np.load(DATA / "av_mnist" / "dev" / "mnist.npz", allow_pickle=False) as file:
        chosen = np.random.default_rng(0).permutation(len(file["x_train"]))[:3000]
        images, labels = file["x_train"][chosen], file["y_train"][chosen]
    np.savez(folder / "digits.npz", images=images, labels=labels)
    (folder / "plan.toml").write_text(PLAN)
    polyveil("train", str(folder / "plan.toml"), "--out", str(folder / "run"))


def rows(folder: Path) -> None:
    """Members, control, and members with a twentieth of a standard deviation of noise."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in found.feature_names[:8]]
    values = found.data[np.random.default_rng(0).permutation(len(found.data)), :8]
    noise = np.random.default_rng(1).normal(size=(280, 8)) * values.std(0) / 20
    parts = {"members": values[:280], "control": values[280:560], "made": values[:280] + noise}
    for name, part in parts.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([names, *part.tolist()])


def polyveil(*words: str) -> int:
    """Runs the command line of this tree; its exit code."""
    quiet = {"OMP_NUM_THREADS": "1", **os.environ}
    command = [sys.executable, "-m", "polyveil.apps.cli.main", *words]
    return subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode


def audited(name: str, folder: Path, words: list[str], minutes: float) -> dict[str, Any]:
    """One audit, timed."""
    out = folder / f"audit {name}"
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = polyveil("audit", *words, "--minutes", str(minutes), "--out", str(out))
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads((out / "audit.json").read_text())
    verdicts = [one["verdict"] for one in report["attacks"]]
    return {
        "target": name,
        "processor seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall seconds": wall,
        "attacks": len(verdicts),
        "guards": sum(len(one["guards"]) for one in report["attacks"]),
        "skipped": [one["attack"] for one in report["skipped"]],
        "verdicts": {one: verdicts.count(one) for one in sorted(set(verdicts))},
        "claims": [one["verdict"] for one in report["claims"]],
        "exit code": code,
        "page, bytes": (out / "audit.html").stat().st_size,
        "seconds by step": {one["stage"]: one["seconds"] for one in report["times"]},
    }


def main() -> None:
    """All targets, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        digits(folder)
        rows(folder)
        targets = {
            "picture and sound": [str(ROOT / "examples" / "audited_model.py")],
            "private training": [str(folder / "run"), "--plan", str(folder / "plan.toml")],
            "table": [str(folder / "members.csv"), "--released", str(folder / "made.csv"),
                      "--control", str(folder / "control.csv")],
        }  # fmt: skip
        found = [audited(name, folder, words, minutes) for name, words in targets.items()]
    columns = ["target", "processor seconds", "wall seconds", "attacks", "guards", "exit code"]
    print(table([*columns, "skipped"], [[*(one[c] for c in columns), ", ".join(one["skipped"])]
                                        for one in found]))  # fmt: skip
    write("full_audit", {"minutes": minutes, "targets": found}, packages=("polyveil", "torch"))


if __name__ == "__main__":
    main()
