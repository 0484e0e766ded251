# SPDX-License-Identifier: Apache-2.0
"""Claim: the engine's clipped sums are those of every record run alone, whatever the network.

Draws random networks of every kind (layers, options, widths, batches of 1 to 6 records), trains
one noiseless step on each, flat and per layer, in float64 and float32, half of the records
clipped, and compares with a micro-batch oracle: plain autograd, one record at a time, float64.

    python benchmarks/exactness.py [networks a kind]
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import torch

from _common import ROOT, table, write

sys.path.insert(0, str(ROOT / "tests" / "learn"))

from random_networks import KINDS, compared, network

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


def measured(kind: str, networks: int) -> dict[str, Any]:
    """Largest errors of one kind, and what float32 itself gets wrong on the same networks."""
    largest = {f"{name}, {what}": 0.0 for name in PRECISIONS for what in ("ours", "plain")}
    clipped, refused = [], []
    for seed in range(networks):
        for clipping in ("per-layer", "flat"):
            for name, precision in PRECISIONS.items():
                try:
                    found = compared(network(kind, seed, precision), clipping=clipping)
                except Exception as error:  # noqa: BLE001 - a miss is reported, not hidden
                    refused.append(f"{kind} {seed} {clipping} {name}: {error}")
                    continue
                ours, plain = f"{name}, ours", f"{name}, plain"
                largest[ours] = max(largest[ours], found.error)
                largest[plain] = max(largest[plain], found.rounding)
                clipped.append(found.clipped)
    share = sum(clipped) / max(len(clipped), 1)
    return {"networks": networks, **largest, "clipped": share, "failed": refused}


def main() -> None:
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    networks = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    begun = time.perf_counter()
    figures = {kind: measured(kind, networks) for kind in KINDS}
    rows = [
        [
            kind,
            one["networks"],
            f"{one['float64, ours']:.1e}",
            f"{one['float32, ours']:.1e}",
            f"{one['float32, plain']:.1e}",
            f"{one['clipped']:.0%}",
            len(one["failed"]),
        ]
        for kind, one in figures.items()
    ]
    header = ["kind", "networks", "float64", "float32", "plain float32", "clipped", "failed"]
    print("Largest relative error of a parameter's clipped sum against the oracle\n")
    print(table(header, rows))
    for failure in (line for one in figures.values() for line in one["failed"]):
        print("FAILED", failure)
    total = sum(one["networks"] for one in figures.values())
    print(f"\n{total} networks, {time.perf_counter() - begun:.0f} s")
    write("exactness", {"kinds": figures, "total networks": total}, packages=("torch",))


if __name__ == "__main__":
    main()
