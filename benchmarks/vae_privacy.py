# SPDX-License-Identifier: Apache-2.0
"""What the autoencoder's noise and the size of its code buy, and what they cost.

Recognisers of chimeric users (faces of LFW, LibriSpeech, keystrokes; plain convolutions), trained
anew for each noise and each size. Utility: accuracy on records of other sessions, one answer each.
Privacy: an attacker who holds the codes of these records and the network, and has people of his own
(those the network was trained on among them: an insider), rebuilds the inputs from codes averaged
over 32 answers, and from a code seen once. Beside RE: RE of his mean; whether a matcher that was
trained apart takes what he rebuilt for another record of the same person; and how many typed keys
he reads, which is what was written.

    python benchmarks/vae_privacy.py [--pairings 1] [--picture docs/images/vae_privacy.png]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from _chimeric_sets import CACHE, Set, load
from _common import ROOT, table, write
from _recogniser_recipe import RECIPE, Recipe
from _recogniser_reconstruction import Rebuilt, reconstruction, sides
from _recogniser_training import train
from polyveil.attack.examples import Examples
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.recognize.chimeric import Pairing

CLAIM = "vae_privacy"
NOISES = (0.0, 1.0, 4.0, 8.0, 16.0)
LATENTS = (1, 2, 4, 8, 16)
VARIANT = "without ODConv"
"""Plain convolutions train in a fifth of the time; they follow the code and change nothing of what
it holds but through training."""
STEPS = 120
"""Of the background's training, a quarter of what the table of recognition has: nine trainings."""
USUAL = (1.0, 4)
"""Noise and latent channels of `RecogniserConfig`."""
COLOURS = {"face": "#b2182b", "voice": "#2166ac", "behaviour": "#1b7837"}


@dataclass(frozen=True)
class Setting:
    """One autoencoder."""

    noise: float
    latent: int

    @property
    def recipe(self) -> Recipe:
        """How its recogniser is trained: as all others."""
        network = (("latent", self.latent), ("noise", self.noise))
        return replace(RECIPE, background_steps=STEPS, network=network)


def settings() -> list[Setting]:
    """All noises at the usual size, all sizes at the usual noise."""
    found = [Setting(noise, USUAL[1]) for noise in NOISES]
    return found + [Setting(USUAL[0], latent) for latent in LATENTS if latent != USUAL[1]]


def probes(one: Set, pairing: Pairing, each: int = 6) -> Examples:
    """Records of other sessions than enrolment."""
    found = pairing.records("evaluation", "probe", each=each)
    inputs = {name: torch.from_numpy(x) for name, x in found.take(one.arrays).items()}
    return Examples(inputs, torch.from_numpy(found.users))


@torch.no_grad()
def accuracy(system: MultimodalRecogniser, examples: Examples, *only: str) -> float:
    """Of one answer a record, over the modalities named, else all."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inputs = {name: examples.inputs[name] for name in only or examples.inputs}
        named = system(inputs).logits.argmax(1)
    return float((named == examples.labels).double().mean())


def keys_read(original: NDArray[Any], values: NDArray[Any], known: NDArray[Any]) -> list[float]:
    """Share of typed keys whose five bits all come back, and by the attacker's mean instead."""
    bits, typed = slice(3, 8), np.abs(original[..., 3:8]).min(-1) > 0.25

    def right(guess: NDArray[Any]) -> float:
        same = (guess[..., bits] > 0) == (original[..., bits] > 0)
        return float(same.all(-1)[typed].mean())

    return [right(values), right(np.broadcast_to(known.mean(0), original.shape))]


def measured(one: Set, setting: Setting, seed: int) -> dict[str, Any]:
    """One setting on one pairing."""
    pairing = Pairing.draw(one.sources, seed=seed)
    system = train(one, pairing, variant=VARIANT, seed=seed, recipe=setting.recipe)
    examples = probes(one, pairing)
    known, targets = sides(one, pairing)
    found = reconstruction(system, known, targets, seed=seed)
    return {
        "noise": setting.noise,
        "latent": setting.latent,
        "pairing": seed,
        "numbers in a code": {
            name: int(np.prod(system.coders[f"of_{name}"].config.code)) for name in found
        },
        "deviation": deviations(system, targets),
        "accuracy": accuracy(system, examples),
        "accuracy alone": {name: accuracy(system, examples, name) for name in found},
        "attack": {name: {**one.as_json(), **once(one)} for name, one in found.items()},
        "keys read, and by the mean": keys_read(
            targets["behaviour"].inputs["behaviour"].numpy(),
            found["behaviour"].values,
            known["behaviour"].inputs["behaviour"].numpy(),
        ),
    }


def once(found: Rebuilt) -> dict[str, float]:
    """What is learned from a code that was seen once."""
    return {"R2, code seen once": 1 - found.once_error / found.mean_error}


