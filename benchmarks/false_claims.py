# SPDX-License-Identifier: Apache-2.0
"""How often a "95 % lower bound" on epsilon lies above the true epsilon, where that is known.

    .venv-peers/bin/python benchmarks/false_claims.py [--trials 1000]

Mechanisms whose epsilon is exact: randomised response of each canary's bit, a Gaussian release of
each canary's bit, and ten of those one after the other, attacked by `OneRunAudit` with both of its
scores. Beside our bounds stands what goes wrong elsewhere: the best of fifty numbers of guesses
without paying for the choice, the plain log odds without an interval, and a Gaussian fitted to the
scores, also as jax_privacy's `epsilon_from_gdp` (where that is installed).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from _common import table, write
from polyveil.attack.canary.bound import default_guesses, one_run_bound
from polyveil.attack.canary.claim import TrainingFacts
from polyveil.attack.canary.evidence import OneRunEvidence
from polyveil.attack.canary.one_run import OneRunAudit
from polyveil.attack.canary.score import right_guesses
from polyveil.privacy import gaussian

CANARIES, DELTA = 1000, 1e-5
EPSILONS = (0.5, 1.0, 3.0)
TRIED = 50
STEPS = 10

Scores = tuple[np.ndarray, np.ndarray]
"""(score of each canary, whether it is in)."""


def response(epsilon: float, draw: np.random.Generator) -> Scores:
    """Each bit told truly with chance e^epsilon / (1 + e^epsilon); ties broken at random."""
    inside = draw.integers(0, 2, CANARIES).astype(bool)
    truly = draw.random(CANARIES) < 1 / (1 + math.exp(-epsilon))
    told = np.where(truly, inside, ~inside)
    return told + 0.5 * draw.random(CANARIES), inside


def noised(epsilon: float, draw: np.random.Generator) -> Scores:
    """Each bit under Gaussian noise that is (epsilon, DELTA) private, exactly."""
    inside = draw.integers(0, 2, CANARIES).astype(bool)
    sigma = gaussian.noise_multiplier_for(epsilon=epsilon, delta=DELTA)
    return inside + sigma * draw.standard_normal(CANARIES), inside


def fixed(scores: np.ndarray, inside: np.ndarray, epsilon: float) -> float:
    """Ours: the number of guesses follows from public facts."""
    ins, outs = default_guesses(CANARIES, epsilon, delta=DELTA)
    right = right_guesses(scores, inside, ins=ins, outs=outs)
    return one_run_bound(CANARIES, ins + outs, right, delta=DELTA).epsilon


def best_of_many(trials: int) -> Callable[[np.ndarray, np.ndarray, float], float]:
    """The best of TRIED numbers of guesses, paid for as if `trials` had been tried."""

    def bound(scores: np.ndarray, inside: np.ndarray, epsilon: float) -> float:
        order = inside[np.argsort(scores)]
        low, high = np.cumsum(~order), np.cumsum(order[::-1])
        found = 0.0
        for each in np.linspace(5, CANARIES // 2, TRIED).astype(int):
            right = int(low[each - 1] + high[each - 1])
            shown = one_run_bound(CANARIES, 2 * int(each), right, delta=DELTA, trials=trials)
            found = max(found, shown.epsilon)
        return found

    return bound


def log_odds(scores: np.ndarray, inside: np.ndarray, epsilon: float) -> float:
    """The naive point estimate: ln(right / wrong) of the same guesses, no interval."""
    ins, outs = default_guesses(CANARIES, epsilon, delta=DELTA)
    right = right_guesses(scores, inside, ins=ins, outs=outs)
    wrong = ins + outs - right
    return math.log(right / wrong) if wrong and right else (0.0 if not right else math.inf)


def gaussian_fit(scores: np.ndarray, inside: np.ndarray, epsilon: float) -> float:
    """Epsilon of two Gaussians fitted to the scores: right if they are, and no bound even then."""
    apart = scores[inside].mean() - scores[~inside].mean()
    spread = math.sqrt(0.5 * (scores[inside].var() + scores[~inside].var()))
    return gaussian.epsilon_for(max(spread / max(apart, 1e-9), 1e-3), delta=DELTA)


def theirs(scores: np.ndarray, inside: np.ndarray, epsilon: float) -> float:
    from jax_privacy import auditing

    auditor = auditing.CanaryScoreAuditor(scores[inside], scores[~inside])
    return float(auditor.epsilon_from_gdp(significance=0.05, delta=DELTA))


def composed(epsilon: float, draw: np.random.Generator) -> float:
    """Ten Gaussian releases of each bit, attacked as a training is: both scores, one bound."""
    inside = draw.integers(0, 2, CANARIES).astype(bool)
    sigma = gaussian.noise_multiplier_for(epsilon=epsilon, delta=DELTA) * math.sqrt(STEPS)
    released = inside / sigma + draw.standard_normal((STEPS, CANARIES))
    moved = np.diff(released, axis=0, prepend=0.0)
    evidence = OneRunEvidence(released, moved / moved.std(), inside, 1.0, STEPS, STEPS)
    audit = OneRunAudit(epsilon, TrainingFacts(sigma, 1.0, STEPS, DELTA), canaries=CANARIES)
    return max(one.epsilon for one in audit.bounds(evidence))


def false_share(bounds: list[float], truth: float) -> float:
    return float(np.mean([one > truth for one in bounds]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    ways: dict[str, Callable[[np.ndarray, np.ndarray, float], float]] = {
        "ours, guesses fixed before": fixed,
        f"ours, best of {TRIED}, paid for": best_of_many(TRIED),
        f"best of {TRIED}, not paid for": best_of_many(1),
        "log odds, no interval": log_odds,
        "Gaussian fit, no interval": gaussian_fit,
    }
    try:
        import jax_privacy  # noqa: F401

        ways["jax_privacy epsilon_from_gdp"] = theirs
    except ImportError:
        print("jax_privacy is not installed: its row is left out")
    rows: list[list[Any]] = []
    for name, mechanism in (("randomised response", response), ("Gaussian", noised)):
        for epsilon in EPSILONS:
            for way, bound in ways.items():
                draw = np.random.default_rng([7, int(10 * epsilon), len(name)])
                many = min(trials, 200) if bound is theirs else trials
                found = [bound(*mechanism(epsilon, draw), epsilon) for _ in range(many)]
                rows.append(
                    [name, epsilon, way, many, float(np.median(found)), false_share(found, epsilon)]
                )
                print(rows[-1], flush=True)
    for epsilon in EPSILONS:
        draw = np.random.default_rng([11, int(10 * epsilon)])
        found = [composed(epsilon, draw) for _ in range(trials)]
        row = [f"{STEPS} Gaussian releases", epsilon, "ours, OneRunAudit with both scores", trials]
        rows.append([*row, float(np.median(found)), false_share(found, epsilon)])
    header = ["Mechanism", "True epsilon", "Bound", "Trials", "Median", "Above the truth"]
    print(table(header, rows))
    write("false_claims", {"header": header, "rows": rows}, packages=("scipy",))


if __name__ == "__main__":
    main()
