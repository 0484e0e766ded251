# SPDX-License-Identifier: Apache-2.0
"""The epsilon of learning by turns, put to the test by a one-run audit; and faults planted into it.

    python benchmarks/alternating_claims.py [--seeds 5] [--whole-seeds 1]

AV-MNIST (chimeric: image and sound paired by digit). Every method on 2,000 records,
alternating training at epsilon 1, 2, 4 and 8, the others at 2; then faults in the running process
only, the claim of 2 left as it was; then alternating training in the very setting of the table
(12,960 records, 8 passes of 1,024). As many canaries as a claim needs. "By the attack": the lower
bound lies above the claim; "by arithmetic": noise and rate, as they were seen, cost more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from _claims import HEAD, row, told
from _common import table, write
from _multimodal_sets import parts
from polyveil.attack.canary.methods import audit_method
from polyveil.learn import clipper
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import (
    Alternating,
    Budget,
    Joint,
    Late,
    Method,
    Modulated,
    Options,
    SubspaceProjection,
)
from polyveil.learn.multimodal.accounting import plan_rounds
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.steps import Steps

RECORDS = 2000
NETWORK = {"channels": (8, 16), "width": 32}
SHORT = Options(epochs=6, batch_size=200, optimizer="sgd", learning_rate=0.5)
WHOLE = Options(epochs=8, batch_size=1024, optimizer="sgd", learning_rate=0.5)
EPSILONS = (1.0, 2.0, 4.0, 8.0)
METHODS: dict[str, Method] = {
    "alternating": Alternating(),
    "alternating, subspace": Alternating(SubspaceProjection()),
    "joint": Joint(),
    "late fusion": Late(),
    "OGM-GE": Modulated(),
}

Fault = Callable[[str, Steps], None]


def no_noise_for_sound(path: str, steps: Steps) -> None:
    if path == "sound":
        engine: Any = steps._engine
        engine._mechanism._schedule = replace(engine.schedule, noise_multiplier=0.0)


def raw_mean_feature(path: str, steps: Steps) -> None:
    """The projection follows from an exact mean, beside gradients that are noised."""
    engine: Any = steps._engine
    mechanism, probe = engine._mechanism, steps.path.probe
    release = mechanism.release

    def faulty(step: int) -> dict[nn.Parameter, Tensor]:
        exact = {one: mechanism._sum_of(one).clone() for one in probe.parameters()}
        batch = engine.schedule.expected_batch
        return release(step) | {one: total / batch for one, total in exact.items()}

    mechanism.release = faulty


def same_noise_every_step(path: str, steps: Steps) -> None:
    source: Any = steps._engine._noise
    stream = source.stream
    source.stream = lambda _, name, count: stream("once", name, count)


def nothing(path: str, steps: Steps) -> None:
    """The right run."""


@contextmanager
def planted(fault: Fault, *, one_sample: bool = False, clipping: bool = True) -> Iterator[None]:
    """Inside, every path of a training has the fault.

    Args:
      one_sample: all modalities draw the same records and the same noise.
      clipping: False takes it away.
    """
    right, clip = Setting.steps, clipper.clip_weights

    def faulty(self: Setting, name: str, *rest: Any) -> Steps:
        made = right(self, "all" if one_sample else name, *rest)
        fault(name, made)
        return made

    Setting.steps = faulty  # type: ignore[method-assign]
    if not clipping:
        clipper.clip_weights = lambda norms, threshold: torch.ones_like(norms)
    try:
        yield
    finally:
        Setting.steps, clipper.clip_weights = right, clip  # type: ignore[method-assign]


def audited(
    method: Method, data: Multimodal, options: Options, epsilon: float, seed: int, **noise: float
) -> dict[str, Any]:
    """One audit. Args: noise: `noise_multiplier` in place of what epsilon asks for."""
    started = time.perf_counter()
    result, check = audit_method(
        method,
        data,
        options,
        Budget(**(noise or {"epsilon": epsilon})),
        network=NETWORK,
        claimed=epsilon,
        seed=seed,
    )
    seconds = time.perf_counter() - started
    return told(result, check, claimed=epsilon, seconds=seconds, seed=seed)


def main() -> None:
    """Right runs, the table's own setting, faults; printed and written after each row."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--whole-seeds", type=int, default=1)
    chosen = asked.parse_args()
    torch.set_num_threads(1)
    everyone = parts("av_mnist", 0).train
    rows = np.random.default_rng(0).permutation(len(everyone))[:RECORDS]
    some = everyone.where(np.isin(np.arange(len(everyone)), rows))
    found: dict[str, list[dict[str, Any]]] = {}

    def keep(name: str, made: list[dict[str, Any]]) -> None:
        found[name] = made
        print(table(HEAD, [row(name, made)]).splitlines()[-1], flush=True)
        write("alternating_claims", {"records": RECORDS, "runs": found})

    print(table(HEAD, []))
    for name, method in METHODS.items():
        for epsilon in EPSILONS if name == "alternating" else (2.0,):
            made = [audited(method, some, SHORT, epsilon, seed) for seed in range(chosen.seeds)]
            keep(f"{name}, ε = {epsilon:g}", made)
    for name, fault, how in _faults():
        with planted(fault, **how):
            made = [audited(Alternating(), some, SHORT, 2.0, seed) for seed in range(chosen.seeds)]
        keep(name, made)
    naive = plan_rounds(
        len(some), batch_size=SHORT.batch_size, epochs=SHORT.epochs, releases=1, epsilon=2.0
    )
    noise = {"noise_multiplier": naive.noise_multiplier}
    made = [audited(Alternating(), some, SHORT, 2.0, seed, **noise) for seed in range(chosen.seeds)]
    keep("a round charged once", made)
    for epsilon in EPSILONS:
        seeds = range(chosen.whole_seeds)
        made = [audited(Alternating(), everyone, WHOLE, epsilon, seed) for seed in seeds]
        keep(f"alternating, as in the table, ε = {epsilon:g}", made)
    print(table(HEAD, [row(name, made) for name, made in found.items()]))


def _faults() -> list[tuple[str, Fault, dict[str, bool]]]:
    return [
        ("no noise for one modality", no_noise_for_sound, {}),
        ("the projection's mean without noise", raw_mean_feature, {}),
        ("the same noise in every step", same_noise_every_step, {}),
        ("clipping off", nothing, {"clipping": False}),
        ("one sample and one noise for both modalities", nothing, {"one_sample": True}),
    ]


if __name__ == "__main__":
    main()
