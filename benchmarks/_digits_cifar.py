# SPDX-License-Identifier: Apache-2.0
"""The two picture sets of private training: MNIST images and a CIFAR-10 subset, and their fixed
scattering features.

Pixels are floats with the mean and standard deviation of the published sets (public figures), and
features are normalised within each record, so that nothing is learned from the training part
before its budget is charged.

Source: Tramèr & Boneh, https://arxiv.org/abs/2011.11660 (why fixed features come before private
training).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from _common import DATA, ROOT
from polyveil.models.scattering import ScatterClassifier

CACHE = ROOT / ".cache" / "private_features"


@dataclass(frozen=True)
class Pictures:
    """One set. Attributes: train/test float32 (records, channels, side, side) and labels int64."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def digits() -> Pictures:
    """MNIST images of av_mnist: 18,000 to train, 3,000 to test, 28 x 28."""
    with np.load(DATA / "av_mnist" / "dev" / "mnist.npz") as pack:
        train, test = (_grey(pack[f"x_{part}"]) for part in ("train", "test"))
        labels = [
            torch.from_numpy(pack[f"y_{part}"].astype(np.int64)) for part in ("train", "test")
        ]
    return Pictures(train, labels[0], test, labels[1])


def objects() -> Pictures:
    """CIFAR-10 subset: 15,000 to train, 2,000 to test, 32 x 32 RGB, re-encoded as JPEG."""
    train, train_labels = _jpegs(DATA / "image_cifar10" / "dev" / "train.npz")
    test, test_labels = _jpegs(DATA / "image_cifar10" / "dev" / "test.npz")
    return Pictures(train, train_labels, test, test_labels)


def _grey(pixels: np.ndarray) -> Tensor:
    return ((torch.from_numpy(pixels).float() / 255 - 0.1307) / 0.3081)[:, None]


def _jpegs(file: Path) -> tuple[Tensor, Tensor]:
    with np.load(file) as pack:
        blob, offsets, labels = pack["jpeg"], pack["offsets"], pack["label"]
    pictures = [
        np.asarray(Image.open(io.BytesIO(blob[start:stop].tobytes())).convert("RGB"))
        for start, stop in pairwise(offsets)
    ]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor([0.4914, 0.4822, 0.4465])[:, None, None]
    spread = torch.tensor([0.2470, 0.2435, 0.2616])[:, None, None]
    return (pixels - mean) / spread, torch.from_numpy(labels.astype(np.int64))


def scattered(name: str) -> Pictures:
    """Scattering features of 'digits' or 'objects', computed once and kept as float16.

    train is (records, views, maps, side, side), test (records, maps, side, side); the views are the
    picture and, for objects, its mirror image.
    """
    file = CACHE / f"{name}.npz"
    if not file.exists():
        pictures = digits() if name == "digits" else objects()
        views = [pictures.train] + ([pictures.train.flip(-1)] if name == "objects" else [])
        arrays = {
            "train": torch.stack([_features(view) for view in views], 1).numpy(),
            "train_labels": pictures.train_labels.numpy(),
            "test": _features(pictures.test).numpy(),
            "test_labels": pictures.test_labels.numpy(),
        }
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez(file, **arrays)
    with np.load(file) as pack:
        return Pictures(*(torch.from_numpy(pack[key]) for key in Pictures.__annotations__))


@torch.no_grad()
def _features(pictures: Tensor) -> Tensor:
    model = ScatterClassifier(tuple(pictures.shape[1:]), 10)
    return torch.cat([model.features(some).half() for some in pictures.split(100)])
