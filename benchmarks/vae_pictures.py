# SPDX-License-Identifier: Apache-2.0
"""What an attacker rebuilds from an autoencoder's codes, to be looked at.

Everybody shown is made up: faces of nobody (the pack of synthetic faces), voices that are
synthesised here, sentences that are put together here. Network and attacker were trained on people
of the same kind, so these pictures stand for figures of `vae_privacy.py`, and are none of its
people. The attacker has the network, 150 people of his own, and 32 answers for each record.

    python benchmarks/vae_pictures.py
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from _chimeric_sets import CACHE, RATE, WINDOW, _face, _log_mel, _sentence
from _common import DATA, ROOT
from _recogniser_background import background_network
from _recogniser_recipe import RECIPE
from _recogniser_reconstruction import reconstruction
from polyveil.attack.examples import Examples
from polyveil.models.recognition import Modality, RecogniserConfig

SETTINGS = ((0.0, 4), (1.0, 4), (4.0, 4), (16.0, 4), (1.0, 1))
"""Noise and channels of the code."""
TRAINED, KNOWN, SHOWN = 160, 150, 6
IMAGES = ROOT / "docs" / "images"
PLAN = replace(RECIPE, background_steps=100)
TEXT = (
    "the a our this that no every one river garden letter winter morning window paper music road "
    "doctor teacher house story number coffee summer train forest market voice answer question "
    "opens waits sings falls begins moves helps speaks writes comes knows reads carries turns "
    "slowly again today never softly early often here there alone quickly"
)
MODALITIES = {
    "face": Modality("face", (1, 48, 48), 0.1),
    "voice": Modality("voice", (1, 40, 80), 0.5),
    "behaviour": Modality("behaviour", (48, 11), 0.5),
}
Records = tuple[NDArray[np.float32], NDArray[np.int64]]


def faces() -> Records:
    """Faces of nobody, one record each."""
    kept = CACHE / "synthetic_faces.npz"
    wanted = TRAINED + KNOWN + SHOWN
    if not kept.exists():
        found: list[NDArray[np.float32]] = []
        for file in sorted((DATA / "synthetic_faces" / "images").glob("*.jpg")):
            face = _face(file) if len(found) < wanted else None
            found += [] if face is None else [face]
        np.savez_compressed(kept, x=np.stack(found))
    with np.load(kept) as file:
        return file["x"][:wanted], np.arange(wanted)


def voices() -> Records:
    """Voiced vowels in random order, by pitch and formants of a made-up person."""
    draw, found = np.random.default_rng(1), []
    time = np.arange(round(RATE * WINDOW)) / RATE
    for _ in range(TRAINED + KNOWN + SHOWN):
        pitch, length = draw.uniform(85, 240), draw.uniform(0.85, 1.2)
        steps = draw.integers(5, 9)
        formants = np.stack([
            np.interp(time, np.linspace(0, WINDOW, steps), draw.uniform(low, high, steps))
            for low, high in ((280, 800), (900, 2300), (2300, 3200))
        ]) * length  # fmt: skip
        melody = pitch * np.exp(np.interp(time, np.linspace(0, WINDOW, 6), draw.normal(0, 0.1, 6)))
        phase = 2 * np.pi * np.cumsum(melody) / RATE
        loud = np.interp(time, np.linspace(0, WINDOW, 16), draw.uniform(0, 1, 16) > 0.25)
        wave = np.zeros_like(time)
        for number in range(1, int(4000 / pitch)):
            apart = (number * melody - formants) / 120
            wave += (1 / (1 + apart**2)).sum(0) / number**0.5 * np.sin(number * phase)
        found.append(_log_mel(0.1 * loud * wave + 0.003 * draw.normal(size=len(time))))
    return np.stack(found), np.arange(len(found))


def typing() -> Records:
    """Sentences put together here, typed by people with a rhythm each."""
    draw, found = np.random.default_rng(2), []
    for _ in range(TRAINED + KNOWN + SHOWN):
        text = " ".join(draw.choice(TEXT.split(), 12)).upper()[:48]
        codes = np.array([ord(letter) for letter in text])
        pace, held = draw.uniform(90, 260), draw.uniform(70, 130)
        down = pace * np.exp(draw.normal(0, 0.35, len(codes))) * (1 + 0.4 * (codes == 32))
        hold = held * np.exp(draw.normal(0, 0.2, len(codes)))
        found.append(_sentence(np.stack([down, hold, codes], 1).astype(np.int64)))
    return np.stack(found), np.arange(len(found))


def rebuilt(name: str, records: Records, noise: float, latent: int) -> tuple[NDArray, float]:
    """What comes back of the people shown, and 1 - RE / RE of the mean."""
    x, who = records
    config = RecogniserConfig(
        (MODALITIES[name],), TRAINED, odconv=False, alignment="none", noise=noise, latent=latent
    )
    system = background_network(config, x[:TRAINED], who[:TRAINED], PLAN)
    parts = slice(TRAINED, TRAINED + KNOWN), slice(TRAINED + KNOWN, None)
    known, shown = (
        Examples({name: torch.from_numpy(x[part])}, torch.from_numpy(who[part])) for part in parts
    )
    found = reconstruction(system, known, shown)[name]
    return found.values, found.share.estimate


def title(noise: float, latent: int) -> str:
    """Of a setting."""
    return f"noise {noise:g}, {latent} channel{'s' if latent > 1 else ''}"


def sheet(records: Records) -> None:
    """Faces: originals above what was rebuilt."""
    originals = records[0][TRAINED + KNOWN :]
    lines = [("original", originals)]
    for setting in SETTINGS:
        values, share = rebuilt("face", records, *setting)
        lines.append((f"{title(*setting)}: {share:.0%}", values))
    made = []
    for text, row in lines:
        pictures = (np.clip(row[:, 0], 0, 1) * 255).astype(np.uint8)
        wide = [cv2.resize(one, (96, 96), interpolation=cv2.INTER_CUBIC) for one in pictures]
        label = np.full((96, 168), 255, np.uint8)
        for at, part in enumerate(text.split(": ")):
            cv2.putText(label, part, (4, 44 + 18 * at), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1,
                        cv2.LINE_AA)  # fmt: skip
        made.append(np.pad(np.hstack([label, *wide]), ((0, 3), (0, 0)), constant_values=255))
    grey = np.vstack(made) // 8 * 8
    IMAGES.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(IMAGES / "vae_faces.png"), grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def read(values: NDArray[np.float32]) -> str:
    """The text that an attacker reads off a rebuilt record of typing."""
    numbers = ((values[:, 3:8] > 0) * 2 ** np.arange(5)).sum(1)
    spaces = values[:, 8] > 0.5
    return "".join(
        " " if space or not 1 <= n <= 26 else chr(96 + int(n))
        for n, space in zip(numbers, spaces, strict=True)
    )


def voice_and_typing(spoken: Records, typed: Records) -> None:
    """One spectrogram, one rhythm and one sentence, by setting."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown = (None, (0.0, 4), (4.0, 4), (16.0, 4))
    figure, axes = plt.subplots(2, len(shown), figsize=(11, 3.6), sharey="row")
    at = TRAINED + KNOWN
    for setting, (top, bottom) in zip(shown, axes.T, strict=True):
        voice, keys = spoken[0][at], typed[0][at]
        label = "original"
        if setting is not None:
            (voices_back, share), (keys_back, other) = (
                rebuilt(name, records, *setting)
                for name, records in (("voice", spoken), ("behaviour", typed))
            )
            voice, keys = voices_back[0], keys_back[0]
            label = f"{title(*setting)}\nvoice {share:.0%}, typing {other:.0%}"
        top.imshow(voice[0], origin="lower", aspect="auto", cmap="magma", vmin=-2, vmax=2)
        top.set_title(label, fontsize=8)
        top.set(xticks=[], yticks=[])
        bottom.plot(typed[0][at][:, 1], color="0.75", lw=1)
        bottom.plot(keys[:, 1], color="#1b7837", lw=1)
        bottom.set_xticks([])
        bottom.set_xlabel(f"“{read(keys)[:34]}”", fontsize=7, family="monospace")
    axes[0, 0].set_ylabel("voice: bands", fontsize=8)
    axes[1, 0].set_ylabel("typing: time between keys", fontsize=8)
    figure.tight_layout()
    figure.savefig(IMAGES / "vae_voice_typing.png", dpi=100)


def main() -> None:
    """Both pictures."""
    torch.set_num_threads(1)
    sheet(faces())
    voice_and_typing(voices(), typing())


if __name__ == "__main__":
    main()
