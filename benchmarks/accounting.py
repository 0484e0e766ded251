# SPDX-License-Identifier: Apache-2.0
"""Is the promised epsilon kept in random settings, and would a faulty mechanism be noticed?

Three parts. 1: for 1,000 random (rate, steps, delta, target) the noise that is returned must spend
at most the target, and the RDP bound must not lie below the PLD bound. The grid here is up to 20
times coarser than the default, which is as safe (always rounded up) and cheaper. 2: on settings of
their own, at the default grid, epsilon against dp-accounting called directly. 3: mechanisms with
planted faults, and right ones for the rate of false alarms.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import dp_accounting
import numpy as np
from dp_accounting import pld

import _common
from polyveil.privacy import accountant
from polyveil.privacy.accountant import SampledGaussian, epsilon_by_rdp, epsilon_spent
from polyveil.privacy.discrete_gaussian import DiscreteGaussian
from polyveil.privacy.poisson import PoissonSampler
from polyveil.privacy.tester import Finding, check_noise, check_sampling, check_sensitivity

COARSE_POINTS, COARSE_TOTAL = 1.5e3, 5e4


def settings(count: int, seed: int) -> list[dict[str, Any]]:
    """Random (rate, steps, delta, epsilon), log-uniform; one in ten without sampling."""
    rng = np.random.default_rng(seed)
    return [
        {
            "rate": 1.0 if rng.random() < 0.1 else float(10 ** rng.uniform(-4, 0)),
            "steps": int(10 ** rng.uniform(0, 4.3)),
            "delta": float(10 ** rng.uniform(-9, -3)),
            "epsilon": float(10 ** rng.uniform(-1, 1.2)),
        }
        for _ in range(count)
    ]


def kept(setting: dict[str, Any]) -> tuple[float, float, float]:
    """(spent / target, RDP / PLD, seconds of the search) of one setting, on the coarser grid."""
    accountant._STEP_POINTS, accountant._TOTAL_POINTS = COARSE_POINTS, COARSE_TOTAL
    began = time.perf_counter()
    noise = accountant.noise_multiplier_for(**setting)
    seconds = time.perf_counter() - began
    event = SampledGaussian(setting["rate"], noise, setting["steps"])
    accountant._epsilon.cache_clear()
    spent = epsilon_spent([event], delta=setting["delta"])
    by_rdp = epsilon_by_rdp([event], delta=setting["delta"])
    return spent / setting["epsilon"], quotient(by_rdp, spent), seconds


def quotient(one: float, other: float) -> float:
    """one / other; 1 where both are 0, which few rare samples and a large delta can make them."""
    return 1.0 if one == other else float(np.divide(one, other))


def agreement(setting: dict[str, Any]) -> float:
    """Our epsilon / dp-accounting's own PLDAccountant's at its own grid of 1e-4."""
    accountant._STEP_POINTS, accountant._TOTAL_POINTS = COARSE_POINTS, COARSE_TOTAL
    noise = accountant.noise_multiplier_for(**setting)
    accountant._STEP_POINTS, accountant._TOTAL_POINTS = 3e4, 1e6
    accountant._epsilon.cache_clear()
    event = SampledGaussian(setting["rate"], noise, setting["steps"])
    direct = pld.PLDAccountant()
    one = dp_accounting.PoissonSampledDpEvent(event.rate, dp_accounting.GaussianDpEvent(noise))
    direct.compose(one, event.steps)
    ours = epsilon_spent([event], delta=setting["delta"])
    return quotient(ours, direct.get_epsilon(setting["delta"]))


def mutants() -> dict[str, tuple[bool, Callable[[np.random.Generator], Finding]]]:
    """Name -> (whether it is faulty, one test of it at 1 % significance)."""
    value = np.zeros(20)

    def noise(draw: Callable[..., Any]) -> Callable[[np.random.Generator], Finding]:
        return lambda rng: check_noise(
            lambda x: x + draw(rng, x.shape), value, sigma=1.0, calls=1000, significance=0.01
        )

    def clipped(at: float) -> Callable[[np.random.Generator], Finding]:
        def total(rng: np.random.Generator, data: list[np.ndarray]) -> np.ndarray:
            parts = [x * min(1.0, at / float(np.linalg.norm(x))) for x in data]
            return np.sum(parts, axis=0) + rng.normal(size=3)

        near, far = [np.full(3, 0.1)] * 3, [np.full(3, 0.1)] * 3 + [np.full(3, 9.0)]
        return lambda rng: check_sensitivity(
            lambda data: total(rng, data), near, far, sensitivity=1.0, calls=1000, significance=0.01
        )

    def sampled(draw: Callable[..., Any]) -> Callable[[np.random.Generator], Finding]:
        return lambda rng: check_sampling(draw(rng), records=400, rate=0.05, significance=0.01)

    def shuffled(rng: np.random.Generator) -> list[np.ndarray]:
        return [part for _ in range(20) for part in np.split(rng.permutation(400), 20)]

    root3 = math.sqrt(3)
    return {
        "Gaussian, as claimed": (False, noise(lambda r, s: r.normal(size=s))),
        "2/3 of the noise": (True, noise(lambda r, s: r.normal(size=s) * 2 / 3)),
        "0.9 of the noise": (True, noise(lambda r, s: r.normal(size=s) * 0.9)),
        "Laplace of equal variance": (True, noise(lambda r, s: r.laplace(size=s) / math.sqrt(2))),
        "uniform of equal variance": (True, noise(lambda r, s: r.uniform(-root3, root3, size=s))),
        "rounded to sigma / 100": (True, noise(lambda r, s: np.round(r.normal(size=s), 2))),
        "one draw for all coordinates": (True, noise(lambda r, s: np.full(s, r.normal()))),
        "correlation 0.1 of coordinates": (
            True,
            noise(lambda r, s: math.sqrt(0.9) * r.normal(size=s) + math.sqrt(0.1) * r.normal()),
        ),
        "clipped at the claimed length": (False, clipped(1.0)),
        "clipped at 1.25 of it": (True, clipped(1.25)),
        "clipped at twice of it": (True, clipped(2.0)),
        "Poisson sampler": (False, sampled(lambda r: list(PoissonSampler(400, 0.05, 400)))),
        "batches of fixed size": (
            True,
            sampled(lambda r: [r.choice(400, 20, replace=False) for _ in range(400)]),
        ),
        "shuffled, cut into batches": (True, sampled(shuffled)),
        "rate 10 % too high": (True, sampled(lambda r: list(PoissonSampler(400, 0.055, 400)))),
    }


def discrete_chi_square(draws: int) -> float:
    """p-value of the exact sampler against its probabilities."""
    from scipy import stats

    mechanism = DiscreteGaussian(1, 3.0)
    noise = mechanism.release(np.zeros(draws, dtype=int)).clip(-9, 9)
    seen = np.bincount(noise + 9, minlength=19)
    expected = mechanism.probability(np.arange(-9, 10)) * draws
    tail = mechanism.probability(np.arange(10, 200)).sum() * draws
    expected[0] += tail
    expected[-1] += tail
    return float(stats.chisquare(seen, expected * draws / expected.sum()).pvalue)


def progress_cost() -> dict[str, float]:
    """Milliseconds that epsilon takes in each of 30 epochs' progress lines, batch 512 of 60,000."""
    rate, took = 512 / 60000, []
    for epoch in range(1, 31):
        began = time.perf_counter()
        epsilon_spent([SampledGaussian(rate, 1.0, 118 * epoch)], delta=1e-5)
        took.append(1000 * (time.perf_counter() - began))
    return {"first": took[0], "median of the rest": float(np.median(took[1:]))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=int, default=1000)
    parser.add_argument("--direct", type=int, default=60)
    parser.add_argument("--repetitions", type=int, default=100)
    options = parser.parse_args()
    cost = progress_cost()
    with get_context("spawn").Pool(2) as pool:
        rows = pool.map(kept, settings(options.settings, 1), chunksize=10)
        ratios = np.array(pool.map(agreement, settings(options.direct, 2), chunksize=2))
    spent, rdp, seconds = (np.array(column) for column in zip(*rows, strict=True))
    rng = np.random.default_rng(3)
    table, caught = [], {}
    for name, (faulty, test) in mutants().items():
        share = sum(test(rng).rejected for _ in range(options.repetitions)) / options.repetitions
        caught[name] = {"faulty": faulty, "rejected": share}
        table.append([name, "yes" if faulty else "no", f"{share:.0%}"])
    figures = {
        "settings": len(rows),
        "spent above target": int((spent > 1).sum()),
        "largest spent / target": float(spent.max()),
        "median spent / target": float(np.median(spent)),
        "RDP below PLD": int((rdp < 1).sum()),
        "median RDP / PLD": float(np.median(rdp)),
        "seconds of a search, median and largest": [float(np.median(seconds)), seconds.max()],
        "direct settings": len(ratios),
        "ours / dp-accounting, least and largest": [float(ratios.min()), float(ratios.max())],
        "share within 1 %": float((abs(ratios - 1) < 0.01).mean()),
        "share at most 1 % above": float((ratios < 1.01).mean()),
        "repetitions, significance": [options.repetitions, 0.01],
        "mechanisms": caught,
        "discrete Gaussian, chi-square p of 20,000 draws": discrete_chi_square(20_000),
        "milliseconds of a progress line": cost,
    }
    shown = [[name, str(value)] for name, value in figures.items() if name != "mechanisms"]
    print(_common.table(["figure", "value"], shown), end="\n\n")
    print(_common.table(["mechanism", "faulty", "rejected"], table))
    _common.write("accounting", figures, packages=("dp-accounting", "numpy", "scipy"))


if __name__ == "__main__":
    main()
