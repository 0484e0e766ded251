# SPDX-License-Identifier: Apache-2.0
"""What each part of the protected recogniser is worth, on three chimeric sets.

    python benchmarks/recognition.py [SET ...]     measures what is missing, then prints tables

Closed set: which of the users that were enrolled made this other sample? Twenty random pairings, 20
users each (7 for EMO-DB), one sampled code a probe. Units of the bootstrap are the people of the
scarcest source (faces of LFW, faces of ORL, actors of EMO-DB), each with the mean over the pairings
and probes he is in; differences are taken person by person. Intervals hold which of these people
were drawn, not other background people, and are not widened for the number of rows. Background
networks are one for all pairings (see `_recogniser_training`). How much each modality counts in the
fusion is fitted on development pairings, for every row in the same way, late fusion too.

RE and re-identification: `_recogniser_attacks.reconstruction`, of the first pairing. ARS and ASR:
PGD on all modalities at once, gradients averaged over the network's noise, answers by majority.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from _chimeric_sets import CACHE, NAMES, SESSIONS, TITLES, Set, load
from _common import table, write
from _recogniser_attacks import EPSILON, budgets, named, reconstruction, sides, spread
from _recogniser_training import MODALITIES, RECIPE, VARIANTS, train, train_privately, weigh
from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion.attack import Evasion
from polyveil.attack.evasion.judge import is_random
from polyveil.attack.evasion.pgd import PGD
from polyveil.attack.examples import Examples
from polyveil.attack.protocol import carry_out
from polyveil.interval import Interval, bootstrap, clopper_pearson
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.recognize.chimeric import CHIMERIC, Pairing, Part

USERS = 20
PAIRINGS = 20
FEW_PAIRINGS = 8
"""Of rows that are beside the question: other losses of alignment."""
PRIVATE_PAIRINGS = 5
DEVELOPMENT = (1000, 1001)
ATTACKED = 20
AVERAGED, ANSWERS, STEPS = 4, 9, 10
SHARES = (1.0, 1 / 4, 1 / 16)
"""Of epsilon: at the whole nothing is left of anybody's accuracy."""
WEIGHTS = (0.35, 0.6, 1.0, 1.7, 2.8)
UNIT = {"lfw": "face", "orl": "face", "emodb": "voice"}
LATE = "late fusion of unimodal models"
ROWS = (*VARIANTS, *(f"{name} alone" for name in MODALITIES), LATE)
PAPER = {
    "accuracy": "92.4 to 93.2 %",
    "RE": "0.27 to 0.29",
    "ARS": "77.9 to 79.2 %",
    "ASR": "20.8 to 22.1 %",
    "without alignment": "-11.7 to -15.1 points",
    "without VAE": "-8.5 to -11.9 points",
    "without ODConv": "-4.0 to -7.7 points",
}
Inputs = dict[str, Tensor]


