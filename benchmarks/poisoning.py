# SPDX-License-Identifier: Apache-2.0
"""Claim: what a contributor of 1, 5 or 10 % of the training records can do is measured beside an
unpoisoned twin, for plain and for private training, and for a model of two inputs.

MNIST images of av_mnist, 6,000 to train and 3,000 to judge on; spoken and written digits in pairs
(2,000 and 2,000; the pairing is artificial). Private training is polyveil's own, per-layer
clipping, with noise and with practically none, so that clipping shows by itself.
Settings were not tuned. Attacks that are weak on purpose must be flagged by a guard.

Results that are in the file are not repeated: `python benchmarks/poisoning.py [part ...]`.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import DATA, RESULTS, table, write
from _digits_cifar import digits
from polyveil.attack.examples import Examples
from polyveil.attack.plain_training import PlainTraining
from polyveil.attack.poisoning import (
    Backdoor,
    FlippedLabels,
    Joint,
    Patch,
    Poisoning,
    Tone,
    Victims,
)
from polyveil.attack.poisoning.plan import Plan
from polyveil.attack.protocol import carry_out
from polyveil.attack.recipe import Recipe
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval
from polyveil.learn import PrivateTraining

CLAIM = "poisoning"
PATCH = Patch("image", size=3, value=2.8)
PLANS: dict[str, Plan] = {
    "backdoor, wrong labels": Backdoor(PATCH, wanted=7),
    "backdoor, clean labels": Backdoor(PATCH, wanted=7, clean_label=True),
    "flipped labels": FlippedLabels(10),
    "flipped labels, class 7": FlippedLabels(10, source=7),
    "100 victims": Victims(10, count=100),
}
RATES = (0.01, 0.05, 0.10)


def cnn() -> nn.Module:
    """Two convolutions and one linear layer, 29,000 parameters; (records, 1, 28, 28)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


@dataclass(frozen=True)
class Privately:
    """The same network by private training; a `Recipe`.

    Attributes:
      noise: multiplier of the noise, relative to the clipping threshold.
    """

    noise: float
    epochs: int = 8
    batch: int = 500

    def __call__(self, examples: Examples, seed: int) -> nn.Module:
        model = cnn()
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        private = self.engine(model, optimizer, examples, seed)
        for inputs, labels in private.batches():
            private.backward(functional.cross_entropy(model(inputs), labels, reduction="none"))
            optimizer.step()
            optimizer.zero_grad()
        private.detach()
        return model

    def engine(self, model: nn.Module, optimizer: Any, examples: Examples, seed: int) -> Any:
        """Randomness from the seed, for comparison alone: whoever knows it takes the noise off."""
        return PrivateTraining(
            model,
            optimizer,
            (examples.inputs["image"], examples.labels),
            batch_size=self.batch,
            epochs=self.epochs,
            noise_multiplier=self.noise,
            delta=1e-5,
            secret=hashlib.sha256(f"benchmark {seed}".encode()).digest(),
        )

    def epsilon(self, examples: Examples) -> float:
        """What this training promises for so many records, at delta 1e-5."""
        model = cnn()
        engine = self.engine(model, torch.optim.Adam(model.parameters()), examples, 0)
        return float(engine.schedule.epsilon(engine.schedule.steps))


