# SPDX-License-Identifier: Apache-2.0
"""A recogniser's epsilon, put to the test by a one-run audit; and faults planted into its training.

    python benchmarks/recogniser_claims.py [--seeds 3] [--fault-seeds 2] [--resume]

Chimeric users, who do not exist: each joins a face of nobody (synthetic_faces), a voice
(voice_librispeech) and the typing of a third (behaviour_keystroke_aalto). A record is one window of
the voice, one sentence and the one picture that there is of the face. The recogniser is `[model]
name = "recogniser"` with small parts, its three losses and its changes of sessions; canaries are
records of all three modalities. Right runs at epsilon 1, 2, 4 and 8; then faults in the running
process only, the claim of 2 left as it was. "By the attack": the lower bound lies above the claim;
"by arithmetic": noise, rate and independence, as they were seen, cost more. Seconds are those of
one core's work, controls included; the last row has a limit of so many by the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

import _claims
from _chimeric_sets import _cached
from _claims import told
from _common import DATA, RESULTS, table, write
from polyveil.attack.canary import recogniser
from polyveil.attack.canary.work import audit_work
from polyveil.learn import clipper
from polyveil.learn.modalities import Multimodal
from polyveil.learn.plan import DataPlan, ModelPlan, Plan, PrivacyPlan, TrainingPlan
from polyveil.learn.work import Work

USERS, EACH, SIDE = 50, 12, 24
EPSILONS = (1.0, 2.0, 4.0, 8.0)
CLAIM = 2.0
"""Of the runs with faults."""
NETWORK = {
    "width": 16,
    "widths": [8, 16],
    "vae_widths": [8, 16],
    "latent": 2,
    "sequence_vae_widths": [8],
}
TRAINING = TrainingPlan(epochs=5, batch_size=120)
LIMIT = 20.0
"""Seconds, less than all steps take."""

Fault = Callable[[Any], None]
HEAD = [*_claims.HEAD, "steps", "seconds"]


def chimeric_users() -> Multimodal:
    """EACH records of each of USERS users."""
    draw = np.random.default_rng(0)
    listed = (DATA / "synthetic_faces" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    files = [json.loads(line)["file_name"] for line in listed]
    faces = np.stack([_face(files[at]) for at in draw.permutation(len(files))[:USERS]])
    voice, behaviour = (
        _samples(pack, draw) for pack in ("voice_librispeech", "behaviour_keystroke_aalto")
    )
    inputs = {
        "face": np.repeat(faces, EACH, axis=0),
        # Every other band and moment: the figures are about noise, not about voices.
        "voice": np.ascontiguousarray(voice[:, :, ::2, ::2]),
        "behaviour": behaviour,
    }
    return Multimodal(
        inputs,
        np.ones((USERS * EACH, 3), dtype=bool),
        np.repeat(np.arange(USERS), EACH),
        tuple(f"chimeric {at:03d}" for at in range(USERS)),
        spreads={"face": 0.1, "voice": 0.5, "behaviour": 0.5},
        kinds={name: name for name in inputs},
    )


def _face(file: str) -> np.ndarray:
    grey = cv2.imread(str(DATA / "synthetic_faces" / file), cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return (small / 255).astype(np.float32)[None]


def _samples(pack: str, draw: np.random.Generator) -> np.ndarray:
    """EACH samples of each of USERS people; of few samples some occur twice."""
    x, people, _ = _cached(pack)
    chosen = draw.permutation(np.unique(people))[:USERS]
    rows = [np.resize(np.flatnonzero(people == who), EACH) for who in chosen]
    return np.asarray(x[np.concatenate(rows)], dtype=np.float32)


def work(data: Multimodal, epsilon: float) -> Work:
    """As `polyveil train` would settle it."""
    plan = Plan(
        DataPlan(Path("nowhere"), validation=0.0, inputs={name: {} for name in data.inputs}),
        PrivacyPlan(epsilon=epsilon),
        (ModelPlan("recogniser", NETWORK),),
        training=TRAINING,
    )
    return Work.of(plan, data, None, bytes(32))


def nothing(private: Any) -> None:
    """The right run."""


def no_noise(private: Any) -> None:
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=0.0)


def half_the_noise(private: Any) -> None:
    half = private.schedule.noise_multiplier / 2
    private._mechanism._schedule = replace(private.schedule, noise_multiplier=half)


def same_noise_every_step(private: Any) -> None:
    stream = private._noise.stream
    private._noise.stream = lambda _, name, count: stream("once", name, count)


def same_noise_in_two_steps(private: Any) -> None:
    """Of the steps of one pair, as where a counter were kept in half steps."""
    stream = private._noise.stream
    private._noise.stream = lambda _, name, count: stream(
        f"pair {private.steps_done // 2}", name, count
    )


def autoencoders_without_noise(private: Any) -> None:
    """As where the loss that rebuilds the inputs were left out of what is noised."""
    mechanism, batch = private._mechanism, private.schedule.expected_batch
    release = mechanism.release
    theirs = [one for name, one in private.model.named_parameters() if "coders." in name]

    def faulty(step: int) -> dict[nn.Parameter, Tensor]:
        exact = {one: mechanism._sum_of(one).clone() / batch for one in theirs}
        return {**release(step), **exact}

    mechanism.release = faulty


FAULTS: dict[str, Fault] = {
    "no noise": no_noise,
    "the same noise in every step": same_noise_every_step,
    "the same noise in two steps each": same_noise_in_two_steps,
    "half the noise": half_the_noise,
    "clipping off": nothing,
    "autoencoders without noise": autoencoders_without_noise,
}


@contextmanager
def planted(fault: Fault, *, clipping: bool = True) -> Iterator[None]:
    """Inside, the engine of a training has the fault. Args: clipping: False takes it away."""
    right, clip = recogniser.engine, clipper.clip_weights

    def faulty(*given: Any) -> Any:
        made = right(*given)
        fault(made)
        return made

    recogniser.engine = faulty  # type: ignore[assignment]
    if not clipping:
        clipper.clip_weights = lambda norms, threshold: torch.ones_like(norms)
    try:
        yield
    finally:
        recogniser.engine, clipper.clip_weights = right, clip


def audited(
    data: Multimodal, epsilon: float, seed: int, *, limit: float | None = None
) -> dict[str, Any]:
    """One audit with its controls. Args: limit: seconds; None: all steps, however long."""
    clock = time.process_time if limit is None else time.monotonic
    settled, started = work(data, epsilon), clock()
    result, check = audit_work(settled, seed=seed, seconds=limit)
    return {
        **told(result, check, claimed=epsilon, seconds=clock() - started, seed=seed),
        "measures": {one.name: str(one.value) for one in result.measures},
        "steps": f"{check.steps} of {check.of_steps}",
    }


def row(name: str, found: list[dict[str, Any]]) -> list[Any]:
    """Cells of `HEAD` for the audits of one kind of run."""
    seconds = float(np.median([one["seconds"] for one in found]))
    return [*_claims.row(name, found), found[0]["steps"], f"{seconds:.0f}"]


def main() -> None:
    """Right runs, then faults; printed and written after each row."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--fault-seeds", type=int, default=2)
    asked.add_argument("--resume", action="store_true", help="keep the rows that are there")
    chosen = asked.parse_args()
    torch.set_num_threads(1)
    data = chimeric_users()
    found = _kept() if chosen.resume else {}

    def keep(name: str, one: Callable[[int], dict[str, Any]], seeds: int) -> None:
        if name in found:
            return
        found[name] = made = [one(seed) for seed in range(seeds)]
        print(table(HEAD, [row(name, made)]).splitlines()[-1], flush=True)
        figures = {"records": len(data), "users": f"{USERS} chimeric", "runs": found}
        write("recogniser_claims", figures, packages=("torch",))

    print(table(HEAD, []))
    for name, fault in FAULTS.items():
        with planted(fault, clipping=name != "clipping off"):
            keep(name, partial(audited, data, CLAIM), chosen.fault_seeds)
    for epsilon in EPSILONS:
        keep(f"right, ε = {epsilon:g}", partial(audited, data, epsilon), chosen.seeds)
    limited = partial(audited, data, CLAIM, limit=LIMIT)
    keep(f"right, ε = {CLAIM:g}, {LIMIT:g} s at most", limited, chosen.fault_seeds)
    print(table(HEAD, [row(name, made) for name, made in found.items()]))


def _kept() -> dict[str, list[dict[str, Any]]]:
    """Rows that an earlier run has written."""
    runs: dict[str, list[dict[str, Any]]] = json.loads(
        (RESULTS / "recogniser_claims.json").read_text(encoding="utf-8")
    )["figures"]["runs"]
    return runs


if __name__ == "__main__":
    main()
