# SPDX-License-Identifier: Apache-2.0
"""Membership attacks: agreement with TensorFlow Privacy, detection on pictures, false accusations.

    python benchmarks/membership.py golden   # writes the golden numbers of the tests
    python benchmarks/membership.py          # measures; about 15 minutes on one idle core
    python benchmarks/membership.py detected # one part: "false accusations", "detected", ...

Golden numbers come from one file of TensorFlow Privacy, loaded without TensorFlow: set
TF_PRIVACY_ADVANCED_MIA to a copy of privacy_tests/membership_inference_attack/advanced_mia.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from _common import RESULTS, ROOT, table, write
from _digits_cifar import objects
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.membership import (
    Candidates,
    Lira,
    Population,
    Reference,
    Rmia,
    ShadowClassifier,
    Study,
    prepare,
    train_shadows,
    train_twin,
)
from polyveil.attack.membership.attacker import MembershipAttack
from polyveil.attack.multiplicity import holm_levels
from polyveil.attack.recipe import Recipe
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval, clopper_pearson

GOLDEN = ROOT / "tests" / "attack" / "membership" / "golden" / "lira_tf_privacy.json"
COMMIT = "03035d5d4a271ac795dab80f5bc1cef82fc3d462"
KEY = b"benchmark"


def attacks(study: Study) -> list[MembershipAttack]:
    """All of them, as a battery would choose them."""
    return [
        Population(study),
        ShadowClassifier(study),
        Reference(study),
        Rmia(study),
        Lira(study, side="offline"),
        Lira(study, side="online"),
    ]


# Golden numbers


def peer(file: Path) -> ModuleType:
    """advanced_mia.py alone; its one import from the package is a function that is not used."""
    name = "tensorflow_privacy.privacy.privacy_tests.utils"
    stand_in = ModuleType(name)
    stand_in.log_loss = None  # type: ignore[attr-defined]
    parts = name.split(".")
    for depth in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
    sys.modules[name] = stand_in
    spec = importlib.util.spec_from_file_location("advanced_mia", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def golden() -> None:
    """Scores of 30 records under 8 shadow models, by TensorFlow Privacy, every variant."""
    theirs = peer(Path(os.environ["TF_PRIVACY_ADVANCED_MIA"]))
    draw = np.random.default_rng(20221)
    records, models = 30, 8
    keep = np.zeros((models, records), dtype=bool)
    for row in range(0, models, 2):
        keep[row, draw.permutation(records)[: records // 2]] = True
        keep[row + 1] = ~keep[row]
    hard = draw.normal(1, 3, records)
    margins = hard + draw.normal(0, 1, (models, records)) * draw.uniform(0.5, 2, records)
    margins += 1.5 * keep
    target = hard + draw.normal(0, 1, records)
    logits, labels = draw.normal(0, 3, (records, 5)), draw.integers(0, 5, records)
    inside = [margins[keep[:, at], at][:, None] for at in range(records)]
    outside = [margins[~keep[:, at], at][:, None] for at in range(records)]
    scores = {
        f"{option}, {'pooled' if pooled else 'each'}": theirs.compute_score_lira(
            target[:, None], inside, outside, option=option, fix_variance=pooled
        ).tolist()
        for option in ("both", "out")
        for pooled in (True, False)
    }
    entry = {
        "source": f"tensorflow/privacy, {COMMIT}, advanced_mia.py, compute_score_lira",
        "made by": "benchmarks/membership.py golden",
        "sign": "both: log p_out - log p_in; out: log p_out; members have small values",
        "keep": keep.astype(int).tolist(),
        "margins": margins.tolist(),
        "target": target.tolist(),
        "scores": scores,
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "statistic": theirs.calculate_statistic(logits.copy(), labels, option="logit").tolist(),
    }
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(entry) + "\n", encoding="utf-8")
    print(f"{GOLDEN.relative_to(ROOT)}: {records} records, {models} models")


# Real pictures


def cnn(epochs: int) -> Recipe:
    """A small convolutional network, trained until it knows its records by heart."""

    def train(records: Examples, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        draw = torch.Generator().manual_seed(seed)
        model = nn.Sequential(
            *(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(48 * 16, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        for _ in range(epochs):
            for rows in torch.randperm(len(records), generator=draw).split(64):
                batch = records.at(rows)
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(batch.inputs["image"]), batch.labels).backward()
                optimizer.step()
        return model

    return train


def pictures() -> Examples:
    """15,000 CIFAR-10 pictures at 16 x 16, in random order."""
    pack = objects()
    small = nn.functional.avg_pool2d(pack.train, 2)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(small)))
    return Examples({"image": small[order]}, pack.train_labels[order])


def detected(epochs: int, models: int) -> dict[str, Any]:
    """Each attack on a network that saw 2,000 members, and on one that never did."""
    everyone = pictures()
    members, nonmembers, population, elsewhere = (
        everyone.at(slice(at, at + 2000)) for at in (0, 2000, 4000, 6000)
    )
    candidates, recipe = Candidates(members, nonmembers, population), cnn(epochs)
    shadows = train_shadows(recipe, candidates, models, seed=1, progress=_tell)
    twin = train_twin(recipe, candidates, seed=2)
    study = prepare(candidates, shadows=shadows, twin=twin, key=KEY)
    targets = {"saw the members": members, "never saw them": elsewhere}
    found: dict[str, Any] = {"models": models, "epochs": epochs, "training s": shadows.seconds}
    for name, part in targets.items():
        target = Classifier(recipe(part, 99))
        accuracy = {
            "train": float(target.correct(part).double().mean()),
            "test": float(target.correct(nonmembers).double().mean()),
        }
        answers = study.ask(target)
        results = {}
        for attack in attacks(study):
            started = time.perf_counter()
            result = attack.analyse(attack.score(answers))
            results[attack.name] = _figures(result) | {"s": time.perf_counter() - started}
        found[name] = {"accuracy": accuracy, "attacks": results}
        _print_detected(name, accuracy, results)
    return found


def _figures(result: AttackResult) -> dict[str, Any]:
    named = {one.name: one for one in (result.headline, *result.measures)}
    return {
        "verdict": result.verdict,
        "p": result.p_value,
        "TPR at 1 %": _ends(named["members found at 1 % false alarms"].value),
        "TPR at 0.1 %": _ends(named["members found at 0.1 % false alarms"].value),
        "AUC": _ends(named["AUC"].value),
        "failed guards": [guard.name for guard in result.guards if not guard.passed],
        "guards": {guard.name: guard.sentence for guard in result.guards},
        "sentence": result.sentence,
    }


def _ends(value: Interval | float) -> list[float]:
    assert isinstance(value, Interval)
    return [value.estimate, value.low, value.high]


def _print_detected(name: str, accuracy: dict[str, float], results: dict[str, Any]) -> None:
    print(f"\nTarget that {name}: accuracy {accuracy}")

    def cell(ends: list[float]) -> str:
        return f"{ends[0]:.3f} [{ends[1]:.3f}, {ends[2]:.3f}]"

    columns = ["TPR at 0.1 %", "TPR at 1 %", "AUC"]
    rows = [
        [
            attack,
            *(cell(one[column]) for column in columns),
            f"{one['p']:.2g}",
            one["verdict"],
            ", ".join(one["failed guards"]) or "none",
            one["s"],
        ]
        for attack, one in results.items()
    ]
    header = ["attack", *columns, "p", "verdict", "failed guards", "s"]
    print(table(header, rows), flush=True)


def _tell(done: int, wanted: int) -> None:
    print(f"shadow model {done} of {wanted}", file=sys.stderr, flush=True)


# Weak attackers


def weakened(epochs: int) -> dict[str, Any]:
    """Every way to weaken or to cheat, and the guard that says so, on the same pictures."""
    everyone, recipe = pictures(), cnn(epochs)
    members, nonmembers, population = (everyone.at(slice(at, at + 1000)) for at in (0, 1000, 2000))
    innocent = Classifier(recipe(everyone.at(slice(6000, 7000)), 99))
    saw = Classifier(recipe(members, 98))
    right = Candidates(members, nonmembers, population)
    pixels = torch.cat([nonmembers.inputs["image"][20:], members.inputs["image"][:20]])
    labels = torch.cat([nonmembers.labels[20:], members.labels[:20]])
    leaked = Candidates(members, Examples({"image": pixels}, labels), population)
    brighter = Examples({"image": nonmembers.inputs["image"] + 0.7}, nonmembers.labels)
    shifted = Candidates(members, brighter, population)

    def elsewhere(records: Examples, seed: int) -> nn.Module:
        upside_down = Examples({"image": -records.inputs["image"].flip(2)}, records.labels)
        return recipe(upside_down, seed)

    cases: dict[str, tuple[Candidates, Recipe, Classifier, str]] = {
        "as it should be": (right, recipe, saw, ""),
        "20 members among the non-members": (leaked, recipe, saw, "disjoint splits"),
        "non-members brighter": (shifted, recipe, innocent, "blind attacker"),
        "shadow models trained for one epoch": (
            right,
            cnn(1),
            saw,
            "shadow models resemble the target",
        ),
        "shadow models of another distribution": (
            right,
            elsewhere,
            saw,
            "shadow models resemble the target",
        ),
    }
    found, rows = {}, []
    for name, (candidates, shadow_recipe, target, expected) in cases.items():
        shadows = train_shadows(shadow_recipe, candidates, 4, seed=3)
        study = prepare(candidates, shadows=shadows, key=KEY)
        attack = Lira(study, side="offline")
        result = attack.analyse(attack.score(study.ask(target)))
        failed = [guard.name for guard in result.guards if not guard.passed]
        flagged = expected in failed if expected else not failed
        found[name] = {"failed": failed, "as expected": flagged, "verdict": result.verdict}
        area = result.measures[0].estimate
        rows.append([name, area, ", ".join(failed) or "none", result.verdict, flagged])
    print("\n" + table(["attacker", "AUC", "failed guards", "verdict", "as expected"], rows))
    return found


# False accusations


class Table(nn.Module):
    """A model that is a table of answers, one for each record's number."""

    def __init__(self, logits: np.ndarray) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.from_numpy(logits))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.logits[values[:, 0].long()]


