# SPDX-License-Identifier: Apache-2.0
"""Claim: dynamic convolutions, autoencoders and privacy cost the recogniser a stated multiple of
its baselines' time, and eight bits make its file smaller and faster at the same accuracy.

Networks are of one size, fed by the default front ends (face 48 x 48, voice 40 x 250, 64
keystrokes); baselines: without autoencoder, plain convolutions, InfoNCE or no alignment, one
modality alone, and late fusion of three such networks, one after another.

Contestants take turns, one call each, in an order that turns from round to round. Ratios are
medians over rounds of the ratio within a round. With one thread times are CPU seconds, which other
work on the machine disturbs less than the clock; with two threads seconds on the clock, and "least"
is that of the least disturbed round. Training: whole steps at batch 64, plain and by
`PrivateTraining` with every record in every step. Inference: torch, ONNX and ONNX int8.

Int8 and accuracy: a recogniser trained on chimeric users; ranges from their enrolment records,
accuracy on their probes, with the same noise for both files, several draws.

The paper states 283 to 320 ms for one inference, on its own machine, data and networks: context,
not comparable with anything here.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from _chimeric_sets import load
from _common import RESULTS, table, write
from _recogniser_forms import Call, call_of, feed, files, joined, sizes
from _recogniser_training import train
from polyveil import _weights
from polyveil.inputs import front_end
from polyveil.learn.private import PrivateTraining
from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig
from polyveil.models.recognition.export_onnx import export_onnx
from polyveil.models.recognition.quantised import quantised
from polyveil.recognize.chimeric import Pairing

CLAIM = "recogniser_speed"
PARTS = ("training", "inference", "accuracy")
PAPER = "the paper's 283 to 320 ms an inference are of its own machine: not comparable"
BATCH, PEOPLE, CALIBRATION = 64, 40, 128
KINDS = ("face", "voice", "behaviour")
MODALITIES = tuple(Modality(kind, front_end(kind).shape, front_end(kind).spread) for kind in KINDS)
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "full, InfoNCE": {"alignment": "info-nce"},
    "without alignment": {"alignment": "none"},
    "without autoencoder": {"vae": False},
    "plain convolutions": {"odconv": False},
}
SAME_IN_USE = ("full, InfoNCE", "full, channels last", "without alignment")
"""They differ from the full one in training alone."""

Systems = tuple[MultimodalRecogniser, ...]


def contestants() -> dict[str, Systems]:
    """Name -> networks that run one after another; late fusion alone has several."""
    joint = {name: (network(MODALITIES, options),) for name, options in VARIANTS.items()}
    last = network(MODALITIES, {}).to(memory_format=torch.channels_last)
    joint["full, channels last"] = (last,)
    alone = {f"{one.name} alone": (network((one,), {}),) for one in MODALITIES}
    late = tuple(system for (system,) in alone.values())
    return {**joint, **alone, "late fusion of three": late}


def network(modalities: tuple[Modality, ...], options: Mapping[str, Any]) -> MultimodalRecogniser:
    torch.manual_seed(0)
    chosen: dict[str, Any] = {"alignment": "anchors", **options}
    return MultimodalRecogniser(RecogniserConfig(modalities, PEOPLE, **chosen))


def records(count: int) -> tuple[dict[str, Tensor], Tensor]:
    """Random numbers: time does not depend on what they mean."""
    draw = torch.Generator().manual_seed(1)
    inputs = {one.name: torch.randn(count, *one.shape, generator=draw) for one in MODALITIES}
    return inputs, torch.arange(count) % PEOPLE


# --- training ---------------------------------------------------------------------------------


def training(rounds: int) -> dict[str, dict[str, float]]:
    """ms a record, plain and private, and ratios."""
    calls: dict[str, Call] = {}
    for name, systems in contestants().items():
        calls[f"{name}: plain"] = joined([plain_step(one) for one in systems])
        if all(one.config.alignment != "info-nce" for one in systems):
            private = [private_step(one, rounds) for one in systems]
            calls[f"{name}: private"] = joined(private)
    clocks = taken(calls, rounds, time.process_time)
    figures: dict[str, dict[str, float]] = {}
    for name in contestants():
        plain, private = clocks[f"{name}: plain"], clocks.get(f"{name}: private")
        figures[name] = {
            "plain_ms": 1000 * statistics.median(plain) / BATCH,
            "times_full": ratio(plain, clocks["full: plain"]),
        }
        if private:
            figures[name]["private_ms"] = 1000 * statistics.median(private) / BATCH
            figures[name]["private_times_plain"] = ratio(private, plain)
    return figures


def plain_step(system: MultimodalRecogniser) -> Call:
    """Forward, backward and an optimizer's step on one batch."""
    inputs, who = records(BATCH)
    own = {name: inputs[name] for name in system.config.names}
    optimizer = torch.optim.SGD(system.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        system.losses(own, who).total.mean().backward()
        optimizer.step()

    return step


def private_step(system: MultimodalRecogniser, rounds: int) -> Call:
    """The same through the private engine; at rate 1 every step has all `BATCH` records."""
    system = copy.deepcopy(system)
    inputs, who = records(BATCH)
    names = system.config.names
    optimizer = torch.optim.SGD(system.parameters(), 1e-3)
    private = PrivateTraining(
        system,
        optimizer,
        (*(inputs[name] for name in names), who),
        batch_size=BATCH,
        epochs=rounds + 2,
        noise_multiplier=1.0,
        delta=1e-3,
        physical_batch=BATCH,
    )
    batches = private.batches()

    def step() -> None:
        *values, people = next(batches)
        own = dict(zip(names, values, strict=True))
        private.backward(system.losses(own, people).total)
        optimizer.step()

    return step


# --- inference --------------------------------------------------------------------------------


def inference(rounds: int, threads_of: list[int], folder: Path) -> dict[str, dict[str, Any]]:
    """ms of a call of every form at batch 1 and 64, one thread and two; sizes."""
    used = {name: of for name, of in contestants().items() if name not in SAME_IN_USE}
    each = {one: None for systems in used.values() for one in systems}
    written = {
        one: files(one, records(CALIBRATION)[0], folder / str(number))
        for number, one in enumerate(each)
    }
    made = {name: [written[one] for one in systems] for name, systems in used.items()}
    figures: dict[str, dict[str, Any]] = {name: sizes(forms) for name, forms in made.items()}
    for threads in threads_of:
        torch.set_num_threads(threads)
        for batch in (1, BATCH):
            calls = {
                (name, form): joined(
                    [call_of(one, form, records(batch)[0], threads) for one in forms]
                )
                for name, forms in made.items()
                for form in ("torch", "onnx", "int8")
            }
            clock = time.process_time if threads == 1 else time.perf_counter
            clocks = taken(calls, rounds, clock, 5 if batch == 1 else 1)
            for (name, form), seconds in clocks.items():
                figures[name][f"{form} b{batch} t{threads}"] = {
                    "ms": 1000 * statistics.median(seconds),
                    "least_ms": 1000 * min(seconds),
                    "times_torch": ratio(seconds, clocks[name, "torch"]),
                    "times_full": ratio(seconds, clocks["full", form]),
                }
    torch.set_num_threads(1)
    return figures


# --- int8 and accuracy ------------------------------------------------------------------------


def accuracy(folder: Path, seeds: int, draws: int) -> dict[str, Any]:
    """Closed-set accuracy on probes, float32 and int8 with the same noise, over pairings."""
    one = load("orl")
    rows = [of_pairing(one, Pairing.draw(one.sources, seed=s), folder, draws) for s in range(seeds)]
    mean = {key: statistics.mean(row[key] for row in rows) for key in ("float32", "int8", "same")}
    return {"set": one.title, "remark": "chimeric users", **mean, "pairings": rows}


def of_pairing(one: Any, pairing: Pairing, folder: Path, draws: int) -> dict[str, Any]:
    system = train(one, pairing)
    exported = export_onnx(system, folder / f"users{pairing.seed}.onnx")
    enrolled = pairing.records("evaluation", "enrolment").take(one.arrays)
    small = quantised(exported.path, enrolled, folder / f"users{pairing.seed}-int8.onnx")
    probes = pairing.records("evaluation", "probe")
    sessions = _weights.session(exported.path), _weights.session(small.path)
    right: dict[str, list[float]] = {"float32": [], "int8": [], "same": []}
    for number in range(draws):
        given = feed(sessions[0], probes.take(one.arrays), np.random.default_rng(number))
        called = [each.run(["logits"], given)[0].argmax(1) for each in sessions]
        right["float32"].append(float((called[0] == probes.users).mean()))
        right["int8"].append(float((called[1] == probes.users).mean()))
        right["same"].append(float((called[0] == called[1]).mean()))
    return {
        "users": len(probes.names),
        "probes": len(probes),
        **{key: statistics.mean(values) for key, values in right.items()},
        "cosine": small.agreement,
        "worst_cosine": small.worst,
        "compared": small.records,
        "layers_in_int8": len(small.int8),
        "layers_back": len(small.float32),
        "onnx_kb": small.size_before / 1e3,
        "int8_kb": small.size / 1e3,
    }


# --- turns ------------------------------------------------------------------------------------


def taken(
    calls: Mapping[Any, Call], rounds: int, clock: Callable[[], float], each: int = 1
) -> dict[Any, list[float]]:
    """Seconds of each contestant's call, round by round, after one that does not count."""
    for call in calls.values():
        call()
    names = list(calls)
    seconds: dict[Any, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number * 5 % len(names)
        for name in names[turn:] + names[:turn]:
            start = clock()
            for _ in range(each):
                calls[name]()
            seconds[name].append((clock() - start) / each)
    return seconds


def ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def main() -> None:
    """The parts asked for, each written down as soon as it is done; prints all that is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="of training; inference takes twice")
    parser.add_argument("--pairings", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="of inference")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures = known()
    with tempfile.TemporaryDirectory() as name:
        measures: dict[str, Call] = {
            "accuracy": lambda: accuracy(Path(name), asked.pairings, asked.draws),
            "training": lambda: training(asked.rounds),
            "inference": lambda: inference(2 * asked.rounds, asked.threads, Path(name)),
        }
        for part in asked.parts:
            loads = [os.getloadavg()[0]]
            found = measures[part]()
            loads.append(os.getloadavg()[0])
            figures = {**known(), part: found, f"load during {part}": loads}
            write(CLAIM, figures, packages=("torch", "onnxruntime", "onnx"))
    print(show(figures))


def known() -> dict[str, Any]:
    """Parts of the result file; another run may have written some meanwhile."""
    file = RESULTS / f"{CLAIM}.json"
    return json.loads(file.read_text("utf-8"))["figures"] if file.exists() else {"paper": PAPER}


def show(figures: dict[str, Any]) -> str:
    """Tables of the parts that are known."""
    shown = {"training": show_training, "inference": show_inference, "accuracy": show_accuracy}
    parts = [of(figures[part]) for part, of in shown.items() if part in figures]
    return "\n\n".join([*parts, PAPER])


def show_training(figures: dict[str, Any]) -> str:
    keys = ["plain_ms", "times_full", "private_ms", "private_times_plain"]
    header = ["training, batch 64", "plain ms/record", "x full", "private ms/record", "x plain"]
    rows = [[name, *(one.get(key, "refused") for key in keys)] for name, one in figures.items()]
    return table(header, rows)


def show_inference(figures: dict[str, Any]) -> str:
    parts = []
    full = figures["full"]
    measured = [(t, b) for t, b in product((1, 2), (1, BATCH)) if f"torch b{b} t{t}" in full]
    for threads, batch in measured:
        header = [f"batch {batch}, threads {threads}: ms (least)", "torch", "ONNX", "int8"]
        header += ["ONNX x torch", "int8 x torch", "int8 x full's int8"]
        rows = []
        for name, one in figures.items():
            forms = [one[f"{form} b{batch} t{threads}"] for form in ("torch", "onnx", "int8")]
            times = [f"{form['ms']:.2f} ({form['least_ms']:.2f})" for form in forms]
            ratios = forms[1]["times_torch"], forms[2]["times_torch"], forms[2]["times_full"]
            rows.append([name, *times, *ratios])
        parts.append(table(header, rows))
    keys = ["parameters", "mflops", "safetensors_kb", "onnx_kb", "int8_kb", "layers_in_int8"]
    sized = [[name, *(one[key] for key in keys)] for name, one in figures.items()]
    return "\n\n".join([*parts, table(["size", *keys], sized)])


def show_accuracy(figures: dict[str, Any]) -> str:
    keys = list(figures["pairings"][0])
    rows = [[row[key] for key in keys] for row in figures["pairings"]]
    return f"{figures['set']}\n\n{table(keys, rows)}"


if __name__ == "__main__":
    main()
