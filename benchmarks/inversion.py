# SPDX-License-Identifier: Apache-2.0
"""Inversion: what comes back out of embeddings, gradients and a classifier of people.

Faces (ORL: 30 people, 10 pictures each, 56 x 46), digits seen and heard (av_mnist, split by clip so
that no sound is on two sides), voices (LibriSpeech, one utterance a person). Every embedding was
fitted on people who are neither the attacker's nor the victims. Noise is normal, in standard
deviations of each coordinate. Runs that are in the result file are not repeated.

    python benchmarks/inversion.py [--parts embedding weak gradient model] [--sheet FILE]
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from _common import DATA, RESULTS, ROOT, table, write
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion.climb import Climb
from polyveil.attack.inversion.decoder import Decoder, Pairs, Ridge, Shape, Trained
from polyveil.attack.inversion.embedding import EmbeddingInversion
from polyveil.attack.inversion.encoder import Embed, Encoder
from polyveil.attack.inversion.gradient import GradientInversion
from polyveil.attack.inversion.leaked import ClippedNoised, GradientSource
from polyveil.attack.inversion.matching import Search
from polyveil.attack.inversion.model import ModelInversion
from polyveil.attack.inversion.network import Convolutional, Perceptron, Schedule
from polyveil.attack.inversion.prior import Directions
from polyveil.attack.inversion.rebuilding import CLOSED, METHODS
from polyveil.attack.inversion.sheet import contact_sheet
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval
from two_inputs import spectrograms

CLAIM = "inversion"
SIZE = 32
"""Numbers in an embedding."""
PLAN = Schedule(epochs=80, patience=6)
DECODERS = (Ridge(), Perceptron(schedule=PLAN))
ALL_DECODERS = (*DECODERS, Convolutional(width=24, schedule=PLAN))
"""The convolutional one costs most of the time, and is tried once."""


@dataclass(frozen=True)
class Sides:
    """Who trained the embedding, who attacks it, whose records are to come back."""

    fitted: Examples
    known: Examples
    victims: Examples
    known_people: np.ndarray | None = None
    victim_people: np.ndarray | None = None


@dataclass(frozen=True)
class TwoEpochLinear:
    """The attacker that makes everything look private: one linear layer, raw inputs, two epochs."""

    name: str = "linear, two epochs"

    def suits(self, shape: Shape) -> bool:
        """Any."""
        return True

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        """Adam from a random start."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            size = int(np.prod(known.shape))
            layer = nn.Linear(known.seen.shape[1], size)
            optimiser = torch.optim.Adam(layer.parameters(), 1e-3)
            errors = []
            for _ in range(2):
                for rows in torch.randperm(len(known.seen)).split(64):
                    optimiser.zero_grad()
                    wrong = layer(known.seen[rows]) - known.original[rows].flatten(1)
                    wrong.square().mean().backward()
                    optimiser.step()
                with torch.no_grad():
                    wrong = layer(held.seen) - held.original.flatten(1)
                    errors.append(float(wrong.square().mean()))

        @torch.no_grad()
        def reconstruct(seen: Tensor) -> Tensor:
            return layer(seen).reshape(-1, *known.shape)

        return Trained(self.name, reconstruct, tuple(errors), False)


@lru_cache(1)
def faces() -> Examples:
    """All of faces_orl/dev, float32 (300, 1, 56, 46) in [0, 1], labelled by person."""
    root = DATA / "faces_orl" / "dev"
    files = [(at, file) for at in range(30) for file in sorted((root / f"s{at + 1:02d}").iterdir())]
    pictures = [
        cv2.resize(cv2.imread(str(file), 0), (46, 56), interpolation=cv2.INTER_AREA)
        for _, file in files
    ]
    values = torch.from_numpy(np.stack(pictures)).float()[:, None] / 255
    return Examples({"image": values}, torch.tensor([at for at, _ in files]))


def face_sides() -> Sides:
    """8 people fit the embedding, 12 are the attacker's, 10 the victims."""
    everyone = faces()
    who = everyone.labels
    parts = [everyone.at(rows) for rows in (who < 8, (who >= 8) & (who < 20), who >= 20)]
    # The attacker's classes are other people: no class mean of a victim exists.
    return Sides(
        parts[0], Examples(parts[1].inputs, torch.zeros_like(parts[1].labels)), parts[2],
        parts[1].labels.numpy(), parts[2].labels.numpy(),
    )  # fmt: skip