class LateFusion(nn.Module):
    """Independently trained unimodal networks; log-probabilities summed with weights."""

    def __init__(
        self, parts: Mapping[str, MultimodalRecogniser], weights: Mapping[str, float]
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({f"of_{name}": part for name, part in parts.items()})
        self.weights = dict(weights)

    def forward(self, inputs: Mapping[str, Tensor]) -> Any:
        logits = {
            name: self.parts[f"of_{name}"]({name: x}).logits.log_softmax(1)
            for name, x in inputs.items()
        }
        return Logits(sum(self.weights[name] * found for name, found in logits.items()))


class Logits:
    """What attacks read of an answer."""

    def __init__(self, logits: Any) -> None:
        self.logits = logits


def system(
    one: Set, pairing: Pairing, row: str, weights: Mapping[str, float], part: Part = "evaluation"
) -> nn.Module:
    """The trained recogniser of a row."""
    seed = pairing.seed
    if row == LATE:
        return LateFusion(
            {name: train(one, pairing, part=part, only=(name,), seed=seed) for name in MODALITIES},
            weights,
        ).eval()
    if row.endswith(" alone"):
        return train(one, pairing, part=part, only=(row.removesuffix(" alone"),), seed=seed)
    return weigh(train(one, pairing, part=part, variant=row, seed=seed), weights)


def probes(one: Set, pairing: Pairing, part: Part) -> tuple[Inputs, NDArray[np.int64]]:
    """Inputs and users of a part's probe records."""
    records = pairing.records(part, "probe")
    return {k: torch.from_numpy(x) for k, x in records.take(one.arrays).items()}, records.users


def answers(model: nn.Module, row: str, inputs: Inputs) -> NDArray[np.int64]:
    """One answer a record, of a code that is sampled once."""
    known = {k: x for k, x in inputs.items() if not row.endswith("alone") or row.startswith(k)}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        return np.asarray(model(known).logits.argmax(1))


def fitted(one: Set, row: str) -> dict[str, float]:
    """How much each modality counts: best of a grid on development pairings."""
    equal = dict.fromkeys(MODALITIES, 1.0)
    if row.endswith(" alone"):
        return equal
    pairings = [Pairing.draw(one.sources, seed=seed, most=USERS) for seed in DEVELOPMENT]
    tried = [dict(zip(MODALITIES, found, strict=True)) for found in grid()]
    totals = np.zeros(len(tried))
    for pairing in pairings:
        model = system(one, pairing, row, equal, "development")
        inputs, users = probes(one, pairing, "development")
        totals += [score(found, users) for found in _by_weights(model, inputs, tried)]
    best = np.flatnonzero(totals >= totals.max() - 1e-9)
    # Ties go to what is nearest to equal weights.
    return tried[min(best, key=lambda i: sum(abs(np.log(list(tried[i].values())))))]


def grid() -> list[tuple[float, float, float]]:
    """Weights of face, voice and behaviour; only their ratios matter."""
    return [(face, voice, 1.0) for face, voice in itertools.product(WEIGHTS, WEIGHTS)]


def _by_weights(
    model: nn.Module, inputs: Inputs, tried: list[dict[str, float]]
) -> list[NDArray[np.int64]]:
    """Answers under each choice of weights; codes are sampled once."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        if isinstance(model, LateFusion):
            logits = {
                n: model.parts[f"of_{n}"]({n: x}).logits.log_softmax(1) for n, x in inputs.items()
            }
            return [
                np.asarray(sum(w[n] * found for n, found in logits.items()).argmax(1))
                for w in tried
            ]
        assert isinstance(model, MultimodalRecogniser)
        found = model(inputs).embeddings
        results = []
        for weights in tried:
            weigh(model, weights)
            results.append(np.asarray(model.head(model.fusion(found)).argmax(1)))
            weigh(model, {name: 1 / value for name, value in weights.items()})
        return results


def score(found: NDArray[np.int64], users: NDArray[np.int64]) -> float:
    """Accuracy, every user the same weight."""
    right = found == users
    return float(np.mean([right[users == user].mean() for user in np.unique(users)]))


def pairings_of(row: str) -> int:
    return FEW_PAIRINGS if row in ("anchors for InfoNCE", "margin as printed") else PAIRINGS


def measure(name: str, rows: tuple[str, ...] = ROWS) -> None:
    """Accuracy by row and pairing into .cache; what is there is not repeated."""
    one = load(name)
    for row in rows:
        kept = _kept(name, row)
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
    kept = CACHE / f"attack{_suffix(share)}-{name}-{row.replace(' ', '_')}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    one = load(name)
    pairing = Pairing.draw(one.sources, seed=0, most=USERS)
    model = system(one, pairing, row, json.loads(_kept(name, row).read_text())["weights"])
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


def _suffix(share: float) -> str:
    return "" if share == 1 else f"-{share:g}"


def _kept(name: str, row: str) -> Path:
    return CACHE / f"recognition-{name}-{row.replace(' ', '_')}.json"


def _mean(known: Mapping[str, Any]) -> float:
    return float(np.mean([np.mean(list(one.values())) for one in known["pairings"].values()]))


def by_person(known: Mapping[str, Any], seeds: set[str]) -> dict[str, float]:
    """Person of the scarcest source -> mean over the pairings he is in."""
    found: dict[str, list[float]] = {}
    for seed, people in known["pairings"].items():
        if seed in seeds:
            for person, value in people.items():
                found.setdefault(person, []).append(value)
    return {person: float(np.mean(values)) for person, values in found.items()}


def difference(row: Mapping[str, Any], full: Mapping[str, Any]) -> Interval:
    """Row less full, person by person, over the pairings that both have."""
    seeds = set(row["pairings"]) & set(full["pairings"])
    a, b = by_person(row, seeds), by_person(full, seeds)
    return bootstrap(np.array([a[person] - b[person] for person in sorted(a)]))


def figures(name: str) -> dict[str, Any]:
    """All that was measured of a set, row by row."""
    full = json.loads(_kept(name, "full").read_text())
    found: dict[str, Any] = {}
    for row in ROWS:
        if not _kept(name, row).exists():
            continue
        known = json.loads(_kept(name, row).read_text())
        means = [float(np.mean(list(one.values()))) for one in known["pairings"].values()]
        people = by_person(known, set(known["pairings"]))
        entry: dict[str, Any] = {
            "pairings": len(means),
            "accuracy": spread(bootstrap(np.array([people[one] for one in sorted(people)]))),
            "mean over pairings": float(np.mean(means)),
            "deviation over pairings": float(np.std(means, ddof=1)) if len(means) > 1 else 0.0,
            "weights": known["weights"],
        }
        if row != "full":
            entry["less full"] = spread(difference(known, full))
        for kind in (*(f"attack{_suffix(share)}" for share in SHARES), "rebuilt"):
            kept = CACHE / f"{kind}-{name}-{row.replace(' ', '_')}.json"
            if kept.exists():
                entry[kind] = json.loads(kept.read_text())
        found[row] = entry
    return found


def lines(name: str, found: Mapping[str, Any]) -> str:
    """The table of a set."""
    rows = []
    for row, entry in found.items():
        decoded = entry.get("rebuilt", {})
        attacked = [entry.get(f"attack{_suffix(share)}") for share in SHARES]
        re = "; ".join(
            f"{k} {v['RE'][0]:.3f} of {v['RE of the mean']:.3f}" for k, v in decoded.items()
        )
        again = "; ".join(
            f"{k} {v['re-identified'][0]:.2f} ({v['re-identified, originals']:.2f})"
            for k, v in decoded.items()
        )
        rows.append(
            [
                row,
                f"{percent(entry['accuracy'])} ±{100 * entry['deviation over pairings']:.1f}",
                percent(entry["less full"]) if "less full" in entry else "",
                re,
                again,
                *(
                    " / ".join(f"{100 * one[kind]:.0f}" if one else "" for one in attacked)
                    for kind in ("ARS", "ASR")
                ),
                " / ".join(
                    f"{100 * one['ASR among those right before'][0]:.0f}" if one else ""
                    for one in attacked
                ),
                entry["pairings"],
            ]
        )
    head = [
        "",
        "accuracy %, 95 % over people, ± over pairings",
        "less full, points",
        "RE, of RE of the mean",
        "re-identified (originals)",
        "ARS % at epsilon, 1/4, 1/16",
        "ASR %",
        "ASR % of those right before",
        "pairings",
    ]
    return f"## {TITLES[name]}\n\n" + table(head, rows)


def percent(found: list[float]) -> str:
    """Estimate and interval."""
    middle, low, high = (100 * value for value in found)
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def verdicts(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Whether each part helps, in words."""
    said = []
    rows = [row for row in ROWS if row != "full" and not row.endswith("alone")]
    for name, row in itertools.product(found, rows):
        if row in found[name]:
            change, most, least = (-100 * v for v in found[name][row]["less full"])
            word = "no difference shown"
            if least > 0:
                word = "the full system is better"
            if most < 0:
                word = "the full system is worse"
            said.append(
                f"{name}: full less '{row}' {change:+.1f} points [{least:.1f}, {most:.1f}]: {word}"
            )
    return said


def main() -> None:
    torch.set_num_threads(1)
    asked = sys.argv[1:]
    began = time.time()
    for name in [one for one in NAMES if one in asked] or ([] if asked else list(NAMES)):
        chosen = tuple(row for row in ROWS if row in asked) or ROWS
        measure(name, chosen)
        if "no-attacks" in asked:
            continue
        for row in chosen:
            for share in SHARES:
                attack(name, row, share)
            if row in ("full", "without VAE", "without ODConv"):
                rebuilt(name, row)
    if asked and "report" not in asked:
        return
    found = {name: figures(name) for name in NAMES if _kept(name, "full").exists()}
    for name, rows in found.items():
        print("\n" + lines(name, rows))
    print("\n" + "\n".join(verdicts(found)))
    print("\nwithin a budget: " + json.dumps(private()))
    print("\nvoice alone: " + json.dumps(voices()))
    entry = {
        "remark": CHIMERIC,
        "sets": found,
        "within a budget, a record the unit": private(),
        "voice alone, LFW set, by record": voices(),
        "verdicts": verdicts(found),
        "sessions": SESSIONS,
        "protocol": {
            "users of a pairing": USERS,
            "weights fitted on development pairings": DEVELOPMENT,
            "recipe": repr(RECIPE),
            "attack": f"PGD, {STEPS} steps on the margin, all modalities at once; gradients of "
            f"{AVERAGED} passes, majority of {ANSWERS} answers where random; {ATTACKED} records of "
            "the first pairing",
            "epsilon in spreads of a modality": EPSILON,
            "epsilon": {m.name: EPSILON * m.spread for m in load("orl").modalities},
            "shares of epsilon": SHARES,
            "reconstruction": "first pairing; attacker's people: background and development, 300 "
            "records at most a modality; 8 answers averaged",
        },
        "paper": PAPER,
        "seconds": time.time() - began,
    }
    write("recognition", entry, packages=("torch", "numpy"))


if __name__ == "__main__":
    main()
