# SPDX-License-Identifier: Apache-2.0
"""Re-identification: who recognises whom after faces were replaced, blurred, pixelated or boxed.

    python benchmarks/reidentification.py            all 100 people, what RESULTS.md quotes
    python benchmarks/reidentification.py --people 50   the first 50, for development

Every face gets a persona from a random key, record by record (no `person` column, no linking).
Naive attacker: dlib's ResNet (99.4 % on LFW by its author), knows the face's place in the picture.
  Gallery: one original picture of each person. Probe: another picture of each, desensitized.
Trained attacker: knows the code, not the key. He desensitizes other pictures of the same people
  under keys of his own, trains on these outputs, and is tested on outputs under the victim's key:
  linear discriminants on dlib's embeddings, and a small network from scratch on aligned crops:
  only the inside of the face (brows to mouth), and, for the methods in LARGER, the face with its
  edge and the head with hair, both of which show what no method touches.
Floor: what sex and age alone, which personas keep, would tell an attacker who reads them exactly.
Intervals: percentile bootstrap over people (2.5 and 97.5 %).
"""

from __future__ import annotations

import argparse
import multiprocessing
import warnings
from typing import Any

import cv2
import dlib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from _common import table, write
from _faces import DRAWN, Portrait, crop, desensitized, portraits

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import face_recognition_models as dlib_models

SEED = 20261121
CROPS = {"inside, brows to mouth": 1.9, "face with its edge": 1.25, "head with hair": 0.62}
"""What the network sees. Of the first, a twentieth at its upper corners is not replaced."""
LARGER = ("original", "model", "solid")
DRAWS = 200
BOOTSTRAPS = 2000
Array = NDArray[np.float64]


class Recogniser:
    """dlib's landmarks and ResNet at a known place in a picture."""

    def __init__(self) -> None:
        self.points = dlib.shape_predictor(dlib_models.pose_predictor_model_location())
        self.net = dlib.face_recognition_model_v1(dlib_models.face_recognition_model_location())

    def __call__(self, pixels: NDArray[np.uint8], portrait: Portrait) -> Array:
        box = portrait.faces[0].box
        x = (box.left + box.right) / 2
        y = (box.top + box.bottom) / 2 + 0.06 * box.height  # dlib's boxes sit lower than ours
        half = 0.5 * max(box.width, 0.95 * box.height)
        place = dlib.rectangle(*(int(v) for v in (x - half, y - half, x + half, y + half)))
        found = self.points(pixels, place)
        return np.asarray(self.net.compute_face_descriptor(pixels, found))


def naive(gallery: Array, probes: Array, who: NDArray[np.int64]) -> Array:
    """Rank-1 of each person, averaged over random choices of gallery and probe picture."""
    draw = np.random.default_rng(SEED)
    people = np.unique(who)
    hits = np.zeros((DRAWS, len(people)))
    for k in range(DRAWS):
        first, second = zip(
            *(draw.choice(np.flatnonzero(who == p), 2, replace=False) for p in people), strict=True
        )
        apart = np.linalg.norm(probes[list(second)][:, None] - gallery[list(first)][None], axis=2)
        hits[k] = apart.argmin(1) == np.arange(len(people))
    return hits.mean(0)


def interval(per_person: Array) -> tuple[float, float, float]:
    """Mean with a 95 % bootstrap interval over people."""
    draw = np.random.default_rng(SEED)
    picks = draw.integers(len(per_person), size=(BOOTSTRAPS, len(per_person)))
    low, high = np.percentile(per_person[picks].mean(1), [2.5, 97.5])
    return float(per_person.mean()), float(low), float(high)


def per_person(hits: NDArray[np.bool_], who: NDArray[np.int64]) -> Array:
    return np.array([hits[who == p].mean() for p in np.unique(who)])


def linear(train: Array, train_who: Any, test: Array, test_who: Any) -> dict[str, Array]:
    """The better of two linear attackers on embeddings; both are returned."""
    attackers = {
        "LDA": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)),
    }
    return {
        name: per_person(model.fit(train, train_who).predict(test) == test_who, test_who)
        for name, model in attackers.items()
    }