@torch.no_grad()
def deviations(system: MultimodalRecogniser, targets: Mapping[str, Examples]) -> dict[str, float]:
    """Modality -> noise of a code's number as a share of what sets people's codes apart."""
    found = {}
    for name, one in targets.items():
        coder = system.coders[f"of_{name}"]
        coded = coder.encode(one.inputs[name])
        added = coder.config.noise * torch.exp(coded.log_variance / 2)
        found[name] = float((added.square().mean() / coded.mean.var(0).mean()).sqrt())
    return found


def kept(one: Set, setting: Setting, seed: int) -> dict[str, Any]:
    """As `measured`; what was measured before is not measured again."""
    what = hashlib.sha256(repr((VARIANT, setting.recipe, seed)).encode()).hexdigest()[:16]
    file = CACHE / f"{CLAIM}-{one.name}-{what}.json"
    if not file.exists():
        file.write_text(json.dumps(measured(one, setting, seed)))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def mean(points: list[dict[str, Any]], *path: str) -> float:
    """Over pairings; of an interval its estimate."""
    found = []
    for point in points:
        value: Any = point
        for key in path:
            value = value[key]
        found.append(value[0] if isinstance(value, list) else value)
    return float(np.mean(found))


def rows(results: dict[Setting, list[dict[str, Any]]]) -> list[list[Any]]:
    """One a setting."""
    made = []
    for setting, points in results.items():
        row: list[Any] = [f"{setting.noise:g}", setting.latent, mean(points, "accuracy")]
        for name in COLOURS:
            parts = (mean(points, "attack", name, key) for key in ("RE", "RE of the mean"))
            row.append(" / ".join(f"{part:.4f}" for part in parts))
            row.append(" / ".join(
                f"{mean(points, 'attack', name, key):.2f}"
                for key in ("R2", "R2, code seen once", "re-identified", "re-identified, originals")
            ))  # fmt: skip
        row.append(mean(points, "keys read, and by the mean"))
        made.append(row)
    return made


def picture(results: dict[Setting, list[dict[str, Any]]], file: Path) -> None:
    """Accuracy and what is rebuilt, by noise and by size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8, 5.8), sharey="row", sharex="col")
    lines = (
        ([one for one in results if one.latent == USUAL[1]], "noise (factor; usual 1)", "noise"),
        ([one for one in results if one.noise == USUAL[0]], "channels of the code (usual 4)",
         "latent"),
    )  # fmt: skip
    for (top, bottom), (chosen, label, key) in zip(axes.T, lines, strict=True):
        chosen = sorted(chosen, key=lambda one: getattr(one, key))
        x, ticks = range(len(chosen)), [f"{getattr(one, key):g}" for one in chosen]
        points = [results[one] for one in chosen]
        top.plot(x, [mean(p, "accuracy") for p in points], "k-o", label="user named rightly")
        for name, colour in COLOURS.items():
            said = "typing" if name == "behaviour" else name
            recognised = [mean(p, "attack", name, "re-identified") for p in points]
            top.plot(x, recognised, "--", marker=".",
                     color=colour, label=f"rebuilt {said} leads to its person")  # fmt: skip
            bottom.plot(x, [max(0, mean(p, "attack", name, "R2")) for p in points], "-o",
                        color=colour, label=f"{said}, noise averaged away")  # fmt: skip
            bottom.plot(x, [max(0, mean(p, "attack", name, "R2, code seen once")) for p in points],
                        ":", color=colour, label=f"{said}, code seen once")  # fmt: skip
        bottom.set(xlabel=label, xticks=list(x), xticklabels=ticks, ylim=(0, 1))
        top.set_ylim(0, 1)
        for axis in (top, bottom):
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("share of records")
    axes[1, 0].set_ylabel("rebuilt: 1 - RE / RE(mean)")
    handles, labels = (
        [one for axis in axes[:, 0] for one in axis.get_legend_handles_labels()[kind]]
        for kind in (0, 1)
    )
    figure.legend(handles, labels, loc="lower center", ncol=3, fontsize=7, frameon=False)
    figure.suptitle("What a code hides: chimeric users of LFW, LibriSpeech and keystrokes",
                    fontsize=10)  # fmt: skip
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def main() -> None:
    """All settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairings", type=int, default=1)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/images/vae_privacy.png")
    given = parser.parse_args()
    torch.set_num_threads(1)
    one = load("lfw")
    results = {
        setting: [kept(one, setting, seed) for seed in range(given.pairings)]
        for setting in settings()
    }
    header = ["noise", "latent", "accuracy"]
    for name in COLOURS:
        header += [f"{name}: RE / of the mean", "R² / seen once / re-id. / of originals"]
    print(table([*header, "keys read"], rows(results)))
    picture(results, given.picture)
    points = [point for found in results.values() for point in found]
    write(CLAIM, {"set": one.title, "network": VARIANT, "points": points},
          packages=("polyveil", "torch", "scikit-learn"))  # fmt: skip


if __name__ == "__main__":
    main()