def tables(draw: np.random.Generator, records: int) -> tuple[Examples, Callable[[float], Recipe]]:
    """Records, and recipes by how much a model gives a record away that it saw."""
    labels, hardness = draw.integers(0, 10, records), draw.normal(3, 2, records)
    base, numbers = draw.normal(0, 1, (records, 10)), draw.permutation(records)
    values = np.concatenate([numbers[:, None], draw.normal(size=(records, 4))], axis=1)
    base[np.arange(records), labels] += hardness

    def leaking(leak: float) -> Recipe:
        def train(part: Examples, seed: int) -> nn.Module:
            own = np.random.default_rng([seed, int(draw.integers(1 << 30))])
            logits = base + own.normal(0, 0.7, base.shape)
            seen = np.isin(numbers, part.inputs["values"][:, 0].numpy())
            gain = leak * seen * (1 + own.exponential(1, records))
            logits[np.arange(records), labels] += gain
            answers = np.empty_like(logits)
            answers[numbers] = logits
            return Table(answers)

        return train

    return Examples({"values": torch.from_numpy(values)}, torch.from_numpy(labels)), leaking


def null_trials(trials: int) -> dict[str, Any]:
    """Whole analyses of targets that know nothing; every second time shadow models do leak."""
    counts: dict[str, dict[str, int]] = {}
    audits = {"any attack, Holm": 0, "any attack, Holm, guards aside": 0}
    for trial in range(trials):
        results = list(_innocent_audit(trial))
        levels = holm_levels([result.p_value or 0.0 for result in results])
        judged = [one.at_level(level) for one, level in zip(results, levels, strict=True)]
        audits["any attack, Holm"] += any(one.verdict == "leak demonstrated" for one in judged)
        audits["any attack, Holm, guards aside"] += any(one.shown for one in judged)
        for one in results:
            name = one.attack.split(",")[0] + (", online" if "online" in one.attack else "")
            own = counts.setdefault(name, {"p <= .05": 0, "shown": 0, "accused": 0, "cleared": 0})
            own["p <= .05"] += (one.p_value or 0.0) <= 0.05
            own["shown"] += one.shown
            own["accused"] += one.verdict == "leak demonstrated"
            own["cleared"] += one.verdict == "none detected"
    rows = [[name, *own.values()] for name, own in counts.items()]
    print(f"\nOf {trials} audits of innocent targets:")
    print(table(["attack", "p <= .05", "figures accuse", "accused", "none detected"], rows))
    print(table(["whole audit", "accused"], [[name, count] for name, count in audits.items()]))
    shares = {name: _ends(clopper_pearson(count, trials)) for name, count in audits.items()}
    return {"trials": trials, "attacks": counts, "audits": audits, "shares": shares}


