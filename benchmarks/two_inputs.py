# SPDX-License-Identifier: Apache-2.0
"""A network of two inputs under attack: picture and sound of a digit, alone, together, and noisy.

Pictures and spectrograms come from the av_mnist pack (paired by digit, so that only the class is
common to both). The network is trained here, on the training pairs; every figure is of test pairs,
at strengths that were fixed beforehand and not tuned. The noisy network adds normal noise to its
joint features, also when it answers; it is attacked with gradients of one pass and of many.

Run: python benchmarks/two_inputs.py [--records 300] [--parts plain noisy]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import DATA, RESULTS, table, write
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import PGD, STANDARD, Budget, Evasion, evaluate_by_modality
from polyveil.attack.examples import Examples
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval

LENGTH, FRAME, HOP, SIDE = 4096, 256, 128, 32
"""Half a second at 8 kHz; spectra of 32 ms every 16 ms, brought to 32 x 32."""
BUDGETS = {"image": Budget("linf", 0.1), "sound": Budget("linf", 0.05)}
SIGMA = 1.0
NOISY_RECORDS = 100


class Noise(nn.Module):
    """Normal noise on features, in training and when it answers."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, values: Tensor) -> Tensor:
        return values + self.sigma * torch.randn_like(values) if self.sigma else values


class TwoInputs(nn.Module):
    """A small convolutional branch a modality, joined before the last layer."""

    def __init__(self, sigma: float = 0.0) -> None:
        super().__init__()
        self.image, self.sound = _branch(7), _branch(8)
        self.noise, self.head = Noise(sigma), nn.Linear(128, 10)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        joint = torch.cat([self.image(image), self.sound(sound)], 1)
        return self.head(self.noise(joint))


def _branch(side: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(24 * side * side, 64), nn.ReLU()),
    )


def spectrograms() -> Tensor:
    """float32 (clips, 1, 32, 32) in [0, 1]: 80 dB of log power, loudest of the clip at 1."""
    import imageio_ffmpeg

    folder = DATA / "voice_fsdd" / "dev"
    decode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(folder / "audio_8k.flac")]
    raw = subprocess.run([*decode, "-f", "s16le", "-"], check=True, capture_output=True).stdout
    samples = torch.frombuffer(bytearray(raw), dtype=torch.int16).float() / 32768
    starts = [int(one) for one in np.load(folder / "index.npz")["offsets"]]
    waves = torch.zeros(len(starts) - 1, LENGTH)
    for row, start in enumerate(starts[:-1]):
        clip = samples[start : min(starts[row + 1], start + LENGTH)]
        waves[row, : len(clip)] = clip
    spectra = torch.stft(waves, FRAME, HOP, window=torch.hann_window(FRAME), return_complex=True)
    power = functional.interpolate((spectra.abs() ** 2)[:, None], (SIDE, SIDE), mode="area")
    decibels = 10 * torch.log10(power + 1e-10)
    loudest = decibels.flatten(1).amax(1).view(-1, 1, 1, 1)
    return ((decibels - loudest) / 80 + 1).clamp(0, 1)


def pairs() -> tuple[Examples, Examples]:
    """Training and test pairs."""
    folder = DATA / "av_mnist" / "dev"
    pictures, rows = np.load(folder / "mnist.npz"), np.load(folder / "pairs.npz")
    sounds = spectrograms()

    def part(name: str) -> Examples:
        chosen = torch.from_numpy(rows[name].astype(np.int64))
        images = torch.from_numpy(pictures[f"x_{name}"]).float()[:, None] / 255
        inputs = {"image": images[chosen[:, 0]], "sound": sounds[chosen[:, 1]]}
        return Examples(inputs, chosen[:, 2].contiguous())

    return part("train"), part("test")


def trained(train: Examples, sigma: float, *, epochs: int = 2, seed: int = 0) -> TwoInputs:
    """Adam, two passes over the pairs."""
    torch.manual_seed(seed)
    network = TwoInputs(sigma)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(train)).split(128):
            batch = train.at(rows)
            optimizer.zero_grad()
            functional.cross_entropy(network(**batch.inputs), batch.labels).backward()
            optimizer.step()
    return network.eval()


