# SPDX-License-Identifier: Apache-2.0
"""Records of several modalities that a plan does not take: told one by one, never left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from polyveil.learn.modalities import Multimodal
from polyveil.learn.plan import Plan
from polyveil.tasks.modalities import read_modalities

INPUTS = {
    "image": {"size": 16, "channels": 1},
    "behaviour": {"steps": 12, "centre": [0, 0], "scale": [1, 1]},
}


def clips(folder: Path, labels: list[str]) -> Path:
    folder.mkdir()
    rng, rows = np.random.default_rng(0), []
    for at, label in enumerate(labels):
        Image.fromarray(rng.integers(0, 255, (16, 16)).astype(np.uint8)).save(folder / f"{at}.png")
        trace = rng.normal(size=(12, 2)).tolist()
        rows.append({"file_name": f"{at}.png", "behaviour": trace, "label": label})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def plan(folder: Path, classes: list[str] | None = None) -> Plan:
    data = {"path": str(folder), "inputs": INPUTS, **({"classes": classes} if classes else {})}
    return Plan.of({"data": data, "model": {"name": "multimodal"}, "privacy": {"epsilon": 8.0}})


def reasons(found: Multimodal) -> list[str]:
    return [one.reason for one in found.refused]


def test_a_class_that_the_plan_does_not_name_is_refused(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", ["a", "b", "other", "a", "other"])
    assert not read_modalities(plan(folder)).refused
    found = read_modalities(plan(folder, ["b", "a"]))
    assert found.classes == ("b", "a") and found.labels.tolist() == [1, 0, 1]
    assert len(found.refused) == 2 and all("none of the plan's" in one for one in reasons(found))


def test_so_are_other_records_of_a_class_that_was_not_trained_on(tmp_path: Path) -> None:
    joint = read_modalities(plan(clips(tmp_path / "clips", ["a", "b", "a"])))
    elsewhere = clips(tmp_path / "elsewhere", ["b", "c"])
    found = read_modalities(plan(elsewhere), path=elsewhere, like=joint)
    assert found.classes == joint.classes and found.labels.tolist() == [1]
    assert len(reasons(found)) == 1
