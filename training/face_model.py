# SPDX-License-Identifier: Apache-2.0
"""Makes weights/face_model.safetensors: faces of nobody, bent to one shape, to mix stand-ins from.

    python training/label_landmarks.py ...      writes synthetic68.npz
    python training/face_model.py --landmarks synthetic68.npz

Data: synthetic_faces (MIT; nobody in it exists). Landmarks come from label_landmarks.py, facets
from alignment_labels.csv. Nothing here is random.
Steps: mean head in three dimensions by rigid factorisation of the landmarks; keep sharp, upright,
nearly frontal faces without hands, sunglasses or tongues; bend each to the mean shape with a
thin-plate spline; measure light and forehead; leave out what looked wrong on contact sheets;
store as WebP.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.records.facets import FACE_FACETS
from polyveil.replace import blend, light
from polyveil.replace.expression import Expression
from polyveil.replace.face_model import (
    FRAME,
    KNOTS,
    LEAD,
    MOUTH,
    STIFFNESS,
    canonical_knots,
    pack,
)
from polyveil.replace.warp import MIRRORED, fit_pose, spline

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POLYVEIL_DATA", ROOT.parent / "shared" / "data"))
TARGET = ROOT / "src" / "polyveil" / "weights" / "face_model.safetensors"
LABELS = Path(__file__).with_name("alignment_labels.csv")
SHAKY = 0.012
"""Spread of the landmarks (label_landmarks.py) from which on they are not trusted."""
SCALE, CENTRE = 43.6, (95.5, 105.0)
UNFIT = (
    "sunglasses", "tongue out", "eyes closed", "profile", "three-quarter", "sideways", "looking to",
    "looking up", "looking down", "red eyes", "yellow eyes", "bandana", "tilted", "hand covering",
    "headphones", "side light", "spotlight", "heavy makeup", "blue hour", "statue", "surprised",
    "angry", "disgusted", "enraged", "crown", "back lighting", "night background", "two people",
    "blurred", "golden hour",
)  # fmt: skip


_WRONG = """
0015 0050 0056 0080 0103 0124 0126 0130 0136 0185 0192 0194 0247 0277 0283 0309 0356 0366 0411
0430 0438 0446 0458 0459 0463 0470 0487 0526 0564 0609 0680 0697 0709 0725 0726 0801 0804 0817
0825 0828 0879 0885 0894 0922 0930 0958 0983 1145 1173 1181 1195 1281 1287 1298 1312 1314 1340
1461 1479 1520 1593 1610 1612 1630 1631 1655 1675 1679 1687 1696 1706 1762 1763 1784 1812 1820
1838 1861 1904 1914 1969 1975 2025 2098 2102 2136 2137
"""
WRONG = frozenset(_WRONG.split())
"""Pictures left out after a look at contact sheets of the stand-ins: paint, harsh shadows, a
tongue, faces that are drawn, hair across a brow."""
_TEETH = """
0090 0099 0292 0639 0646 0818 1015 1129 1301 1415 1419 1424 1428 1438 1440 1442 1494 1504 1505
1511 1535 1537 1544 1555 1558 1575 1585 1639 1640 1644 1647 1660 1688 1735 1740 1741 1742 1745
1801 1846 1897 1960 2070 2197
"""
TEETH = frozenset(_TEETH.split())
"""Pictures whose open mouth looked right on another face."""
FACETS = {facet: ("", *FACE_FACETS[facet]) for facet in ("sex", "age", "glasses", "beard")}


def mean_head(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alternating least squares of pose and shape under a scaled orthographic camera; symmetric."""
    upright = np.stack([_upright(points) for points in landmarks])
    yaw = upright[:, 30, 0] - upright[:, 36:48, 0].mean(1)
    flat = np.median(upright[np.abs(yaw) < 0.15], axis=0)
    half = abs(flat[0, 0])
    depth = -0.9 * np.square(flat[:, 0]) / half
    depth[27:31] += half * np.array([0.05, 0.15, 0.28, 0.4])
    depth[31:36] += half * 0.18
    head = np.column_stack([flat, depth]).astype(np.float32)
    for _ in range(12):
        left, right = np.zeros((3, 3)), np.zeros((68, 3))
        for points in upright:
            pose = fit_pose(points, head)
            if np.sqrt(np.square(pose.project(head) - points)[17:].mean()) > 0.13:
                continue
            camera = pose.scale * pose.rotation[:2].astype(np.float64)
            left += camera.T @ camera
            right += (points - pose.shift) @ camera
        head = np.linalg.solve(left[None], right[..., None])[..., 0]
        head = ((head + head[MIRRORED] * [-1, 1, 1]) / 2).astype(np.float32)
    return head


