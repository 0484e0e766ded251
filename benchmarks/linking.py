# SPDX-License-Identifier: Apache-2.0
"""Claim: mentions that only describe someone are linked to the right face.

    PYTHONPATH=src python benchmarks/linking.py [--split test] [--scenes 250] [--tune]

Scenes are composed of synthetic faces of the test part (2 to 6, one or two rows, plain, noisy or
picture background, a coloured torso drawn below each head), so truth is known. A mention is drawn
from the labels of one tile such that it singles out exactly that tile. Faces come from
`find_faces`. Each mention is linked by `detect.link.link`, once with the alignment model, once
without it (counts, clothes, position). Labels are those of training/_attributes.py: weak phrases
and one annotator's eye; a mention whose truth depends on an unknown label is never made.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from _common import DATA, ROOT, table, write

sys.path.insert(0, str(ROOT / "training"))
from _attributes import NOBODY, Picture, pictures
from polyveil.detect import facet_text
from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.clothes import dressed
from polyveil.detect.expressions import ExpressionFinder
from polyveil.detect.faces import find_faces
from polyveil.detect.link import link
from polyveil.detect.mentions import find_mentions
from polyveil.records.facets import COLOURS
from polyveil.records.finding import Box, Face, Findings, Kind, Mention
from polyveil.records.record import Record

TILE, BODY, SEED = 256, 150, 5
PAINT = {
    "red": (190, 25, 30), "orange": (235, 120, 25), "yellow": (235, 205, 50),
    "green": (40, 130, 60), "blue": (40, 80, 175), "purple": (115, 50, 145),
    "pink": (235, 145, 180), "brown": (110, 70, 40),
    "black": (22, 22, 25), "white": (238, 238, 236), "grey": (125, 125, 128),
}  # fmt: skip
SILENT = {"none", "neutral", "short"}
"""Values that nobody mentions."""


@dataclass
class Scene:
    """Faces of a composed picture, which of them is each tile's (None: not found), tile facets."""

    faces: list[Face]
    of_tile: list[int | None]
    facets: list[dict[str, str]]


def torso(cell: np.ndarray, face: Face | None, colour: str, chance: random.Random) -> None:
    """Paints shoulders and chest of a colour, shaded, below the face of a cell, in place."""
    height, width = cell.shape[:2]
    box = face.box if face else Box(0.3 * width, 0.2 * TILE, 0.7 * width, 0.75 * TILE)
    middle, top = round((box.left + box.right) / 2), round(box.bottom + 0.22 * box.height)
    wide, deep = round(1.35 * box.width), round(0.7 * box.height)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (middle, top + deep), (wide, deep), 0, 180, 360, 255, -1)
    mask[top + deep :, max(0, middle - wide) : middle + wide] = 255
    base = np.array(PAINT[colour], np.float32) * chance.uniform(0.8, 1.15)
    shade = 1 + 0.18 * np.sin(np.linspace(0, chance.uniform(4, 9), width))[None, :, None]
    noise = np.random.default_rng(chance.randrange(1 << 30)).normal(0, 5, (height, width, 1))
    cell[mask > 0] = np.clip(base * shade + noise, 0, 255).astype(np.uint8)[mask > 0]


@cache
def tile_face(file: Path) -> Face | None:
    """The surest face of a tile: where its torso belongs."""
    pixels = cv2.resize(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB), (TILE, TILE))
    return max(find_faces(pixels), key=lambda face: face.score, default=None)


