# SPDX-License-Identifier: Apache-2.0
"""Records that the benchmark of inversion attacks, and who has which of them.

Faces (ORL: 30 people, 10 pictures each, 56 x 46), digits seen and heard (av_mnist, split by clip so
that no sound is on two sides), voices (LibriSpeech, one utterance a person). Every embedding is
fitted on people who are neither the attacker's nor the victims.
"""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from torch.nn import functional

from _common import DATA
from polyveil.attack.examples import Examples
from two_inputs import spectrograms


@dataclass(frozen=True)
class Sides:
    """Who trained the embedding, who attacks it, whose records are to come back."""

    fitted: Examples
    known: Examples
    victims: Examples
    known_people: np.ndarray | None = None
    victim_people: np.ndarray | None = None


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