def _upright(points: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = points - points[17:].mean(0)
    centred = centred / np.sqrt(np.square(centred[17:]).sum(1).mean())
    axis = centred[42:48].mean(0) - centred[36:42].mean(0)
    c, s = axis / np.linalg.norm(axis)
    return np.asarray(centred @ np.array([[c, s], [-s, c]]).T, np.float32)


def with_forehead(head: NDArray[np.float32]) -> NDArray[np.float32]:
    """68 landmarks -> 78 knots in pixels of the frame: seven along the hairline, three below it."""
    angle = np.radians(np.linspace(38, 142, 7))
    rise = np.sin(angle)
    arc = np.column_stack(
        [-1.5 * np.cos(angle), head[0, 1] - 1.46 * rise, head[0, 2] + 1.15 * rise**0.9]
    )
    row = np.array([[-0.72, -1.45, -0.28], [0, -1.5, -0.02], [0.72, -1.45, -0.28]])
    knots = np.vstack([head, arc, row]) * SCALE
    knots[:, :2] += CENTRE
    return knots.astype(np.float32)


def textures(
    files: list[str], landmarks: NDArray[np.float32], knots3: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Bent pictures (n, FRAME, FRAME, 3) BGR, heads (n, 68, 3), and yaw, pitch, size (n, 3)."""
    flat = canonical_knots(knots3)
    yy, xx = np.mgrid[0:FRAME, 0:FRAME].astype(np.float32)
    bend = spline(flat[KNOTS], np.column_stack([xx.ravel(), yy.ravel()]), stiffness=STIFFNESS)
    pictures, heads, poses = [], [], []
    for name, points in zip(files, landmarks, strict=True):
        picture = cv2.imread(str(DATA / "synthetic_faces" / name))
        pose = fit_pose(points, knots3[:68])
        extra = pose.project(knots3[68:])
        extra += (points[17:27] - pose.project(knots3[17:27])).mean(0)
        where = (bend @ np.vstack([points, extra])[KNOTS]).reshape(FRAME, FRAME, 2)
        pictures.append(
            cv2.remap(picture, where[..., 0], where[..., 1], cv2.INTER_CUBIC,
                      borderMode=cv2.BORDER_REFLECT)
        )  # fmt: skip
        heads.append(pose.lift(points, knots3[:68]))
        pitch = float(np.arcsin(np.clip(pose.rotation[1, 2], -1, 1)))
        poses.append((pose.yaw, pitch, pose.scale * 136))
    return np.stack(pictures), np.stack(heads), np.float32(poses)


def usable(attributes: list[str]) -> bool:
    """Whether the weak phrases say nothing against it."""
    return not any(word in phrase for phrase in attributes for word in UNFIT)


def candidates(
    files: list[str],
    landmarks: NDArray[np.float32],
    spread: NDArray[np.float32],
    knots: NDArray[np.float32],
) -> list[int]:
    """Indices of faces that are large, upright, nearly frontal, and whose landmarks make sense."""
    rows = (DATA / "synthetic_faces" / "metadata.jsonl").read_text("utf-8").splitlines()
    phrases = {row["file_name"]: row["attributes"] for row in map(json.loads, rows)}
    kept = []
    for k, (name, points) in enumerate(zip(files, landmarks, strict=True)):
        pose = fit_pose(points, knots[:68])
        roll = np.degrees(np.arctan2(pose.rotation[1, 0], pose.rotation[0, 0]))
        miss = np.square(pose.project(knots[:68]) - points)[17:].sum(1).mean() ** 0.5 / pose.scale
        wide = np.linalg.norm(points[0] - points[16])
        if wide < 76 or abs(np.degrees(pose.yaw)) > 19 or abs(roll) > 14 or miss > 5.2:
            continue
        if usable(phrases[name]) and spread[k] < SHAKY:
            kept.append(k)
    return kept


def traits(texture: NDArray[np.uint8], knots: NDArray[np.float32]) -> dict[str, float]:
    """What decides whether a bent picture can lead: its light, its forehead, its sharpness."""
    lab = cv2.cvtColor(texture.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    y, x = np.mgrid[0:FRAME, 0:FRAME]
    flat = knots[:, :2]

    def disc(centre: NDArray[np.float32]) -> Any:
        return lab[np.hypot(x - centre[0], y - centre[1]) < 11]

    left = np.median(disc((flat[36] + flat[48]) / 2 + [2, 6]), axis=0)
    right = np.median(disc((flat[45] + flat[54]) / 2 + [-2, 6]), axis=0)
    cheek = (left + right) / 2
    corners = np.stack([flat[18] - [0, 10], flat[25] - [0, 10], flat[25] - [0, 24],
                        flat[18] - [0, 24]]).astype(np.float32)  # fmt: skip
    gap = np.abs(lab[blend.hull(corners, (FRAME, FRAME)) > 0.5] - cheek)
    fine = np.abs(lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 1.5))
    return {
        "lightness": float(cheek[0]),
        "chroma": float(np.hypot(cheek[1], cheek[2])),
        "hue": float(np.degrees(np.arctan2(cheek[2], cheek[1]))),
        "aside": float(abs(left[0] - right[0])),
        "covered": float(((gap[:, 0] > 20) | (gap[:, 1] + gap[:, 2] > 22)).mean()),
        "sharp": float(fine[40:180, 40:150].mean()),
        "burnt": float((lab[60:180, 50:140, 0] > 93).mean()),
    }


def role(name: str, seen: dict[str, float], shown: Expression, facets: dict[str, str],
         size: float) -> int:  # fmt: skip
    """LEAD, MOUTH or 0. Rare kinds of faces are let in under worse light."""
    plain = (
        33 < seen["lightness"] < 86 and 8 < seen["chroma"] < 46 and 25 < seen["hue"] < 82
        and seen["sharp"] > 0.95 and seen["burnt"] < 0.05 and facets["glasses"] != "sunglasses"
    )  # fmt: skip
    if not plain or name in WRONG:
        return 0
    rare = facets["glasses"] == "glasses" or facets["age"] == "senior"
    rare = rare or facets["beard"] not in ("none", "")
    aside, covered, least = (26, 0.45, 76) if rare else (17, 0.2, 86)
    if shown.mouth < 3.5 and seen["aside"] < aside and seen["covered"] < covered:
        return LEAD if shown.eyes > 0.2 and size > least else 0
    smiling = facets["expression"] == "smiling"
    if name in TEETH and shown.mouth >= (4 if smiling else 5) and seen["aside"] < 22:
        return MOUTH if facets["glasses"] != "glasses" else 0
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--landmarks", type=Path, required=True)
    given = np.load(parser.parse_args().landmarks)
    landmarks = given["landmarks68"].astype(np.float32)
    spread = given["spread"].astype(np.float32)
    wide = np.linalg.norm(landmarks[:, 0] - landmarks[:, 16], axis=1)
    knots = with_forehead(mean_head(landmarks[(wide > 70) & (spread < SHAKY)]))
    files = [str(name) for name in given["file"]]
    kept = candidates(files, landmarks, spread, knots)
    pictures, heads, poses = textures([files[k] for k in kept], landmarks[kept], knots)
    rows = csv.DictReader(LABELS.open(encoding="utf-8"))
    known = {row["file_name"]: row for row in rows}
    chosen, roles = [], []
    for k, index in enumerate(kept):
        name = Path(files[index]).stem
        part = role(name, traits(pictures[k], knots), Expression.of(heads[k]),
                    known[files[index]], float(poses[k, 2]))  # fmt: skip
        if part:
            chosen.append(k)
            roles.append(part)
    labels = [[FACETS[facet].index(known[files[kept[k]]][facet]) for facet in FACETS]
              for k in chosen]  # fmt: skip
    quality = [cv2.IMWRITE_WEBP_QUALITY, 90]
    images = [cv2.imencode(".webp", pictures[k], quality)[1].tobytes() for k in chosen]
    lights = [
        light.of_texture(cv2.cvtColor(pictures[k].astype(np.float32) / 255, cv2.COLOR_BGR2LAB))
        for k in chosen
    ]
    tensors: dict[str, Any] = {
        "knots": knots,
        "heads": heads[chosen].astype(np.float16),
        "labels": np.array(labels, np.int8),
        "lights": np.stack(lights),
        "roles": np.array(roles, np.int8),
        "offsets": np.cumsum([0, *map(len, images)]).astype(np.int64),
        "images": np.frombuffer(b"".join(images), np.uint8),
    }
    notes = {"values": json.dumps(FACETS), "files": " ".join(files[kept[k]] for k in chosen)}
    TARGET.write_bytes(pack(tensors, notes))
    counts = {name: roles.count(part) for name, part in (("leads", LEAD), ("mouths", MOUTH))}
    print(f"{len(files)} faces, {len(kept)} candidates, {counts}, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
