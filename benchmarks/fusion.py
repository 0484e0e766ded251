# SPDX-License-Identifier: Apache-2.0
"""Fusion of modalities at prediction: by uncertainty, by learned weights, by nothing at all.

One model a modality, trained apart and without privacy (late fusion), on three sets. Each rule is
fitted on validation records and judged on test records: as they are; with 30 % of the modalities
noisy (each modality of each record by itself: normal noise of three times the standard deviation
that the training records have); with 30 % missing (a record keeps one at least). With and without a
temperature for each modality. A network trained on both modalities at once stands beside.

Validation records are clean (nobody foresaw noise), or spoiled alike: a third of them as they are,
a third noisy, a third with missing modalities. Differences from the plain mean are paired within
seeds.

Run: python benchmarks/fusion.py [--seeds 5] [--sets av_mnist ...]; `--sets` alone prints only.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from _common import RESULTS
from _fusion_tables import CONDITIONS, HELD, MEAN, printed, written
from _multimodal_sets import CACHE, LAYOUTS, NAMES, Parts, parts
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Joint, Late, Options, predict, train
from polyveil.models.calibration import Calibration, Temperature
from polyveil.models.class_metrics import ClassMetrics, class_metrics
from polyveil.models.fusion import fuse, variance_weights
from polyveil.models.learned_weights import LearnedWeights
from polyveil.models.present import EqualWeights, FusionRule, Mask, masked
from polyveil.models.reliability import confidences, equal_mass
from polyveil.models.uncertainty import HybridUncertainty
from polyveil.report.reliability import reliability_svg

OPTIONS = {
    "av_mnist": Options(epochs=3, batch_size=128, learning_rate=1e-3),
    "imgtext_mvsa": LAYOUTS["imgtext_mvsa"].plain,
    "voice_emodb": LAYOUTS["voice_emodb"].plain,
}
NETWORK: dict[str, Mapping[str, Any]] = {
    "av_mnist": {},
    "imgtext_mvsa": LAYOUTS["imgtext_mvsa"].network,
    "voice_emodb": LAYOUTS["voice_emodb"].network,
}
KEPT = CACHE / "fusion_seeds.json"
SHARE, NOISE = 0.3, 3.0
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Answers:
    """What the models say of some records.

    Attributes:
      each: probabilities [modalities, records, classes].
      joint: probabilities [records, classes] of the network trained on both.
      present: [modalities, records].
      labels: [records].
    """

    each: Floats
    joint: Floats
    present: Mask
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Variance:
    """Weights by the variance of the class probabilities, equal where absent is left out."""

    def predict(self, probabilities: Floats, present: Mask | None = None) -> Floats:
        values, there = masked(probabilities, present)
        raw = variance_weights(values) * there
        return fuse(values, raw / raw.sum(axis=0))


@dataclass(frozen=True)
class Product:
    """The mean of the logarithms, scaled to sum to 1: modalities as independent witnesses."""

    def predict(self, probabilities: Floats, present: Mask | None = None) -> Floats:
        values, there = masked(probabilities, present)
        logs = (np.log(np.maximum(values, 1e-12)) * there[:, :, None]).sum(axis=0)
        return softmax(logs / there.sum(axis=0)[:, None], axis=1)


@dataclass(frozen=True)
class Best:
    """One modality, the better one on validation; another only where that is missing."""

    first: int

    def predict(self, probabilities: Floats, present: Mask | None = None) -> Floats:
        values, there = masked(probabilities, present)
        order = [self.first, *(at for at in range(len(values)) if at != self.first)]
        rows = np.arange(values.shape[1])
        return values[np.array(order)[there[order].argmax(axis=0)], rows]


@dataclass(frozen=True)
class Tempered:
    """Another rule, and one temperature for what it says: averaging makes predictions modest."""

    rule: FusionRule
    temperature: Temperature

    def predict(self, probabilities: Floats, present: Mask | None = None) -> Floats:
        return self.temperature.apply(self.rule.predict(probabilities, present))


def tempered(rule: FusionRule, held: Answers) -> Tempered:
    """The temperature of the fused validation predictions."""
    fused = rule.predict(held.each, held.present)
    return Tempered(rule, Temperature.fit(fused, held.labels))


RULES: dict[str, Callable[[Answers], FusionRule | Variance | Product | Best | Tempered]] = {
    MEAN: lambda held: EqualWeights(),
    "mean of logarithms": lambda held: Product(),
    "variance": lambda held: Variance(),
    "entropy only": lambda held: HybridUncertainty.fit(
        held.each, held.labels, held.present, alphas=(1.0,)
    ),
    "KL only": lambda held: HybridUncertainty.fit(
        held.each, held.labels, held.present, alphas=(0.0,)
    ),
    "hybrid uncertainty": lambda held: HybridUncertainty.fit(held.each, held.labels, held.present),
    "mean, then a temperature": lambda held: tempered(EqualWeights(), held),
    "hybrid, then a temperature": lambda held: tempered(
        HybridUncertainty.fit(held.each, held.labels, held.present), held
    ),
    "learned weights": lambda held: LearnedWeights.fit(held.each, held.labels, held.present),
    "better modality": lambda held: Best(
        int((held.each.argmax(2) == held.labels).mean(axis=1).argmax())
    ),
}


def spoiled(
    data: Multimodal, condition: str, spreads: Mapping[str, float], seed: int
) -> Multimodal:
    """The same records, some of their modalities noisy or missing."""
    if condition == "clean":
        return data
    draw = np.random.default_rng([seed, CONDITIONS.index(condition)])
    hit = draw.random(data.present.shape) < SHARE
    if condition == "missing":
        kept = draw.integers(0, hit.shape[1], len(hit))
        alone = hit.all(axis=1)
        hit[alone, kept[alone]] = False
        return replace(data, present=data.present & ~hit)
    inputs = {}
    for column, (name, values) in enumerate(data.inputs.items()):
        noise = draw.normal(0, NOISE * spreads[name], values.shape)
        rows = hit[:, column].reshape(-1, *[1] * (values.ndim - 1))
        inputs[name] = (values + rows * noise).astype(np.float32)
    return replace(data, inputs=inputs)


def answered(late: Any, joint: Any, data: Multimodal) -> Answers:
    """Both networks' probabilities."""
    apart, together = predict(late, data), predict(joint, data)
    return Answers(
        softmax(apart.by_modality.astype(np.float64), axis=2),
        softmax(together.together.astype(np.float64), axis=1),
        data.present.T,
        data.labels,
    )