@lru_cache(1)
def digit_sides() -> Sides:
    """av_mnist: 3,000 pairs fit, 1,500 are the attacker's, 400 the victims'; no clip in two."""
    folder = DATA / "av_mnist" / "dev"
    pictures, rows = np.load(folder / "mnist.npz"), np.load(folder / "pairs.npz")
    sounds, draw = spectrograms(), np.random.default_rng(0)

    def part(name: str, chosen: np.ndarray) -> Examples:
        images = torch.from_numpy(pictures[f"x_{name}"]).float()[:, None] / 255
        inputs = {"image": images[chosen[:, 0]], "sound": sounds[chosen[:, 1]]}
        return Examples(inputs, torch.from_numpy(chosen[:, 2].astype(np.int64)))

    clips = draw.permutation(np.unique(rows["train"][:, 1]))
    ours = np.isin(rows["train"][:, 1], clips[: 2 * len(clips) // 3])
    fitted, known = (draw.permutation(rows["train"][side]) for side in (ours, ~ours))
    victims = draw.permutation(rows["test"])
    return Sides(
        part("train", fitted[:3000]), part("train", known[:1500]), part("test", victims[:400])
    )


def voice_sides() -> Sides:
    """LibriSpeech, one utterance a person: 41 fit, 80 are the attacker's, 50 the victims'."""
    import imageio_ffmpeg

    root = DATA / "voice_librispeech" / "dev"
    rows = [
        row for row in csv.DictReader((root / "labels.csv").open(encoding="utf-8"))
        if row["subset"].startswith("train")
    ]  # fmt: skip
    waves = torch.zeros(len(rows), 2 * 16000)
    for at, row in enumerate(rows):
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(root / row["file"])]
        raw = subprocess.run([*command, "-f", "s16le", "-"], check=True, capture_output=True).stdout
        clip = torch.frombuffer(bytearray(raw), dtype=torch.int16)[: waves.shape[1]].float() / 32768
        waves[at, : len(clip)] = clip
    power = torch.stft(waves, 512, 256, window=torch.hann_window(512), return_complex=True).abs()
    decibels = 20 * torch.log10(
        functional.interpolate(power[:, None], (40, 48), mode="area")[:, 0] + 1e-5
    )
    sounds = (decibels - decibels.mean()) / decibels.std()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(len(rows), dtype=torch.int64)
    parts = [
        Examples({"sound": sounds[some]}, labels[some])
        for some in (order[:41], order[41:121], order[121:171])
    ]
    return Sides(*parts)


def joined(inputs: Inputs) -> Tensor:
    """All modalities in a row, (n, d)."""
    return torch.cat([values.flatten(1) for values in inputs.values()], 1)


def pca(fitted: Examples, size: int) -> Embed:
    """Coordinates along principal directions, each of deviation 1."""
    directions = Directions.of(joined(fitted.inputs), size)
    return lambda inputs: directions.coordinates(joined(inputs))


def learned(fitted: Examples, size: int) -> Embed:
    """The last hidden layer of a perceptron that tells the classes apart."""
    torch.manual_seed(0)
    wide = joined(fitted.inputs).shape[1]
    body = nn.Sequential(nn.Linear(wide, 128), nn.GELU(), nn.Linear(128, size))
    head = nn.Sequential(nn.GELU(), nn.Linear(size, int(fitted.labels.max()) + 1))
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-3)
    for _ in range(12 if len(fitted) > 1000 else 60):
        for rows in torch.randperm(len(fitted)).split(32):
            batch = fitted.at(rows)
            optimiser.zero_grad()
            logits = head(body(joined(batch.inputs)))
            functional.cross_entropy(logits, batch.labels).backward()
            optimiser.step()
    return lambda inputs: body(joined(inputs)).detach()


