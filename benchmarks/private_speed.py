# SPDX-License-Identifier: Apache-2.0
"""Claim: private training costs at most 1.15 times the time and 1.1 times the extra memory of plain
training, on one thread, for a vision transformer and a CNN at batch 64 and 256, and is never slower
than Opacus (hooks, ghost clipping), vmap(grad) or fastDP in the same run.

Every step is whole: forward, backward, clipping, noise of equal multiplier, SGD. Physical batch =
logical batch. Time: contestants take turns, one step each; a figure is the median over rounds of
the ratio to the plain step of the same round, in CPU seconds of the one thread, which other work on
the machine disturbs less than it does the clock on the wall. Memory: each contestant in a process
of its own, peak resident set during a step minus the resident set after import, network, data and a
step on two records, for the first step (ours checks and times then) and for the three after it.

Our engine may split the logical batch into physical ones, here of 32, to save memory: rows of their
own, against plain training on the whole batch and, behind "=", with the same split.

Cells already in the result file are kept; `--again` measures them anew. `--profile` prints where
our own step spends its time. `--device cuda` where a GPU is at hand.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from _common import RESULTS, table, write
from _networks import NETWORKS, example, network
from _ours import OURS, PIECE, SPLIT
from _peers import PEERS, Step, quiet

CLAIM = "private_speed"
ALL = {**PEERS, **OURS, **SPLIT}
PACKAGES = ("polyveil", "torch", "opacus")


def main() -> None:
    """Measures the cells asked for, prints the table, keeps every cell as soon as it is done."""
    asked = options()
    torch.set_num_threads(1)
    quiet()
    if asked.peak:
        print(json.dumps(peak(asked.peak, asked.networks[0], asked.batches[0], asked.device)))
        return
    if asked.profile:
        for name in OURS:
            profile(name, asked.networks[0], asked.batches[0], asked.device)
        return
    figures = known()
    for kind in asked.networks:
        for batch in asked.batches:
            cell = f"{kind} b{batch}" + ("" if asked.device == "cpu" else f" {asked.device}")
            if cell in figures and not asked.again:
                continue
            figures[cell] = measure(kind, batch, asked)
            write(CLAIM, figures, packages=PACKAGES)
    print(show(figures))


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["vit", "cnn", "vit384"], choices=NETWORKS)
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=list(ALL), help="these contestants and plain")
    parser.add_argument("--again", action="store_true", help="measure known cells anew")
    parser.add_argument("--profile", action="store_true", help="profile our step and stop")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    return parser.parse_args()


def known() -> dict[str, dict]:
    """Cells of the result file."""
    file = RESULTS / f"{CLAIM}.json"
    return json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}


def measure(kind: str, batch: int, asked: argparse.Namespace) -> dict:
    """One cell: every contestant's time and memory, with ratios to plain."""
    wanted = [name for name in ALL if name == "plain" or not asked.only or name in asked.only]
    names = [name for name in wanted if name not in SPLIT or batch > PIECE]
    steps, failures = contestants(names, kind, batch, asked.device)
    clocks = rounds(steps, example(kind, batch, asked.device), asked.rounds)
    entries: dict[str, dict] = {}
    for name in steps:
        entries[name] = {
            "seconds": statistics.median(clocks[name]),
            **memory(name, kind, batch, asked.device),
        }
    for name, entry in entries.items():
        alike = next(iter(SPLIT)) if name in SPLIT else "plain"
        ratios = [one / own for one, own in zip(clocks[name], clocks["plain"], strict=True)]
        split = [one / own for one, own in zip(clocks[name], clocks[alike], strict=True)]
        entry["times_plain"] = statistics.median(ratios)
        entry["times_plain_alike"] = statistics.median(split)
        entry["lowest"], entry["highest"] = min(ratios), max(ratios)
        for part in ("extra_mb", "first_step_mb"):
            entry[f"{part}_times_plain"] = entry[part] / entries["plain"][part]
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    return {"date": when, "load": load, "rounds": asked.rounds, "of": entries, "absent": failures}