def calibrated(held: Answers, answers: Answers) -> Answers:
    """Temperatures of the validation records, applied."""
    each = Calibration.fit(held.each, held.labels, held.present)
    joint = Temperature.fit(held.joint, held.labels)
    return replace(
        answers,
        each=each.apply(answers.each, answers.present),
        joint=joint.apply(answers.joint),
    )


def judged(held: Answers, tests: Mapping[str, Answers]) -> dict[str, Any]:
    """Rule -> condition -> figures; `held` and `tests` are at one level of calibration."""
    found: dict[str, Any] = {}
    for name, fit in RULES.items():
        rule = fit(held)
        found[name] = {"fitted": repr(rule)}
        for condition, answers in tests.items():
            found[name][condition] = class_metrics(
                rule.predict(answers.each, answers.present), answers.labels
            )
    found["trained on both at once"] = {"fitted": ""} | {
        condition: class_metrics(answers.joint, answers.labels)
        for condition, answers in tests.items()
    }
    return found


def one_seed(name: str, seed: int) -> dict[str, Any]:
    """Trains, spoils, calibrates, fuses."""
    data = parts(name, seed)
    options = replace(OPTIONS[name], seed=seed)
    started = time.process_time()
    late, joint = (
        train(method, data.train, options, network=NETWORK[name]).model
        for method in (Late(), Joint())
    )
    spreads = {key: float(values.std()) for key, values in data.train.inputs.items()}
    tests = {
        one: answered(late, joint, spoiled(data.test, one, spreads, seed)) for one in CONDITIONS
    }
    found: dict[str, Any] = {"alone": alone(tests["clean"], tuple(data.test.inputs))}
    for how in HELD:
        held = held_out(late, joint, data, spreads, seed, how)
        warm = {one: calibrated(held, answers) for one, answers in tests.items()}
        found[how] = {
            "raw": judged(held, tests),
            "calibrated": judged(calibrated(held, held), warm),
            "temperatures": [
                one.value
                for one in Calibration.fit(held.each, held.labels, held.present).temperatures
            ],
        }
        if seed == 0 and how == "clean":
            draw_reliability(name, tuple(data.test.inputs), tests["clean"], warm["clean"])
    found["seconds"] = time.process_time() - started
    return found


def held_out(
    late: Any, joint: Any, data: Parts, spreads: Mapping[str, float], seed: int, how: str
) -> Answers:
    """Answers about validation records: clean, or a third of them under each condition."""
    if how == "clean":
        return answered(late, joint, data.validation)
    rows = np.random.default_rng([seed, 9]).integers(0, 3, len(data.validation))
    some = [
        answered(late, joint, spoiled(data.validation.where(rows == at), one, spreads, seed + 77))
        for at, one in enumerate(CONDITIONS)
    ]
    return Answers(
        np.concatenate([one.each for one in some], axis=1),
        np.concatenate([one.joint for one in some]),
        np.concatenate([one.present for one in some], axis=1),
        np.concatenate([one.labels for one in some]),
    )


def alone(answers: Answers, names: tuple[str, ...]) -> dict[str, ClassMetrics]:
    """Each modality by itself."""
    pairs = zip(names, answers.each, strict=True)
    return {name: class_metrics(rows, answers.labels) for name, rows in pairs}


def draw_reliability(name: str, modalities: tuple[str, ...], raw: Answers, warm: Answers) -> None:
    """Each modality before and after calibration, as an SVG file."""
    lines = {}
    for level, answers in (("raw", raw), ("calibrated", warm)):
        for modality, rows in zip(modalities, answers.each, strict=True):
            lines[f"{modality}, {level}"] = equal_mass(*confidences(rows, answers.labels), bins=8)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"reliability_{name}.svg").write_text(reliability_svg(lines), "utf-8")


def main() -> None:
    """Every set and seed; prints, writes; a set that is not run keeps its figures."""
    torch.set_num_threads(1)
    asked = argparse.ArgumentParser()
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--sets", nargs="*", choices=NAMES, default=list(NAMES))
    chosen = asked.parse_args()
    figures = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in chosen.sets:
        found = [one_seed(name, seed) for seed in range(chosen.seeds)]
        figures[name] = json.loads(json.dumps(found, default=ClassMetrics.to_json))
        CACHE.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps(figures))
    for name, seeds in figures.items():
        printed(name, seeds)
    if chosen.sets:
        written(figures)


if __name__ == "__main__":
    main()
