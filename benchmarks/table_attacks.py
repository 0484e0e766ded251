# SPDX-License-Identifier: Apache-2.0
"""Attacks on released tables: what each finds in releases of which the truth is known.

    python benchmarks/table_attacks.py            what RESULTS.md quotes, about 20 minutes
    python benchmarks/table_attacks.py --trials 20    for development

Real people: typing habits of 1,000 users (Aalto keystrokes, one row a user), 569 tumours (breast
cancer, Wisconsin) and 442 patients (diabetes), the latter two as scikit-learn bundles them. Two
fifths of the rows are behind the release, two fifths are control, one fifth is neither.
Releases: the rows themselves; with normal noise (share of each column's standard deviation); rows
of others (nothing can leak); independent marginals; a Gaussian copula; a smoothed bootstrap, which
copies; others' rows with 5 % and 20 % of the real ones among them.
False accusations: fresh random splits, the release made from others. Power: the same, with copies.
There the guards are left aside, with the attacks on known releases that they need: a guard can only
take an accusation back, so that what is counted here is an upper bound.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from scipy.special import ndtr
from scipy.stats import norm, rankdata
from sklearn import datasets
from torch import nn

from _common import DATA, table, write
from polyveil.attack.attribute import AttributeInference
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.hidden import Hidden
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.attack.tables import Closest, Inference, Joining, Linkage, SinglingOut, Table
from polyveil.attack.tables.seats import Seats
from polyveil.attack.tables.table import stacked
from polyveil.interval import clopper_pearson

SETS = ("keystrokes", "breast_cancer", "diabetes")
SECRET = {"keystrokes": "hold_median", "breast_cancer": "worst area", "diabetes": "bmi"}
ATTACKS = ("singling out", "joining", "inference", "copies", "linkage")
BACKSPACE, SHIFT, CAPS = 8, 16, 20


def keystrokes() -> Table:
    """One row a user: how long keys are held, how fast they follow, how often one corrects."""
    with np.load(DATA / "behaviour_keystroke_aalto" / "dev" / "data.npz") as pack:
        held, gap, key = (pack[n].astype(float) for n in ("hold_ms", "down_down_ms", "keycode"))
        user = np.repeat(pack["user"], np.diff(pack["offsets"]))
    rows = []
    for one in np.unique(user):
        at = user == one
        hold, wait, keys = held[at], gap[at][gap[at] > 0], key[at]
        rows.append(
            {
                "hold_median": np.median(hold),
                "hold_spread": np.subtract(*np.percentile(hold, [75, 25])),
                "hold_space": np.median(hold[keys == 32]),
                "hold_e": np.median(hold[keys == 69]),
                "wait_median": np.median(wait),
                "wait_spread": np.subtract(*np.percentile(wait, [75, 25])),
                "wait_tenth": np.percentile(wait, 90),
                "keys": float(at.sum()),
                "corrected": float((keys == BACKSPACE).mean()),
                "shifted": float((keys == SHIFT).mean()),
                "caps_lock": "yes" if (keys == CAPS).any() else "no",
            }
        )
    return Table.of({name: [row[name] for row in rows] for name in rows[0]})


@cache
def load(name: str) -> Table:
    """One of SETS."""
    if name == "keystrokes":
        return keystrokes()
    pack = getattr(datasets, f"load_{name}")()
    columns = {str(k): pack.data[:, at] for at, k in enumerate(pack.feature_names)}
    target = [str(v) for v in pack.target] if name == "breast_cancer" else pack.target
    return Table.of({**columns, "target": target})


def split(whole: Table, draw: np.random.Generator) -> tuple[Table, Table, Table]:
    """Members, control, others."""
    order, part = draw.permutation(len(whole)), len(whole) * 2 // 5
    return whole.at(order[:part]), whole.at(order[part : 2 * part]), whole.at(order[2 * part :])


def noised(rows: Table, level: float, draw: np.random.Generator) -> Table:
    """Normal noise; a category is drawn anew with probability `level`."""
    found = {}
    for name, values in rows.columns.items():
        if rows.is_category(name):
            anew = draw.random(len(values)) < level
            found[name] = np.where(anew, draw.permutation(values), values)
        else:
            found[name] = values + draw.normal(0, level * np.nanstd(values), len(values))
    return Table(found)


def marginals(rows: Table, draw: np.random.Generator) -> Table:
    """Every column drawn for itself."""
    return Table({n: draw.choice(v, len(v)) for n, v in rows.columns.items()})


def copula(rows: Table, draw: np.random.Generator) -> Table:
    """Ranks as normal scores, their correlation, and interpolated quantiles back."""
    numbers = [n for n in rows.names if not rows.is_category(n)]
    columns = np.stack([rows.columns[n] for n in numbers], 1)
    scores = norm.ppf(rankdata(columns, axis=0) / (len(rows) + 1))
    sample = draw.multivariate_normal(np.zeros(len(numbers)), np.cov(scores.T), len(rows))
    made = {
        n: np.quantile(columns[:, at], ndtr(sample[:, at] / max(1e-9, scores[:, at].std())))
        for at, n in enumerate(numbers)
    }
    return Table(
        {n: made[n] if n in made else draw.permutation(rows.columns[n]) for n in rows.names}
    )


def smoothed(rows: Table, level: float, draw: np.random.Generator) -> Table:
    """Rows drawn with repetition, plus little noise: a synthesiser that copies."""
    return noised(rows.at(draw.integers(0, len(rows), len(rows))), level, draw)


def salted(others: Table, members: Table, share: float, draw: np.random.Generator) -> Table:
    """Others' rows, a share of which are replaced by members'."""
    count = round(share * len(others))
    kept = others.at(draw.permutation(len(others))[count:])
    return stacked([members.at(draw.permutation(len(members))[:count]), kept])


def releases(
    members: Table, others: Table, draw: np.random.Generator
) -> dict[str, tuple[Table, bool]]:
    """Name -> (release, whether its rows stand in the members' order)."""
    return {
        "the rows themselves": (members, True),
        **{f"noise {x:g}": (noised(members, x, draw), True) for x in (0.05, 0.2, 0.5, 1.0)},
        "others' rows (null)": (others, False),
        "independent marginals": (marginals(members, draw), False),
        "Gaussian copula": (copula(members, draw), False),
        "smoothed bootstrap .05": (smoothed(members, 0.05, draw), False),
        "smoothed bootstrap .2": (smoothed(members, 0.2, draw), False),
        "5 % copies": (salted(others, members, 0.05, draw), False),
        "20 % copies": (salted(others, members, 0.2, draw), False),
    }


def attacks(name: str, members: Table, control: Table, seed: int) -> dict[str, Any]:
    """All that need no row truth."""
    return {
        "singling out": SinglingOut(members, control, seed=seed),
        "joining": Joining(members, control, members.names[::2], seed=seed),
        "inference": Inference(members, control, SECRET[name], seed=seed),
        "copies": Closest(members, control, seed=seed),
    }


def grid(name: str) -> list[dict[str, Any]]:
    """Every release attacked in every way."""
    draw = np.random.default_rng(7)
    members, control, others = split(load(name), draw)
    rows = []
    for kind, (release, ordered) in releases(members, others, draw).items():
        tried = attacks(name, members, control, 7)
        if ordered:
            tried["linkage"] = Linkage(members, members.names[:4], control=control, seed=7)
        for attack, one in tried.items():
            result = carry_out(one, release)
            rows.append({"data": name, "release": kind, "attack": attack, **brief(result)})
    return rows


def brief(result: AttackResult) -> dict[str, Any]:
    """What a table of results needs."""
    return {
        "verdict": result.verdict,
        "shown": result.shown,
        "estimate": result.headline.estimate,
        "baseline": result.baseline,
        "p_value": result.p_value,
        "seconds": result.effort.seconds,
        "failed guards": [one.name for one in result.guards if not one.passed],
    }


def alone(found: dict[str, Any]) -> dict[str, Any]:
    """What was found in the release in question stands for the known releases too."""
    return dict.fromkeys(("release", "identity", "planted", "null"), found["release"])


def lean(attack: Any, release: Table) -> AttackResult:
    """The attack on this release and on no known one: a quarter of the time, guards aside."""

    def released(self: Seats, seed: int) -> dict[str, Any]:
        return {"release": self.release}

    with patch.object(Seats, "releases", released):
        started = time.perf_counter()
        evidence = attack.attempt(release)
    changed = {}
    for part in fields(evidence):
        value = getattr(evidence, part.name)
        if isinstance(value, dict) and "release" in value:
            changed[part.name] = alone(value)
        elif part.name == "hits":
            changed[part.name] = {learner: alone(hit) for learner, hit in value.items()}
    result = attack.analyse(replace(evidence, **changed))
    return replace(result, effort=replace(result.effort, seconds=time.perf_counter() - started))


def trial(job: tuple[str, int, float]) -> list[dict[str, Any]]:
    """One fresh split; the release holds others' rows and a share of members'."""
    name, seed, share = job
    warnings.simplefilter("ignore")
    draw = np.random.default_rng([seed, 99])
    members, control, others = split(load(name), draw)
    release = salted(others, members, share, draw) if share else others
    found = []
    for attack, one in attacks(name, members, control, seed).items():
        found.append({"data": name, "attack": attack, **brief(lean(one, release))})
    if not share:
        # Members' rows in an order that belongs to nobody: no row can be found but by luck.
        shuffled = members.at(draw.permutation(len(members)))
        truth = draw.permutation(len(members))
        one = Linkage(members, members.names[:4], origin=truth, control=control, seed=seed)
        found.append({"data": name, "attack": "linkage", **brief(carry_out(one, shuffled))})
    return found


class Net(nn.Module):
    """Two inputs, one hidden layer."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(first + second, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU()
        )
        self.head = nn.Linear(128, 2)

    def forward(self, measured: torch.Tensor, form: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(torch.cat([measured, form], 1)))


def trained(part: Examples, epochs: int, seed: int) -> Net:
    """Full-batch Adam."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Net(*(part.inputs[n].shape[1] for n in ("measured", "form")))
        steps = torch.optim.Adam(net.parameters(), 2e-3)
        for _ in range(epochs):
            steps.zero_grad()
            nn.functional.cross_entropy(net(**part.inputs), part.labels).backward()
            steps.step()
    return net


def tumours(seed: int, noise: float, answers: int) -> list[Examples]:
    """Three parts of the tumours; a form with one of some answers hides beside the measurements.

    The answer is drawn at random: nothing but the model can tell it. With `noise`, so many labels
    are flipped, which only memory can learn.
    """
    pack = datasets.load_breast_cancer()
    draw = np.random.default_rng([seed, 5])
    rows = (pack.data - pack.data.mean(0)) / pack.data.std(0)
    order = draw.permutation(len(rows))
    answer = np.eye(answers)[draw.integers(0, answers, len(rows))]
    label = np.where(draw.random(len(rows)) < noise, 1 - pack.target, pack.target)
    parts = []
    for at in np.array_split(order, 3):
        inputs = {"measured": torch.tensor(rows[at]).float(), "form": torch.tensor(answer[at])}
        inputs["form"] = inputs["form"].float() * 3
        parts.append(Examples(inputs, torch.tensor(label[at].astype(np.int64))))
    return parts


def attribute(job: tuple[int, str]) -> dict[str, Any]:
    """One model attacked: trained on members, on other people, or overfitted to noisy labels."""
    torch.set_num_threads(1)
    seed, kind = job
    noise, epochs = {"null": (0.0, 30), "ordinary": (0.0, 30), "overfit": (0.5, 300)}[kind]
    answers = 2 if kind == "null" else 5
    members, others, own = tumours(seed, noise, answers)
    half = np.arange(len(own)) % 2 == 0
    # Of a null target nobody on either side is known: it learned from half of the third part.
    part, own = (own.at(half), own.at(~half)) if kind == "null" else (members, own)
    hidden = Hidden("form", slice(0, answers), 3 * torch.eye(answers))
    one = AttributeInference(members, others, own, hidden, seed=seed)
    target = Classifier(trained(part, epochs, seed))
    return {"attack": "attribute inference", "target": kind, **brief(carry_out(one, target))}


def rates(found: list[dict[str, Any]]) -> dict[str, Any]:
    """How often a leak was called, and how often the test alone rejected at 5 %."""
    called = sum(one["shown"] for one in found)
    rejected = sum(one["p_value"] <= 0.05 for one in found)
    share, test = clopper_pearson(called, len(found)), clopper_pearson(rejected, len(found))
    return {
        "trials": len(found),
        "accused": share.estimate,
        "accused interval": [share.low, share.high],
        "p at most .05": test.estimate,
        "p interval": [test.low, test.high],
        "median seconds": float(np.median([one["seconds"] for one in found])),
    }


def scaling() -> list[dict[str, Any]]:
    """Seconds by size; rows are drawn with repetition and a little noise: for the clock only."""
    draw = np.random.default_rng(3)
    whole, found = load("keystrokes"), []
    for size in (500, 2000, 10000):
        members, control, release = (smoothed_to(whole, size, draw) for _ in range(3))
        for name, one in attacks("keystrokes", members, control, 3).items():
            started = time.perf_counter()
            carry_out(one, release)
            seconds = time.perf_counter() - started
            found.append({"rows": size, "attack": name, "seconds": seconds})
    return found


def smoothed_to(rows: Table, size: int, draw: np.random.Generator) -> Table:
    return noised(rows.at(draw.integers(0, len(rows), size)), 0.2, draw)


def spread(pool: ProcessPoolExecutor, call: Callable[..., Any], jobs: Sequence[Any]) -> list[Any]:
    """All jobs on all cores, in order."""
    return list(pool.map(call, jobs, chunksize=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    figures: dict[str, Any] = {}
    with ProcessPoolExecutor(given.workers) as pool:
        for name, share, trials in (
            ("diabetes", 0.0, given.trials),
            ("keystrokes", 0.0, given.trials),
            *((name, share, 20) for name in ("diabetes", "keystrokes") for share in (0.05, 0.2)),
        ):
            jobs = [(name, seed, share) for seed in range(min(trials, given.trials))]
            found = [one for many in spread(pool, trial, jobs) for one in many]
            figures[f"{name}, {share:.0%} copies"] = {
                attack: rates([one for one in found if one["attack"] == attack])
                for attack in ATTACKS
                if any(one["attack"] == attack for one in found)
            }
            keep(figures)
        figures["grid"] = [row for rows in spread(pool, grid, SETS) for row in rows]
        keep(figures)
        for kind, trials in (("null", given.trials), ("ordinary", 20), ("overfit", 20)):
            found = spread(pool, attribute, [(n, kind) for n in range(min(trials, given.trials))])
            figures[f"attribute inference, {kind}"] = {
                **rates(found),
                "estimate": float(np.mean([one["estimate"] for one in found])),
                "baseline": float(np.mean([one["baseline"] for one in found])),
            }
            keep(figures)
        figures["seconds by size"] = scaling()
        keep(figures)
    show(figures)


def keep(figures: dict[str, Any]) -> None:
    """Written after each part: whoever stops half-way has the first half."""
    write("table_attacks", figures, packages=("numpy", "scipy", "scikit-learn", "torch"))


def show(figures: dict[str, Any]) -> None:
    """Markdown."""
    for name in SETS:
        rows = [row for row in figures["grid"] if row["data"] == name]
        kinds = list(dict.fromkeys(row["release"] for row in rows))
        cells = {(r["release"], r["attack"]): r for r in rows}
        print(f"\n{name}: share on members (baseline), L leak, n none detected, i inconclusive\n")
        body = [[kind, *(cell(cells.get((kind, one))) for one in ATTACKS)] for kind in kinds]
        print(table(["Release", *ATTACKS], body))
    body = []
    for name, found in figures.items():
        for attack, one in found.items() if "% copies" in name else ():
            body.append([name, attack, *line(one)])
        if name.startswith("attribute"):
            shares = f"{found['estimate']:.3f} ({found['baseline']:.3f})"
            body.append([name, shares, *line(found)])
    print("\nFresh splits: how often a leak was called\n")
    print(table(["Release", "Attack", "Trials", "Called", "p <= .05", "Seconds"], body))
    print()
    timed = [[one["rows"], one["attack"], one["seconds"]] for one in figures["seconds by size"]]
    print(table(["Rows in each table", "Attack", "Seconds"], timed))


def cell(one: dict[str, Any] | None) -> str:
    if one is None:
        return ""
    letter = {"leak demonstrated": "L", "none detected": "n"}.get(one["verdict"], "i")
    return f"{letter} {one['estimate']:.2f} ({one['baseline']:.2f})"


def line(one: dict[str, Any]) -> list[Any]:
    low, high = one["accused interval"]
    first, last = one["p interval"]
    return [
        one["trials"],
        f"{one['accused']:.3f} ({low:.3f} to {high:.3f})",
        f"{one['p at most .05']:.3f} ({first:.3f} to {last:.3f})",
        one["median seconds"],
    ]


if __name__ == "__main__":
    main()
