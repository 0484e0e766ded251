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
from collections.abc import Callable

import cv2
import torch
from torch import Tensor, nn

from _inversion_decoders import ALL_DECODERS, DECODERS, TwoEpochLinear
from _inversion_embeddings import EMBEDDINGS, LAST, LATENT, SIZE, noised, pca
from _inversion_networks import asked, classifier, network
from _inversion_records import Sides, digit_sides, face_sides, faces, outsiders, voice_sides
from _inversion_results import keep, known, show, told
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion.climb import Climb
from polyveil.attack.inversion.decoder import Decoder, Ridge
from polyveil.attack.inversion.embedding import EmbeddingInversion
from polyveil.attack.inversion.encoder import Encoder
from polyveil.attack.inversion.gradient import GradientInversion
from polyveil.attack.inversion.leaked import ClippedNoised, GradientSource
from polyveil.attack.inversion.matching import Search
from polyveil.attack.inversion.model import ModelInversion
from polyveil.attack.inversion.rebuilding import CLOSED, METHODS
from polyveil.attack.inversion.sheet import contact_sheet
from polyveil.attack.protocol import carry_out

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
