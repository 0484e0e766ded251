# SPDX-License-Identifier: Apache-2.0
"""How far one draw of the noise moves a table: alternating training of the small sets, many draws.

    python benchmarks/alternating_noises.py [--sets voice_emodb imgtext_mvsa] [--noises 10]

Cells are those of `alternating_table`, of five seeds, with the same settings, fixed before; each
private one is trained under ten noises. One table has one noise a cell, so its mean loss lies
within about two deviations of the mean here. Cells are kept under .cache.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from _common import ROOT, table, write
from _multimodal_sets import LAYOUTS, TITLES, parts
from alternating_table import EPSILONS, VERSIONS
from polyveil.tasks.reproducing.cell import CHOSEN, Cell, carry_out
from polyveil.tasks.reproducing.kept import KeptCells

SETS = ("voice_emodb", "imgtext_mvsa")


def main() -> None:
    """Trains what is missing, prints the table, writes the JSON."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--noises", type=int, default=10)
    chosen = asked.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in chosen.sets:
        plain = accuracies(name, None, chosen.seeds, 1)
        for epsilon in EPSILONS[1:]:
            found = accuracies(name, epsilon, chosen.seeds, chosen.noises)
            lost = plain - found
            rows.append(
                {
                    "set": TITLES[name],
                    "epsilon": epsilon,
                    "accuracy": found.mean(),
                    "lost": lost.mean(),
                    "deviation of a table's loss": lost.mean(axis=0).std(ddof=1),
                    "deviation between seeds": lost.mean(axis=1).std(ddof=1),
                }
            )
            print(table(list(rows[-1]), [list(rows[-1].values())]), flush=True)
    print(table(list(rows[0]), [list(row.values()) for row in rows]))
    write("alternating_noises", {"noises": chosen.noises, "seeds": chosen.seeds, "rows": rows})


def accuracies(name: str, epsilon: float | None, seeds: int, noises: int) -> np.ndarray:
    """Per cent, [seeds, noises]."""
    layout = LAYOUTS[name]
    kept = KeptCells(ROOT / ".cache" / "alternating_noises" / name, f"{name} {VERSIONS[name]}")
    found = np.zeros((seeds, noises))
    for seed in range(seeds):
        for noise in range(noises):
            # The noise of a cell follows from its name.
            cell = Cell(f"{TITLES[name]}, noise {noise}", "alternating", epsilon, seed)
            one = kept.scored(cell)
            if one is None:
                options = layout.options(epsilon)
                one = carry_out(cell, parts(name, seed), options, layout.network, layout.clipping)
                kept.keep(one)
            found[seed, noise] = 100 * one.metrics[CHOSEN]["accuracy"]
    return found


if __name__ == "__main__":
    main()
