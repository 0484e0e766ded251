# SPDX-License-Identifier: Apache-2.0
"""What is measured of a row of the table of recognition; kept under .cache, not repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _chimeric_sets import CACHE, load
from _recogniser_evasion import budgets, named
from _recogniser_reconstruction import reconstruction, sides
from _recogniser_training import train, train_privately
from _recognition_rows import ROWS, USERS, answers, fitted, probes, score, system
from _spread import spread
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.attack import Evasion
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.examples import Examples
from polyveil.attack.protocol import carry_out
from polyveil.interval import clopper_pearson
from polyveil.recognize.chimeric import Pairing

PAIRINGS = 20
FEW_PAIRINGS = 8
"""Of rows that are beside the question: other losses of alignment."""
PRIVATE_PAIRINGS = 5
ATTACKED = 20
AVERAGED, ANSWERS, STEPS = 4, 9, 10
SHARES = (1.0, 1 / 4, 1 / 16)
"""Of epsilon: at the whole nothing is left of anybody's accuracy."""
UNIT = {"lfw": "face", "orl": "face", "emodb": "voice"}


def pairings_of(row: str) -> int:
    """How many pairings a row is measured on."""
    return FEW_PAIRINGS if row in ("anchors for InfoNCE", "margin as printed") else PAIRINGS


def measure(name: str, rows: tuple[str, ...] = ROWS) -> None:
    """Accuracy by row and pairing into .cache; what is there is not repeated."""
    one = load(name)
    for row in rows:
        kept = file_of(name, row)
        known: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
        if "weights" not in known:
            known = {"weights": fitted(one, row), "pairings": {}}
        for seed in range(pairings_of(row)):
            if str(seed) in known["pairings"]:
                continue
            pairing = Pairing.draw(one.sources, seed=seed, most=USERS)
            model = system(one, pairing, row, known["weights"])
            inputs, users = probes(one, pairing, "evaluation")
            right = answers(model, row, inputs) == users
            known["pairings"][str(seed)] = {
                user.people[UNIT[name]]: float(right[users == number].mean())
                for number, user in enumerate(pairing.users["evaluation"])
            }
            kept.write_text(json.dumps(known))
        print(name, row, known["weights"], _mean(known), flush=True)


def attack(name: str, row: str, share: float = 1.0) -> dict[str, Any]:
    """PGD on every modality that the row has, of the first pairing; `share` of epsilon."""
    kept = CACHE / f"attack{suffix(share)}-{name}-{row.replace(' ', '_')}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    one = load(name)
    pairing = Pairing.draw(one.sources, seed=0, most=USERS)
    model = system(one, pairing, row, json.loads(file_of(name, row).read_text())["weights"])
    inputs, users = probes(one, pairing, "evaluation")
    inputs = {k: x for k, x in inputs.items() if not row.endswith("alone") or row.startswith(k)}
    chosen = np.sort(np.random.default_rng(0).permutation(len(users))[:ATTACKED])
    targets = Examples(inputs, torch.from_numpy(users)).at(chosen)
    allowed = {
        kind: replace(budget, epsilon=share * budget.epsilon)
        for kind, budget in budgets(one.modalities, targets).items()
    }
    target = Classifier(model, calling=named)
    random = is_random(target, targets, seed=0)
    result = carry_out(
        Evasion(
            targets, allowed, (PGD(STEPS, "margin"),),
            averaging=AVERAGED if random else 1, passes=ANSWERS if random else 1,
            draws=1, checks=1, seed=0,
        ),
        target,
    )  # fmt: skip
    right, broken = result.array("right"), result.array("broken")
    figures = {
        "ARS": float((right & ~broken).mean()),
        "ASR": 1 - float((right & ~broken).mean()),
        "ASR among those right before": spread(
            clopper_pearson(int(broken.sum()), int(right.sum()))
        ),
        "answers at random": bool(random),
    }
    kept.write_text(json.dumps(figures))
    return figures


def rebuilt(name: str, row: str) -> dict[str, Any]:
    """RE by modality, and whether a matcher still knows the reconstructions."""
    kept = CACHE / f"rebuilt-{name}-{row.replace(' ', '_')}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    one = load(name)
    pairing = Pairing.draw(one.sources, seed=0, most=USERS)
    model = train(one, pairing, variant=row, seed=0)
    known, targets = sides(one, pairing, most=300)
    found = {k: v.as_json() for k, v in reconstruction(model, known, targets, repeats=8).items()}
    kept.write_text(json.dumps(found))
    return found


def private(name: str = "orl", epsilon: float = 8.0) -> dict[str, Any]:
    """Anchors within a budget, and the same training almost without noise, beside it."""
    kept = CACHE / f"private-{name}.json"
    if kept.exists():
        known: dict[str, Any] = json.loads(kept.read_text())
        return known
    one = load(name)
    found: dict[str, Any] = {"set": name, "pairings": PRIVATE_PAIRINGS, "steps by": "development"}
    for label, budget in (("private", epsilon), ("hardly any noise", 1e6)):
        means = []
        for seed in range(PRIVATE_PAIRINGS):
            pairing = Pairing.draw(one.sources, seed=seed, most=USERS)
            model, promised = train_privately(one, pairing, epsilon=budget, rate=0.005, seed=seed)
            inputs, users = probes(one, pairing, "evaluation")
            means.append(score(answers(model, "anchors", inputs), users))
        found[label] = {
            "epsilon": promised.epsilon,
            "delta": promised.delta,
            "accuracy": float(np.mean(means)),
            "deviation over pairings": float(np.std(means, ddof=1)),
        }
    kept.write_text(json.dumps(found))
    return found


def voices(name: str = "lfw") -> dict[str, float]:
    """Voice alone: speakers probed in another utterance, and in the other half of the same one."""
    kept = CACHE / f"voices-{name}.json"
    if kept.exists():
        known: dict[str, float] = json.loads(kept.read_text())
        return known
    one, right, other = load(name), [], []
    for seed in range(PAIRINGS):
        pairing = Pairing.draw(one.sources, seed=seed, most=USERS)
        model = system(one, pairing, "voice alone", {})
        inputs, users = probes(one, pairing, "evaluation")
        right.append(answers(model, "voice alone", inputs) == users)
        other.append(one.distant[pairing.records("evaluation", "probe").rows["voice"]])
    hits, distant = np.concatenate(right), np.concatenate(other)
    found = {
        "other utterance": float(hits[distant].mean()),
        "other half of one utterance": float(hits[~distant].mean()),
        "probes in another utterance": int(distant.sum()),
    }
    kept.write_text(json.dumps(found))
    return found


def suffix(share: float) -> str:
    """Of the name of an attack with a share of epsilon."""
    return "" if share == 1 else f"-{share:g}"


def file_of(name: str, row: str) -> Path:
    """Where accuracies of a row on a set are kept."""
    return CACHE / f"recognition-{name}-{row.replace(' ', '_')}.json"


def _mean(known: Mapping[str, Any]) -> float:
    return float(np.mean([np.mean(list(one.values())) for one in known["pairings"].values()]))
