# SPDX-License-Identifier: Apache-2.0
"""Trains weights/landmarks.onnx: a grey 96 x 96 crop -> 68 points.

Data: the synthetic faces (nobody), labelled by `training/label_landmarks.py`. One file in eight,
chosen by the SHA-256 of its name, is held out. Turned heads are drawn more often. Each crop is
varied: rotation, scale, shift, mirror, light, blur, noise, JPEG, few pixels, something in front.

    python training/label_landmarks.py labels.npz
    python training/landmarks.py labels.npz            # about 15 minutes on one core

Prints the held-out error by yaw and writes src/polyveil/weights/landmarks.onnx.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]
from _common import DATA  # noqa: E402
from polyveil.detect.landmarks import SIDE, back, crop, crop_transforms, standardised  # noqa: E402

SEED, STEPS, BATCH, RATE = 20261121, 3000, 32, 2e-3
MIRROR = np.array([
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24,
    23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42,
    47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
])  # fmt: skip
"""Where each point of the 68 goes in a mirror."""


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.body(x))


def halved(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def network(mean_shape: NDArray[np.float32]) -> nn.Sequential:
    """0.6 million parameters; the last layer starts at the mean shape."""
    last = nn.Linear(40 * 36, 136)
    nn.init.normal_(last.weight, std=1e-3)
    with torch.no_grad():
        last.bias.copy_(torch.from_numpy(mean_shape.reshape(136)))
    return nn.Sequential(
        halved(1, 16),
        halved(16, 32),
        Residual(32),
        halved(32, 64),
        Residual(64),
        halved(64, 96),
        Residual(96),
        nn.Conv2d(96, 40, 1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(0.1),
        last,
    )


def held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 8 == 0


def yaw_share(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the nose tip stands off the middle of the jaw's ends: about sin(yaw), n values."""
    ends = shape[:, [0, 16]]
    axis = ends[:, 1] - ends[:, 0]
    tip = ((shape[:, 30] - ends.mean(axis=1)) * axis).sum(1) / np.maximum((axis**2).sum(1), 1e-6)
    return np.clip(2 * tip, -1, 1).astype(np.float32)


class Crops:
    """Draws varied crops of one part of the faces."""

    def __init__(self, labels: dict[str, NDArray[np.float32]], names: list[str]) -> None:
        folder = DATA / "synthetic_faces"
        self.pictures = [
            cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2GRAY) for name in names
        ]
        self.five, self.shape = labels["points5"], labels["landmarks68"]
        self.trust = 1 / (1 + (labels["spread"] / 0.012) ** 2)
        turned = np.abs(yaw_share(self.shape))
        self.draw = (1 + 3 * np.clip(turned - 0.2, 0, 0.6)) * np.sqrt(self.trust)
        self.draw /= self.draw.sum()

    def plain(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        transforms = crop_transforms(self.five)
        crops = [crop(p, t) for p, t in zip(self.pictures, transforms, strict=True)]
        return np.stack(crops), transforms

    def varied(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.float32], ...]:
        chosen = rng.choice(len(self.pictures), count, p=self.draw)
        crops, shapes = [], []
        for index in chosen:
            five = self.five[index]
            size = np.abs(five - five.mean(0)).mean()
            jittered = five + rng.normal(0, 0.07 * size, five.shape).astype(np.float32)
            transform = shaken(crop_transforms(jittered[None])[0], rng)
            shape = self.shape[index] @ transform[:, :2].T + transform[:, 2]
            cut = crop(self.pictures[index], transform.astype(np.float32))
            if rng.random() < 0.5:
                cut = np.ascontiguousarray(cut[:, ::-1])
                shape = (np.array([SIDE - 1, 0]) + shape * np.array([-1, 1]))[MIRROR]
            crops.append(worn(cut, rng, self.pictures))
            shapes.append(shape / (SIDE / 2) - 1)
        return (
            standardised(np.stack(crops)),
            np.stack(shapes).astype(np.float32),
            self.trust[chosen].astype(np.float32),
        )