def variational(fitted: Examples, size: int) -> Embed:
    """The sampled latent of a small variational auto-encoder: random by itself."""
    torch.manual_seed(0)
    wide = joined(fitted.inputs).shape[1]
    body = nn.Sequential(nn.Linear(wide, 128), nn.GELU(), nn.Linear(128, 2 * size))
    back = nn.Sequential(nn.Linear(size, 128), nn.GELU(), nn.Linear(128, wide))
    optimiser = torch.optim.Adam([*body.parameters(), *back.parameters()], 1e-3)

    def latent(values: Tensor) -> tuple[Tensor, Tensor]:
        mean, log = body(values).chunk(2, 1)
        return mean + torch.randn_like(mean) * log.exp(), (
            mean.square() + (2 * log).exp() - 2 * log - 1
        ).sum(1) / 2

    for _ in range(12 if len(fitted) > 1000 else 100):
        for rows in torch.randperm(len(fitted)).split(32):
            values = joined(fitted.at(rows).inputs)
            optimiser.zero_grad()
            code, cost = latent(values)
            # Pixels with deviation 0.2: the usual weight of grey pictures in [0, 1].
            ((back(code) - values).square().sum(1) / 0.08 + cost).mean().backward()
            optimiser.step()
    return lambda inputs: latent(joined(inputs))[0].detach()


def noised(embed: Embed, fitted: Examples, noise: float) -> Embed:
    """Normal noise on every coordinate, in its standard deviations."""
    deviation = embed(fitted.inputs).std(0)
    if noise == 0:
        return embed

    def defended(inputs: Inputs) -> Tensor:
        clean = embed(inputs)
        return clean + noise * deviation * torch.randn_like(clean)

    return defended


LAST, LATENT = "classifier's last hidden layer", "variational latent"
EMBEDDINGS: dict[str, Callable[[Examples, int], Embed]] = {
    "PCA": pca,
    LAST: learned,
    LATENT: variational,
}
BOTH, LINEAR = DECODERS, DECODERS[:1]
RUNS: list[tuple[str, Callable[[], Sides], str, float, int, tuple[Decoder, ...]]] = [
    *(("faces", face_sides, "PCA", noise, 1, BOTH) for noise in (0.0, 0.5, 1.0, 2.0, 5.0)),
    ("faces", face_sides, "PCA", 2.0, 16, BOTH),
    ("faces", face_sides, LAST, 0.0, 1, BOTH),
    *(("faces", face_sides, LATENT, 0.0, repeats, BOTH) for repeats in (1, 16)),
    *(("voices", voice_sides, "PCA", noise, 1, BOTH) for noise in (0.0, 1.0, 5.0)),
    *(("digits", digit_sides, "PCA", noise, 1, LINEAR) for noise in (0.0, 1.0, 5.0)),
    *(("digits", digit_sides, LAST, noise, 1, LINEAR) for noise in (0.0, 1.0)),
    ("digits", digit_sides, LATENT, 0.0, 1, LINEAR),
    ("digits", digit_sides, LAST, 0.0, 1, BOTH),
]


def embedding() -> None:
    """Every data set, embedding and noise."""
    for data, sides_of, kind, noise, repeats, decoders in RUNS:
        key = f"{data} | {kind} | {noise:g} | {repeats} | {', '.join(d.name for d in decoders)}"
        if key in known().get("embedding", {}):
            continue
        sides = sides_of()
        attack = EmbeddingInversion(
            known=sides.known, victims=sides.victims, known_people=sides.known_people,
            victim_people=sides.victim_people, trained_on=sides.fitted, repeats=repeats,
            decoders=decoders,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            plain = EMBEDDINGS[kind](sides.fitted, SIZE)
            target = Encoder(noised(plain, sides.fitted, noise))
        keep("embedding", key, told(carry_out(attack, target)))


def weak() -> None:
    """The two-epoch linear attacker beside the real one, on an embedding without any defence."""
    for name, decoders in (("two epochs", (TwoEpochLinear(),)), ("all decoders", ALL_DECODERS)):
        if name in known().get("weak", {}):
            continue
        sides = face_sides()
        attack = EmbeddingInversion(
            known=sides.known, victims=sides.victims, known_people=sides.known_people,
            victim_people=sides.victim_people, trained_on=sides.fitted, decoders=decoders,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            target = Encoder(pca(sides.fitted, SIZE))
        keep("weak", name, told(carry_out(attack, target)))


def network(kind: str, classes: int) -> nn.Module:
    """A fresh one for 56 x 46 faces, as at the first round of joint training."""
    torch.manual_seed(0)
    if kind == "perceptron":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(56 * 46, 256), nn.ReLU(), nn.Linear(256, classes)
        )
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 2, 2), nn.Sigmoid(),
        nn.Flatten(), nn.Linear(12 * 14 * 12, classes),
    )  # fmt: skip


