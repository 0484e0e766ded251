# SPDX-License-Identifier: Apache-2.0
"""The table of private alternating learning: every method, with and without privacy, five seeds.

    python benchmarks/alternating_table.py [--sets av_mnist ...] [--seeds 5]

Three sets: AV-MNIST (chimeric: paired by digit), tweets with pictures, EMO-DB in two views. Each
seed has a split of its own (AV-MNIST: its own test part). Options and sizes are those of the
product (`polyveil.tasks.data_sets.layouts`), the same for all methods. Cells are kept under .cache,
so that the script goes on where it was stopped; the JSON is written from whatever is there.
"""

from __future__ import annotations

import argparse

import torch

from _common import ROOT, table, write
from _multimodal_sets import LAYOUTS, NAMES, TITLES, parts
from polyveil.tasks.reproducing.cell import Cell, Scored, carry_out
from polyveil.tasks.reproducing.kept import KeptCells
from polyveil.tasks.reproducing.table import rows

EPSILONS = (None, 1.0, 2.0, 4.0, 8.0)
VERSIONS = {"av_mnist": 2, "imgtext_mvsa": 3, "voice_emodb": 3}
"""Raise one when its layout's front ends, options or sizes change: older cells are refused then."""
SHOWN = ("alternating", "joint", "late fusion", "OGM-GE")


def told(one: Scored) -> dict[str, object]:
    """A cell in few numbers."""
    guarantee = one.guarantee
    return {
        "cell": one.cell.name,
        "guarantee": guarantee and [guarantee["epsilon"], guarantee["delta"]],
        "records": one.records,
        "seconds": round(one.seconds, 1),
        "hybrid": {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in one.metrics["hybrid"].items()
        },
        "accuracy": {name: round(value["accuracy"], 4) for name, value in one.metrics.items()},
        "alone": {name: round(value, 4) for name, value in one.alone.items()},
        "chosen": one.chosen,
    }


def main() -> None:
    """Trains what is missing, prints the table, writes the JSON."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--sets", nargs="*", default=NAMES)
    asked.add_argument("--seeds", type=int, default=5)
    chosen = asked.parse_args()
    torch.set_num_threads(1)
    found = []
    for name in chosen.sets:
        kept = KeptCells(ROOT / ".cache" / "alternating_table" / name, f"{name} {VERSIONS[name]}")
        for seed in range(chosen.seeds):
            data = None
            for method in SHOWN:
                for epsilon in EPSILONS:
                    cell = Cell(TITLES[name], method, epsilon, seed)
                    one = kept.scored(cell)
                    if one is None:
                        data = data or parts(name, seed)
                        options = LAYOUTS[name].options(epsilon)
                        layout = LAYOUTS[name]
                        one = carry_out(cell, data, options, layout.network, layout.clipping)
                        kept.keep(one)
                        print(
                            f"{cell.name}: {one.metrics['hybrid']['accuracy']:.3f} in "
                            f"{one.seconds:.0f} s",
                            flush=True,
                        )
                    found.append(one)
    made = rows(found)
    heads = list(dict.fromkeys(name for row in made for name in row.figures))
    print(
        table(
            ["set", "method", "privacy", *heads],
            [
                [row.set, row.method, row.budget]
                + [row.figures[head].text() if head in row.figures else "" for head in heads]
                for row in made
            ],
        )
    )
    write(
        "alternating_table",
        {
            "options": {
                name: {"plain": repr(LAYOUTS[name].plain), "private": repr(LAYOUTS[name].private)}
                for name in chosen.sets
            },
            "network": {name: dict(LAYOUTS[name].network) for name in chosen.sets},
            "unit": "record with all its modalities, added or removed",
            "cells": [told(one) for one in found],
        },
    )


if __name__ == "__main__":
    main()