def share(value: Interval) -> str:
    """Estimate and interval as one cell."""
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def told(result: AttackResult) -> dict[str, Any]:
    """What the file keeps of one result."""
    return {
        "verdict": result.verdict,
        "sentence": result.sentence,
        "p_value": result.p_value,
        "seconds": result.effort.seconds,
        "queries": result.effort.queries,
        "figures": {one.name: vars_of(one.value) for one in (result.headline, *result.measures)},
        "baseline": dict(result.headline.baseline),
        "guards": {one.name: [one.passed, one.sentence] for one in result.guards},
    }


def vars_of(value: Interval | float) -> Any:
    """A number, or estimate and ends."""
    return [value.estimate, value.low, value.high] if isinstance(value, Interval) else value


def by_modality(train: Examples, test: Examples) -> dict[str, Any]:
    """The plain network: each modality, both joint, the parts put together."""
    attack = Evasion(test, BUDGETS, STANDARD)
    started = time.perf_counter()
    report = evaluate_by_modality(attack, Classifier(trained(train, 0.0)))
    spent = time.perf_counter() - started
    clean = next(one for one in report.joint.measures if one.name == "clean accuracy")
    assert isinstance(clean.value, Interval)
    rows = [["none", share(clean.value), ""]]
    for name, ars in report.ars().items():
        asr = Interval(1 - ars.estimate, 1 - ars.high, 1 - ars.low, ars.n, ars.method)
        rows.append([name, share(ars), share(asr)])
    print(table(["attacked", "ARS", "ASR"], rows), flush=True)
    for name, result in (*report.alone.items(), ("joint", report.joint)):
        print(f"\n{name}: {result.verdict}. {result.sentence}", flush=True)
        for guard in result.guards:
            print(f"- {'passed' if guard.passed else 'FAILED'}: {guard.name}: {guard.sentence}")
    return {
        "records": len(test),
        "seconds": spent,
        "ars": {name: vars_of(value) for name, value in report.ars().items()},
        "joint": told(report.joint),
        "alone": {name: told(result) for name, result in report.alone.items()},
    }


def noisy(train: Examples, test: Examples) -> dict[str, Any]:
    """The noisy network, its gradients from one pass and from thirty; at most 100 records."""
    test = test.at(slice(0, NOISY_RECORDS))
    target = Classifier(trained(train, SIGMA))
    attack = Evasion(test, BUDGETS, (PGD(20), PGD(20, "margin")), radii=False, checks=20)
    found: dict[str, Any] = {"records": len(test)}
    rows = []
    for averaging in (1, 30):
        result = carry_out(replace(attack, averaging=averaging), target)
        figures = {one.name: one for one in result.measures}
        single = figures["accuracy under attack of a single answer"]
        majority = figures["ARS: accuracy under attack"].value
        guard = next(one for one in result.guards if one.name == "averaging over randomness")
        assert isinstance(majority, Interval)
        rows.append(
            [averaging, single.baseline["clean"], single.estimate, share(majority), guard.passed]
        )
        found[f"averaging {averaging}"] = told(result)
    header = ["passes a gradient", "clean, one answer", "ARS, one answer", "ARS, majority of 15"]
    print("\n" + table([*header, "guard passed"], rows), flush=True)
    return found


def main() -> None:
    """Trains, attacks, prints, writes; a part that is not run keeps its figures."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=300)
    options.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    chosen = options.parse_args()
    train, test = pairs()
    figures: dict[str, Any] = {"budgets": {name: one.sentence for name, one in BUDGETS.items()}}
    for part in chosen.parts:
        found = PARTS[part](train, test.at(slice(0, chosen.records)))
        kept = RESULTS / "two_inputs.json"
        earlier = json.loads(kept.read_text())["figures"] if kept.exists() else {}
        write("two_inputs", {**earlier, **figures, part: found}, packages=("torch", "numpy"))


PARTS = {"plain": by_modality, "noisy": noisy}


if __name__ == "__main__":
    main()