def shaken(transform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """Turned by up to about 25 degrees, scaled, squeezed and shifted about the crop's middle."""
    angle = rng.normal(0, 9) * np.pi / 180
    scale = np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.04, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag(scale)
    middle = np.full(2, SIDE / 2)
    shift = middle - linear @ middle + rng.normal(0, 0.03 * SIDE, 2)
    return np.column_stack([linear @ transform[:, :2], linear @ transform[:, 2] + shift])


def worn(
    cut: NDArray[np.uint8], rng: np.random.Generator, others: list[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Light, blur, few pixels, noise, JPEG, something in front: each sometimes."""
    if rng.random() < 0.25:
        height, width = rng.integers(12, 48, 2)
        y, x = rng.integers(0, SIDE - height), rng.integers(0, SIDE - width)
        other = others[rng.integers(len(others))]
        v, u = (
            int(rng.integers(0, max(1, n - m)))
            for n, m in zip(other.shape, (height, width), strict=True)
        )
        patch = other[v : v + height, u : u + width]
        if rng.random() < 0.4:
            patch = np.full_like(patch, rng.integers(0, 256))
        cut = cut.copy()
        cut[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    if rng.random() < 0.35:
        small = int(np.exp(rng.uniform(np.log(14), np.log(64))))
        cut = cv2.resize(cut, (small, small), interpolation=cv2.INTER_AREA)
        cut = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.2:
        cut = cv2.GaussianBlur(cut, (0, 0), rng.uniform(0.6, 3))
    values = cut.astype(np.float32)
    if rng.random() < 0.4:
        slope = rng.normal(0, 0.6, 2)
        ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
        values *= np.exp(slope[0] * ramp[None] + slope[1] * ramp[:, None]).astype(np.float32)
    if rng.random() < 0.4:
        values = 255 * (np.clip(values, 0, 255) / 255) ** np.exp(rng.normal(0, 0.5))
    if rng.random() < 0.3:
        values += rng.normal(0, rng.uniform(2, 16), values.shape)
    cut = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        code = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 70))])[1]
        cut = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)
    return np.asarray(cut, dtype=np.uint8)


def errors(
    model: nn.Module, part: Crops, wear: np.random.Generator | None = None
) -> NDArray[np.float32]:
    """Mean distance to the labels / distance of the outer eye corners, one figure a face."""
    crops, transforms = part.plain()
    if wear is not None:
        crops = np.stack([worn(one, wear, part.pictures) for one in crops])
    model.eval()
    with torch.no_grad():
        read = model(torch.from_numpy(standardised(crops))).numpy()
    distance = np.linalg.norm(back(read, transforms) - part.shape, axis=2).mean(axis=1)
    corners = np.linalg.norm(part.shape[:, 36] - part.shape[:, 45], axis=1)
    return np.asarray(distance / corners, dtype=np.float32)


def train(model: nn.Module, part: Crops, steps: int, rng: np.random.Generator) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.15)
    started = time.monotonic()
    for step in range(steps):
        crops, shapes, trust = (torch.from_numpy(a) for a in part.varied(rng, BATCH))
        model.train()
        read = model(crops).reshape(-1, 68, 2)
        # Huber on distances: quadratic below half a pixel of the crop, linear above.
        distance = torch.linalg.vector_norm(read - shapes, dim=2)
        loss = (
            nn.functional.smooth_l1_loss(
                distance, torch.zeros_like(distance), beta=0.01, reduction="none"
            ).mean(1)
            * trust
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(
                f"{step + 1:5d} {loss.item():.5f} {time.monotonic() - started:6.0f} s", flush=True
            )


def report(model: nn.Module, part: Crops) -> None:
    turned, plain = np.abs(yaw_share(part.shape)), errors(model, part)
    hard = errors(model, part, np.random.default_rng(1))
    print("| yaw | faces | error, % of the eye distance | median | worn pictures |")
    print("|---|---|---|---|---|")
    bands = [(0, 2.0, "all"), (0, 0.26, "0-15°"), (0.26, 0.5, "15-30°"), (0.5, 0.71, "30-45°")]
    for low, high, name in [*bands, (0.71, 2.0, "45°+")]:
        rows = (turned >= low) & (turned < high)
        if rows.any():
            means = 100 * plain[rows].mean(), 100 * np.median(plain[rows]), 100 * hard[rows].mean()
            print(f"| {name} | {rows.sum()} | " + " | ".join(f"{m:.2f}" for m in means) + " |")


def main(labels: Path) -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    archive = np.load(labels)
    names = [str(name) for name in archive["file"]]
    parts = []
    for out in (False, True):
        rows = [index for index, name in enumerate(names) if held_out(name) == out]
        fields = {key: archive[key][rows] for key in ("points5", "landmarks68", "spread")}
        parts.append(Crops(fields, [names[index] for index in rows]))
    fit, test = parts
    transforms = crop_transforms(fit.five)
    shapes = np.einsum("nij,npj->npi", transforms[:, :, :2], fit.shape) + transforms[:, None, :, 2]
    model = network((np.median(shapes, axis=0) / (SIDE / 2) - 1).astype(np.float32))
    train(model, fit, STEPS, np.random.default_rng(SEED))
    report(model, test)
    model.eval()
    torch.onnx.export(
        model,
        (torch.zeros(2, 1, SIDE, SIDE),),
        str(ROOT / "src/polyveil/weights/landmarks.onnx"),
        input_names=["crops"],
        output_names=["points"],
        dynamic_axes={"crops": {0: "n"}, "points": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