def background(height: int, width: int, chance: random.Random) -> np.ndarray:
    """Plain or noisy."""
    plain = np.full((height, width, 3), [chance.randint(40, 220) for _ in range(3)], np.float32)
    if chance.random() < 0.5:
        seed = np.random.default_rng(chance.randrange(1 << 30))
        rough = seed.uniform(-60, 60, (height // 40 + 2, width // 40 + 2, 3)).astype(np.float32)
        plain += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(plain, 0, 255).astype(np.uint8)


def compose(
    tiles: list[Picture], chance: random.Random
) -> tuple[np.ndarray, list[Box], list[dict[str, str]]]:
    """Pixels, cells and facets of the tiles, clothes and place included."""
    columns = len(tiles) if len(tiles) < 4 or chance.random() < 0.4 else (len(tiles) + 1) // 2
    rows = -(-len(tiles) // columns)
    tall = TILE + BODY
    canvas = background(rows * (tall + 10) + 10, columns * (TILE + 20) + 20, chance)
    light = chance.uniform(0.8, 1.15) * np.array([chance.uniform(0.93, 1.07) for _ in range(3)])
    cells, facets = [], []
    worn = (
        chance.sample(COLOURS, len(tiles))
        if chance.random() < 0.7
        else chance.choices(COLOURS, k=len(tiles))
    )
    for at, (tile, colour) in enumerate(zip(tiles, worn, strict=True)):
        row, column = divmod(at, columns)
        left, top = 20 + column * (TILE + 20), 10 + row * (tall + 10)
        pixels = cv2.cvtColor(cv2.imread(str(tile.file)), cv2.COLOR_BGR2RGB)
        cell = canvas[top : top + tall, left : left + TILE]
        cell[:TILE] = cv2.resize(pixels, (TILE, TILE))
        torso(cell, tile_face(tile.file), colour, chance)
        cells.append(Box(left, top, left + TILE, top + tall))
        place = {0: "left", columns - 1: "right"}.get(column) if rows == 1 and columns > 1 else None
        if rows == 1 and columns % 2 and column == columns // 2:
            place = "middle"
        facets.append({**tile.facets, "clothes": colour, **({"position": place} if place else {})})
    return np.clip(canvas * light, 0, 255).astype(np.uint8), cells, facets


def singles_out(chosen: dict[str, str], own: int, facets: list[dict[str, str]]) -> bool:
    """Whether every other tile is KNOWN to differ in at least one chosen facet."""
    return all(
        any(name in other and other[name] != value for name, value in chosen.items())
        for at, other in enumerate(facets)
        if at != own
    )


def mention_of(
    own: int, facets: list[dict[str, str]], allowed: set[str], chance: random.Random
) -> dict[str, str] | None:
    """A shortest description of one tile that fits no other; None where there is none."""
    sayable = {
        n: v
        for n, v in facets[own].items()
        if n in allowed and v not in SILENT and not (n == "hair_length" and v == "short")
    }
    for size in (1, 2, 3):
        fits = [
            dict(picked)
            for picked in itertools.combinations(sayable.items(), size)
            if singles_out(dict(picked), own, facets)
        ]
        # An age of "adult" is never what singles someone out in speech.
        fits = [f for f in fits if f.get("age") != "adult"]
        if fits:
            return chance.choice(fits)
    return None


HEAD = {"sex", "age", "hair", "hair_length", "glasses", "beard", "hat", "expression"}
SORTS = {
    "head only": HEAD,
    "head, clothes, place": HEAD | {"clothes", "position"},
    "clothes, place only": {"clothes", "position"},
}


def scenes(split: str, count: int, model: AlignmentModel, seed: int) -> list[Scene]:
    """Composed scenes with their faces found and described."""
    chance = random.Random(seed)
    tiles = [
        p
        for p in pictures(DATA / "synthetic_faces")
        if p.split == split and not NOBODY & set(p.phrases)
    ]
    result = []
    for _ in range(count):
        picked = chance.sample(tiles, chance.randint(2, 6))
        pixels, cells, facets = compose(picked, chance)
        faces = model.faces(pixels, dressed(pixels, find_faces(pixels)))
        of_tile: list[int | None] = []
        for cell in cells:
            inside = [i for i, f in enumerate(faces) if f.box.intersection(cell) > 0.5 * f.box.area]
            of_tile.append(max(inside, key=lambda i: faces[i].score) if inside else None)
        result.append(Scene(faces, of_tile, facets))
    return result


def spoken(said: dict[str, str]) -> str:
    """A description in words."""
    clothes = f" in {said['clothes']}" if "clothes" in said else ""
    where = {"left": " on the left", "right": " on the right", "middle": " in the middle"}
    return f"the {facet_text.phrase(said)}{clothes}{where.get(said.get('position', ''), '')}"


def try_one(
    scene: Scene,
    own: int,
    said: dict[str, str],
    model: AlignmentModel | None,
    margin: float | None,
    *,
    from_words: bool = False,
) -> str:
    """ "right", "wrong", "open" for one mention in one scene, through the whole of `link`.

    The description is handed over as facets, or read from its words by `ExpressionFinder`.
    """
    words = spoken(said)
    told = {**said, "count": "1"}
    truth = Mention(("text",), 0, len(words), Kind.EXPRESSION, words, words, 1.0, "truth", told)
    record = Record("scene", {"text": words})
    mentions = find_mentions(record, detectors=[ExpressionFinder()]) if from_words else (truth,)
    if not mentions:
        return "open"
    extra: dict[str, Any] = {} if margin is None else {"margin": margin}
    findings = Findings("scene", tuple(scene.faces), mentions)
    found = link(record, findings, alignment=model, picture_key="p", **extra)
    faces = next(person.faces for person in found.persons if 0 in person.mentions)
    if not faces:
        return "open"
    return "right" if faces == (scene.of_tile[own],) else "wrong"


def interval(hits: list[float], seed: int = 1) -> str:
    """95 % bootstrap interval of a share, in per cent."""
    draws = np.random.default_rng(seed).choice(np.array(hits), (2000, len(hits))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{100 * np.mean(hits):.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def run(
    found: list[Scene], model: AlignmentModel, margin: float | None
) -> dict[str, dict[str, list[str]]]:
    """Sort of mention -> with / without -> verdicts; chance level beside them."""
    result: dict[str, dict[str, list[Any]]] = {}
    for sort, allowed in SORTS.items():
        chance = random.Random(SEED)
        lists: dict[str, list[Any]] = {
            "with": [],
            "without": [],
            "forced": [],
            "words": [],
            "chance": [],
        }
        for scene in found:
            for own in range(len(scene.facets)):
                said = mention_of(own, scene.facets, allowed, chance)
                if said is None:
                    continue
                lists["with"].append(try_one(scene, own, said, model, margin))
                lists["without"].append(try_one(scene, own, said, None, margin))
                lists["forced"].append(try_one(scene, own, said, model, 0.0))
                lists["words"].append(try_one(scene, own, said, model, margin, from_words=True))
                lists["chance"].append(1 / len(scene.facets))
        result[sort] = lists
    return result


def main() -> None:
    """Prints the table and writes the result; `--tune` prints margins on the development part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--scenes", type=int, default=250)
    parser.add_argument("--tune", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    model = AlignmentModel()
    found = scenes("dev" if options.tune else options.split, options.scenes, model, SEED)
    missed = sum(face is None for scene in found for face in scene.of_tile)
    if options.tune:
        for margin in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4):
            lists = run(found, model, margin)["head only"]["with"]
            print(
                margin,
                {v: round(lists.count(v) / len(lists), 3) for v in ("right", "wrong", "open")},
            )
        return
    figures: dict[str, Any] = {
        "split": options.split,
        "scenes": len(found),
        "faces": sum(len(s.facets) for s in found),
        "faces not found": missed,
    }
    rows = []
    for sort, lists in run(found, model, None).items():
        entry: dict[str, Any] = {
            "mentions": len(lists["with"]),
            "chance": float(np.mean(lists["chance"])),
        }
        for side in ("with", "without", "forced", "words"):
            verdicts = lists[side]
            entry[side] = {v: verdicts.count(v) / len(verdicts) for v in ("right", "wrong", "open")}
            name = {
                "with": "with alignment",
                "without": "without",
                "forced": "with, forced to choose",
                "words": "with, description read from its words",
            }[side]
            rows.append(
                [
                    sort,
                    name,
                    len(verdicts),
                    interval([v == "right" for v in verdicts]),
                    100 * entry[side]["wrong"],
                    100 * entry[side]["open"],
                    100 * entry["chance"],
                ]
            )
            entry[side]["right, 95 %"] = rows[-1][3]
        figures[sort] = entry
    print(
        table(
            [
                "mention says",
                "linking",
                "mentions",
                "right % [95 %]",
                "wrong %",
                "open %",
                "chance %",
            ],
            rows,
        )
    )
    print(f"{missed} of {figures['faces']} faces were not found.")
    write("linking", figures, packages=("numpy", "scipy", "onnxruntime", "opencv-python"))


if __name__ == "__main__":
    main()