def network(train: Any, train_who: Any, test: Any, test_who: Any, *, epochs: int) -> Array:
    """A small convolutional network from scratch on grey crops (n, 48, 48)."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    classes = int(max(train_who)) + 1
    layers: list[nn.Module] = []
    for before, after in ((1, 24), (24, 48), (48, 96), (96, 128)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.4), nn.Linear(128 * 9, classes))
    x = torch.from_numpy(train.astype(np.float32))[:, None] / 128 - 1
    y = torch.from_numpy(train_who)
    step = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    plan = torch.optim.lr_scheduler.OneCycleLR(step, 4e-3, total_steps=epochs * (len(x) // 32))
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for k in range(len(x) // 32):
            batch = order[k * 32 : k * 32 + 32]
            picture = x[batch]
            if torch.rand(()) < 0.5:
                picture = picture.flip(3)
            picture = torch.roll(picture, tuple(torch.randint(-3, 4, (2,)).tolist()), (2, 3))
            picture = picture * (0.8 + 0.4 * torch.rand(len(batch), 1, 1, 1))
            loss = nn.functional.cross_entropy(net(picture), y[batch], label_smoothing=0.1)
            step.zero_grad()
            loss.backward()
            step.step()
            plan.step()
    net.eval()
    with torch.no_grad():
        seen = torch.from_numpy(test.astype(np.float32))[:, None] / 128 - 1
        guess = net(seen).argmax(1).numpy()
    return per_person(guess == test_who, test_who)


def outputs(known: list[Portrait], method: str, key: int) -> list[NDArray[np.uint8]]:
    """Every picture by one method under one key; "original" leaves them as they are."""
    if method == "original":
        return [portrait.pixels for portrait in known]
    draw = np.random.default_rng([SEED, key])
    return [desensitized(portrait, method, draw) for portrait in known]


def grey(pixels: NDArray[np.uint8], portrait: Portrait, zoom: float) -> NDArray[np.uint8]:
    return crop(pixels, portrait.faces[0], 48, zoom).mean(2).astype(np.uint8)


def told(known: list[Portrait], who: NDArray[np.int64], test: NDArray[np.bool_]) -> Array:
    """Hits of one who knows each picture's sex and age and how often each person shows which."""
    labels = [(k.faces[0].likely("sex"), k.faces[0].likely("age")) for k in known]
    kinds = sorted(set(labels), key=str)
    kind = np.array([kinds.index(label) for label in labels])
    counts = np.zeros((who.max() + 1, len(kinds)))
    np.add.at(counts, (who[~test], kind[~test]), 1)
    best = counts == counts.max(0)
    hits = (best / best.sum(0))[who[test], kind[test]]
    return np.array([hits[who[test] == p].mean() for p in np.unique(who)])


def measure(known: list[Portrait], method: str, gallery: Array, epochs: int) -> dict[str, Any]:
    """All attackers against one method."""
    who, test = labelled(known)
    embed = Recogniser()
    victim = outputs(known, method, key=0)
    train_at = np.flatnonzero(~test)
    train = list(zip(train_at, outputs([known[k] for k in train_at], method, key=1), strict=True))
    train_who = who[train_at]
    if method == "original":
        seen, own = gallery, gallery[train_at]
    else:
        seen = np.stack([embed(p, k) for p, k in zip(victim, known, strict=True)])
        own = np.stack([embed(p, known[k]) for k, p in train])
    found: dict[str, Any] = {"naive": interval(naive(gallery, seen, who))}
    for name, hits in linear(own, train_who, seen[test], who[test]).items():
        found[f"trained {name} on dlib"] = interval(hits)
    for label, zoom in list(CROPS.items())[: None if method in LARGER else 1]:
        a = np.stack([grey(p, known[k], zoom) for k, p in train])
        b = np.stack([grey(victim[k], known[k], zoom) for k in np.flatnonzero(test)])
        found[f"trained CNN, {label}"] = interval(
            network(a, train_who, b, who[test], epochs=epochs)
        )
    print(method, found, flush=True)
    return found


def labelled(known: list[Portrait]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Who each picture shows; and whether attackers are tested on it: every second one."""
    names = sorted({portrait.person for portrait in known})
    who = np.array([names.index(portrait.person) for portrait in known])
    rank = np.array([(who[:k] == who[k]).sum() for k in range(len(who))])
    return who, rank % 2 == 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=6, help="of each person")
    parser.add_argument("--epochs", type=int, default=20)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    known = portraits(each=wanted.pictures, people=wanted.people)
    who, test = labelled(known)
    people = int(who.max()) + 1
    embed = Recogniser()
    gallery = np.stack([embed(portrait.pixels, portrait) for portrait in known])
    methods = ("model", "original", f"model{DRAWN}", "solid", "blur", "pixelate")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        jobs = [(known, method, gallery, wanted.epochs) for method in methods]
        figures = dict(zip(methods, pool.starmap(measure, jobs, chunksize=1), strict=True))
    floor = interval(told(known, who, test))
    attackers = list(figures["original"])
    rows = [
        [method, *("{:.3f} [{:.3f}, {:.3f}]".format(*found[a]) if a in found else "not run"
                   for a in attackers)]
        for method, found in figures.items()
    ]  # fmt: skip
    print(f"\n{len(known)} pictures of {people} people, chance {1 / people:.3f}")
    print("knowing sex and age alone: {:.3f} [{:.3f}, {:.3f}]\n".format(*floor))
    print(table(["method", *attackers], rows))
    if wanted.people >= 100:
        settings = {"people": people, "pictures": len(known), "seed": SEED, "draws": DRAWS,
                    "epochs": wanted.epochs, "sex_and_age_alone": floor}  # fmt: skip
        write(
            "reidentification",
            settings | {"rank1_with_95_interval": figures},
            packages=("dlib", "scikit-learn", "torch", "numpy", "opencv-python"),
        )


if __name__ == "__main__":
    main()