def contestants(
    names: list[str], kind: str, batch: int, device: str
) -> tuple[dict[str, Step], dict[str, str]]:
    """Those that take two steps, and why the others do not."""
    steps, failures = {}, {}
    inputs, labels = example(kind, batch, device)
    for name in names:
        try:
            step = ALL[name](network(kind).to(device), batch)
            step(inputs, labels)
            step(inputs, labels)
            steps[name] = step
        except Exception as error:  # a peer may fail in any way; its column says how
            if name == "plain" or name in OURS:
                raise
            failures[name] = f"{type(error).__name__}: {str(error)[:200]}"
            print(f"{kind} b{batch}: {name} does not run: {failures[name]}", file=sys.stderr)
    return steps, failures


def rounds(
    steps: dict[str, Step], data: tuple[torch.Tensor, torch.Tensor], count: int
) -> dict[str, list[float]]:
    """Seconds of each contestant's step, `count` rounds; the order turns from round to round."""
    names = list(steps)
    clocks: dict[str, list[float]] = {name: [] for name in names}
    for number in range(count):
        turned = names[number % len(names) :] + names[: number % len(names)]
        for name in turned:
            start = now(data[0])
            steps[name](*data)
            clocks[name].append(now(data[0]) - start)
    return clocks


def now(where: torch.Tensor) -> float:
    """CPU seconds of this process; on a GPU seconds, when all its work is done."""
    if not where.is_cuda:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def memory(name: str, kind: str, batch: int, device: str) -> dict[str, float]:
    """Extra MB at the peak of the first step and of later ones, in a fresh process."""
    command = [sys.executable, __file__, "--peak", name, "--networks", kind]
    command += ["--batches", str(batch), "--device", device]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer.splitlines()[-1]))


def peak(name: str, kind: str, batch: int, device: str) -> dict[str, float]:
    """Peak minus baseline in MB, of this very process: the first step, then three more."""
    few = example(kind, 2, device)
    ALL[name](network(kind).to(device), 2)(*few)  # loads libraries, which are not part of a step
    gc.collect()
    model, data = network(kind).to(device), example(kind, batch, device)
    before = resident("VmRSS") if device == "cpu" else torch.cuda.memory_allocated() / 1e6
    reset_peak(device)
    step = ALL[name](model, batch)
    step(*data)
    first = highest(device) - before
    reset_peak(device)
    for _ in range(3):
        step(*data)
    return {"first_step_mb": first, "extra_mb": highest(device) - before}


def reset_peak(device: str) -> None:
    """From here on a new high-water mark counts."""
    if device == "cpu":
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    else:
        torch.cuda.reset_peak_memory_stats()


def highest(device: str) -> float:
    """MB at the high-water mark."""
    return resident("VmHWM") if device == "cpu" else torch.cuda.max_memory_allocated() / 1e6


def resident(field: str) -> float:
    """MB of a field of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def profile(name: str, kind: str, batch: int, device: str) -> None:
    """Where a step of plain and of ours spends its time, by operator."""
    data = example(kind, batch, device)
    for contestant in ("plain", name):
        step = ALL[contestant](network(kind).to(device), batch)
        step(*data)
        with torch.profiler.profile() as watched:
            for _ in range(5):
                step(*data)
        print(f"\n{contestant}, {kind} b{batch}, five steps")
        print(watched.key_averages().table(sort_by="self_cpu_time_total", row_limit=25))


def show(figures: dict[str, dict]) -> str:
    """Time x plain (lowest to highest round), extra memory x plain, cell by cell."""
    header = ["time x (lowest to highest); memory x, in the first step x", *figures]
    rows = []
    for name in ALL:
        row = [name]
        for cell in figures.values():
            entry = cell["of"].get(name)
            row.append(written(entry) if entry else cell["absent"].get(name, "")[:60])
        rows.append(row)
    return table(header, rows)


def written(entry: dict) -> str:
    """One cell of the table."""
    alike = f" = {entry['times_plain_alike']:.2f}"
    alike = alike if entry["times_plain_alike"] != entry["times_plain"] else ""
    spread = f"({entry['lowest']:.2f} to {entry['highest']:.2f})"
    memory = f"{entry['extra_mb_times_plain']:.2f}, {entry['first_step_mb_times_plain']:.2f}"
    return f"{entry['times_plain']:.2f}{alike} {spread}; {memory}"


if __name__ == "__main__":
    main()