def gradient() -> None:
    """1 and 8 records, plain, clipped, noised."""
    everyone = faces()
    mine, theirs = everyone.at(everyone.labels >= 20), everyone.at(everyone.labels < 20)
    mine = Examples(mine.inputs, mine.labels - 20)
    releases = {"plain": None, "clipped": ClippedNoised(1.0, 0.0)}
    releases |= {f"noise {one:g}": ClippedNoised(1.0, one) for one in (0.01, 1.0)}
    for kind in ("perceptron", "convolutional"):
        for records, batches in ((1, 4), (8, 2)):
            for said, release in releases.items():
                key = f"{kind} | {records} | {said}"
                if key in known().get("gradient", {}):
                    continue
                attack = GradientInversion(
                    known=mine, victims=theirs, records=records, batches=batches,
                    search=Search(steps=100),
                    # The first layer sees the picture: nothing needs to be searched for.
                    methods=(CLOSED,) if kind == "perceptron" else METHODS,
                )  # fmt: skip
                source = GradientSource(network(kind, 20), release=release)
                keep("gradient", key, told(carry_out(attack, source)))


def outsiders(limit: int = 250) -> Examples:
    """People from another source, LFW cut to the head: what an attacker finds on the web."""
    root = DATA / "faces_lfw" / "dev"
    rows = [
        row for row in csv.DictReader((root / "labels.csv").open(encoding="utf-8"))
        if row["kind"] == "single"
    ]  # fmt: skip
    pictures = [
        cv2.resize(
            cv2.imread(str(root / row["file"]), 0)[55:205, 63:187], (46, 56),
            interpolation=cv2.INTER_AREA,
        )
        for row in rows[:limit]
    ]  # fmt: skip
    values = torch.from_numpy(np.stack(pictures)).float()[:, None] / 255
    return Examples({"image": values}, torch.zeros(len(values), dtype=torch.int64))