def _innocent_audit(trial: int) -> Iterator[AttackResult]:
    draw = np.random.default_rng([2022, trial])
    everyone, leaking = tables(draw, 2600)
    candidates = Candidates(*(everyone.at(slice(at, at + 800)) for at in (0, 800, 1600)))
    shadows = train_shadows(leaking(1.0 * (trial % 2)), candidates, 8, seed=trial)
    twin = train_twin(leaking(4.0), candidates, seed=trial)
    study = prepare(candidates, shadows=shadows, twin=twin, key=KEY)
    answers = study.ask(Classifier(leaking(1.0)(everyone.at(slice(2400, None)), trial)))
    for attack in attacks(study):
        chosen = ShadowClassifier(study, rows=4000) if "classifier" in attack.name else attack
        yield chosen.analyse(chosen.score(answers))


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "false accusations": lambda: null_trials(500),
    "detected": lambda: detected(epochs=25, models=32),
    "weak attackers": lambda: weakened(epochs=25),
}


def main() -> None:
    """The golden numbers, or the parts that are named, or all of them."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["golden"]:
        golden()
        return
    known = RESULTS / "membership.json"
    figures = json.loads(known.read_text())["figures"] if known.is_file() else {}
    for part in sys.argv[1:] or PARTS:
        figures[part] = PARTS[part]()
    # Parts measured one by one are recorded under the command that measures them all.
    del sys.argv[1:]
    write("membership", figures, packages=("torch", "numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