class SeesAndHears(nn.Module):
    """Logits of a digit from its picture (1, 28, 28) and its sound (4,096 samples at 8 kHz)."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.ear = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d((8, 4)), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(32 * 49 + 32 * 32, 10)
        self.register_buffer("window", torch.hann_window(128))

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        waves = torch.stft(sound, 128, 128, window=self.window, return_complex=True)
        heard = self.ear(waves.abs().add(1e-3).log()[:, None])
        return self.head(torch.cat([self.eye(image), heard], 1))


@lru_cache(1)
def pictures() -> tuple[Examples, Examples]:
    """6,000 training and 3,000 test images."""
    got = digits()
    order = torch.randperm(len(got.train_labels), generator=torch.Generator().manual_seed(1))
    train = Examples({"image": got.train[order]}, got.train_labels[order])
    return train.at(slice(0, 6000)), Examples({"image": got.test}, got.test_labels)


@lru_cache(1)
def pairs() -> tuple[Examples, Examples]:
    """2,000 training and 2,000 test pairs of picture and sound."""
    got, waves = digits(), sounds()
    with np.load(DATA / "av_mnist" / "dev" / "pairs.npz") as pack:
        rows = {part: torch.from_numpy(pack[part].astype(np.int64)) for part in ("train", "test")}
    found = []
    for part, images in (("train", got.train), ("test", got.test)):
        image, clip, labels = rows[part].unbind(1)
        found.append(Examples({"image": images[image], "sound": waves[clip]}, labels))
    draw = torch.randperm(len(found[0]), generator=torch.Generator().manual_seed(1))[:2000]
    return found[0].at(draw), found[1]


def sounds() -> Tensor:
    """float32 (clips, 4096): the first half second of each clip, silence behind it."""
    import imageio_ffmpeg

    folder = DATA / "voice_fsdd" / "dev"
    decode = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(folder / "audio_8k.flac")]
    raw = subprocess.run([*decode, "-f", "s16le", "-"], check=True, capture_output=True).stdout
    samples = torch.frombuffer(bytearray(raw), dtype=torch.int16).float() / 32768
    with np.load(folder / "index.npz") as pack:
        starts = [int(one) for one in pack["offsets"]]
    waves = torch.zeros(len(starts) - 1, 4096)
    for row, start in enumerate(starts[:-1]):
        clip = samples[start : min(starts[row + 1], start + 4096)]
        waves[row, : len(clip)] = clip
    return waves


def plain() -> Recipe:
    """Three passes, about two seconds."""
    return PlainTraining(cnn, epochs=3)


def on_pictures(recipe: Recipe, names: tuple[str, ...]) -> dict[str, Any]:
    """Plans against one recipe; the positive control is always a plain training."""
    train, test = pictures()
    found = {}
    for name in names:
        rates = (0.01, 0.05, 0.08) if name == "flipped labels, class 7" else RATES
        attack = Poisoning(PLANS[name], train, test, rates=rates, control=plain())
        found[name] = told(carry_out(attack, recipe))
        print(found[name]["sentence"], found[name]["verdict"], flush=True)
    return found


def privately(noise: float, plans: tuple[str, ...]) -> dict[str, Any]:
    """Plans against private training with so much noise."""
    recipe = Privately(noise)
    epsilon = recipe.epsilon(pictures()[0])
    return {"epsilon": epsilon, **on_pictures(recipe, plans)}


def two_inputs() -> dict[str, Any]:
    """A mark in the picture, in the sound, or in both."""
    train, test = pairs()
    tone = Tone("sound", amplitude=0.5 * float(train.inputs["sound"].std()), period=4.0)
    recipe = PlainTraining(SeesAndHears, epochs=6)
    found = {}
    for name, trigger in (("image", PATCH), ("sound", tone), ("both", Joint((PATCH, tone)))):
        attack = Poisoning(Backdoor(trigger, wanted=7), train, test)
        found[f"backdoor in {name}"] = told(carry_out(attack, recipe))
        print(found[f"backdoor in {name}"]["sentence"], flush=True)
    return found


def weak_versions() -> dict[str, Any]:
    """Attacks that show nothing, and one that shows too much; each must be flagged."""
    train, test = pictures()
    small, seven = train.at(slice(0, 2000)), train.at(train.labels == 7).inputs["image"][0]
    versions: dict[str, tuple[Poisoning, Recipe]] = {
        "invisible trigger": (
            Poisoning(Backdoor(Tone("image", 1e-4, 4.0), wanted=7), small, test),
            plain(),
        ),
        "one poisoned record": (
            Poisoning(PLANS["backdoor, wrong labels"], small, test, rates=(0.0005,)),
            plain(),
        ),
        "training that learns nothing": (
            Poisoning(PLANS["flipped labels"], small, test),
            PlainTraining(cnn, epochs=1, rate=1e-6),
        ),
        "trigger that shows a seven": (
            Poisoning(Backdoor(lambda x: {"image": seven.expand_as(x["image"])}, 7), small, test),
            plain(),
        ),
        "test records in the training": (
            Poisoning(PLANS["backdoor, wrong labels"], test, test),
            plain(),
        ),
    }
    found = {}
    for name, (attack, recipe) in versions.items():
        result = carry_out(attack, recipe)
        failed = [one.name for one in result.guards if not one.passed]
        found[name] = {"flagged by": failed, "verdict": result.verdict}
        print(name, found[name], flush=True)
    return found


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": lambda: on_pictures(plain(), tuple(PLANS)),
    "private, noise 1.0": lambda: privately(1.0, ("backdoor, wrong labels", "100 victims")),
    "two inputs": two_inputs,
    "weak versions": weak_versions,
    "private, noise 0.01": lambda: privately(0.01, ("backdoor, wrong labels",)),
}


def told(result: AttackResult) -> dict[str, Any]:
    """The result as it goes into the file."""
    return {
        "sentence": result.sentence,
        "verdict": result.verdict,
        "p": result.p_value,
        "anyway": result.baseline,
        "seconds": result.effort.seconds,
        "models": result.effort.models,
        "measures": {
            one.name: [one.estimate, one.value.low, one.value.high]
            for one in result.measures
            if isinstance(one.value, Interval)
        },
        "guards": {one.name: [one.passed, one.sentence] for one in result.guards},
    }


def main() -> None:
    """Runs what is asked for and missing, then prints what is known."""
    torch.set_num_threads(1)
    file = RESULTS / f"{CLAIM}.json"
    known = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}
    for part in sys.argv[1:] or PARTS:
        if part not in known:
            started = time.time()
            known[part] = PARTS[part]()
            print(f"{part}: {time.time() - started:.0f} s", flush=True)
            write(CLAIM, known, packages=("polyveil", "torch"))
    print(show(known))


def show(known: dict[str, Any]) -> str:
    """Goal reached and clean accuracy by rate, in %; weak versions below."""
    rows = []
    for part, found in known.items():
        if part == "weak versions":
            continue
        named = f"{part} (ε = {found['epsilon']:.3g})" if "epsilon" in found else part
        for plan, one in found.items():
            if plan == "epsilon":
                continue
            measures = list(one["measures"].values())
            reached, right = measures[0::3], measures[1::3]
            rows.append(
                [
                    named,
                    plan,
                    f"{100 * one['anyway']:.1f}",
                    *(written(value) for value in reached),
                    ", ".join(f"{100 * value[0]:.1f}" for value in right),
                    one["verdict"],
                    f"{one['seconds']:.0f}",
                ]
            )
    header = ["training", "plan", "no poison", "1 %", "5 %", "10 %", "clean accuracy", "verdict"]
    weak = [[name, *one.values()] for name, one in known.get("weak versions", {}).items()]
    return "\n\n".join(
        [table([*header, "s"], rows), table(["weak version", "flagged by", "verdict"], weak)]
    )


def written(value: list[float]) -> str:
    """Per cent with its interval."""
    return f"{100 * value[0]:.1f} ({100 * value[1]:.1f} to {100 * value[2]:.1f})"


if __name__ == "__main__":
    main()