def classifier(examples: Examples, *, seed: int, epochs: int = 60) -> nn.Module:
    """A small convolutional network that names people."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2), nn.GELU(), nn.Conv2d(16, 32, 5, 2, 2), nn.GELU(), nn.Flatten(),
        nn.Linear(32 * 14 * 12, 64), nn.GELU(), nn.Linear(64, int(examples.labels.max()) + 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(examples)).split(25):
            batch = examples.at(rows)
            optimiser.zero_grad()
            functional.cross_entropy(asked(net, batch.inputs), batch.labels).backward()
            optimiser.step()
    return net.eval()


def asked(net: nn.Module, inputs: Inputs) -> Tensor:
    """Logits of grey pictures in [0, 1]."""
    return net(inputs["image"] - 0.5)


def model() -> None:
    """Targets trained on pictures 1 to 5 of each person, recognisers on 6 to 10."""
    everyone = faces()
    half = torch.arange(len(everyone)) % 10 < 5
    for people, source in ((20, "10 others of the same set"), (30, "250 people of LFW")):
        inside = everyone.labels < people
        mine = everyone.at(~inside) if people == 20 else outsiders()
        seen, unseen = everyone.at(inside & half), everyone.at(inside & ~half)
        with torch.random.fork_rng(devices=[]):
            targets = {
                "trained": classifier(seen, seed=0),
                "untrained": classifier(seen, seed=0, epochs=0),
            }
            judge = classifier(unseen, seed=1)
        right = float((asked(targets["trained"], unseen.inputs).argmax(1) == unseen.labels)
                      .float().mean())  # fmt: skip
        for said, net in targets.items():
            for how in ("nearest record", "recogniser"):
                key = f"{people} people | {source} | {said} | {how}"
                if key in known().get("model", {}):
                    continue
                recogniser = None
                if how == "recogniser":

                    def recogniser(inputs: Inputs, judge: nn.Module = judge) -> Tensor:
                        return asked(judge, inputs).detach()

                attack = ModelInversion(
                    known=mine, gallery=seen, trained_on=seen, recogniser=recogniser,
                    recogniser_trained_on=unseen, plan=Climb(),
                )  # fmt: skip
                result = carry_out(attack, Classifier(net, calling=asked))
                keep("model", key, told(result) | {"accuracy of the trained target": right})


def told(result: AttackResult) -> dict[str, Any]:
    """What the file keeps of one result; no record."""
    every = (result.headline, *result.measures)
    return {
        "verdict": result.verdict,
        "p_value": result.p_value,
        "sentence": result.sentence,
        "seconds": result.effort.seconds,
        "figures": {one.name: figure(one.value) for one in every},
        "baselines": {one.name: dict(one.baseline) for one in every},
        "guards": {one.name: [one.passed, one.sentence] for one in result.guards},
        "notes": list(result.notes),
    }


def figure(value: Interval | float) -> list[float]:
    """Estimate, and where it lies."""
    if isinstance(value, Interval):
        return [value.estimate, value.low, value.high]
    return [value]


def known() -> dict[str, dict[str, Any]]:
    """What the result file holds."""
    file = RESULTS / f"{CLAIM}.json"
    return json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}


def keep(part: str, key: str, value: dict[str, Any]) -> None:
    """Adds one run to the result file; several processes may do so."""
    lock = ROOT / ".cache" / f"{CLAIM}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        figures = known()
        figures.setdefault(part, {})[key] = value
        write(CLAIM, figures, packages=("polyveil", "torch", "numpy"))
    print(f"{part}: {key}: {value['verdict']}, {value['seconds']:.0f} s", flush=True)


def show(part: str) -> str:
    """One table; a row a run and modality."""
    rows = []
    for key, run in known().get(part, {}).items():
        figures, beside = run["figures"], run["baselines"]
        for name in (one for one in figures if one.startswith("R² of rebuilt")):
            if name.endswith("one query a record"):
                continue
            modality = name.removeprefix("R² of rebuilt ")
            found = f"re-identified by rebuilt {modality}, rank 1"
            found = found if found in figures else "re-identified by rebuilt people, rank 1"
            error = f"RE of rebuilt {modality}"
            others = ", ".join(f"{who} {one:.4f}" for who, one in beside[error].items())
            failed = [guard for guard, (passed, _) in run["guards"].items() if not passed]
            rows.append(
                [
                    key, modality, f"{figures[error][0]:.4f}", others, spread(figures[name]),
                    f"{spread(figures[found])} ({beside[found]['chance']:.4f})", run["verdict"],
                    ", ".join(failed) or "all passed", f"{run['seconds']:.0f}",
                ]
            )  # fmt: skip
    header = [
        part, "modality", "RE", "RE of", "R² [95 %]", "rank 1 [95 %] (chance)", "verdict",
        "failed guards", "s",
    ]  # fmt: skip
    return table(header, rows)


def spread(values: list[float]) -> str:
    """Estimate and interval as a cell."""
    return f"{values[0]:.3f} [{values[1]:.3f}, {values[2]:.3f}]"


def sheet(file: str) -> None:
    """Faces, and what came back out of embeddings of rising noise: for who may see them."""
    sides = face_sides()
    rows = []
    for noise in (0.0, 1.0, 5.0):
        attack = EmbeddingInversion(
            known=sides.known, victims=sides.victims, known_people=sides.known_people,
            victim_people=sides.victim_people, decoders=(Ridge(),),
        )  # fmt: skip
        target = Encoder(noised(pca(sides.fitted, SIZE), sides.fitted, noise))
        result = carry_out(attack, target)
        rows.append(result.array("image/rebuilt")[::10])
    cv2.imwrite(file, contact_sheet(result.array("image/original")[::10], *rows))


PARTS = {"embedding": embedding, "weak": weak, "gradient": gradient, "model": model}


def main() -> None:
    """Runs what is missing, prints what is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--sheet")
    asked_for = parser.parse_args()
    torch.set_num_threads(1)
    for part in asked_for.parts:
        PARTS[part]()
    if asked_for.sheet:
        sheet(asked_for.sheet)
    print("\n\n".join(show(part) for part in PARTS))


if __name__ == "__main__":
    main()
