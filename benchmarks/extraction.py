# SPDX-License-Identifier: Apache-2.0
"""Claim: what a thief gains by asking a model is measured beside what his own labels give him, and
less of it is left where the service lets out less.

MNIST images of av_mnist: a CNN trained on 6,000 records is the target, 3,000 other training records
are the thief's, the 3,000 test records are judged on. Copies by 100, 300, 1,000 and 3,000 queries,
for each form of answer; surrogates on the thief's own labels of the same records beside them. The
thief's recipe was not tuned. Thieves that are weak on purpose must be flagged by a guard.

Results that are in the file are not repeated.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from _common import RESULTS, table, write
from _digits_cifar import digits
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.extraction import Answers, Extraction
from polyveil.attack.plain_training import PlainTraining, labels_only
from polyveil.attack.protocol import carry_out
from polyveil.attack.result import AttackResult
from polyveil.interval import Interval

CLAIM = "extraction"
MODALITY = "image"
FORMS = (
    Answers(),
    Answers("rounded", decimals=1),
    Answers("top-1"),
    Answers("label"),
)


def cnn() -> nn.Module:
    """Two convolutions and one linear layer, 29,000 parameters; (records, 1, 28, 28)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * 49, 10),
    )  # fmt: skip


def parts() -> tuple[Examples, Examples, Examples]:
    """The target's records, the thief's, and those that are judged on."""
    got = digits()
    order = torch.randperm(len(got.train_labels), generator=torch.Generator().manual_seed(1))
    train = Examples({MODALITY: got.train[order]}, got.train_labels[order])
    test = Examples({MODALITY: got.test}, got.test_labels)
    return train.at(slice(0, 6000)), train.at(slice(6000, 9000)), test


def main() -> None:
    """Every form of answer, then every weak version."""
    torch.set_num_threads(1)
    own, thief, test = parts()
    target = Classifier(PlainTraining(cnn, epochs=5)(own, 0))
    attack = Extraction(
        thief,
        test,
        PlainTraining(cnn, epochs=20, batch=32).fitted,
        trained_on=tuple(own.digests()),
    )
    file = RESULTS / f"{CLAIM}.json"
    known = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}
    known["accuracy of the target"] = float(target.correct(test).double().mean())
    for form in FORMS:
        found = known.setdefault("by form of answer", {})
        if form.name not in found:
            found[form.name] = told(carry_out(replace(attack, answers=form), target))
            write(CLAIM, known, packages=("polyveil", "torch"))
    if "weak versions" not in known:
        known["weak versions"] = weak_versions(attack, target, test)
        write(CLAIM, known, packages=("polyveil", "torch"))
    print(show(known, attack.budgets))


def show(known: dict[str, Any], budgets: tuple[int, ...]) -> str:
    """Agreement by budget, own labels' beside it, in %; weak versions below."""
    rows = [[form, *cells(found)] for form, found in known["by form of answer"].items()]
    sizes = [f"{size:,} queries" for size in budgets]
    header = ["what is let out", *sizes, "own labels", "transfer (own)", "verdict", "seconds"]
    weak = [list(one.values()) for one in known["weak versions"]]
    return "\n\n".join(
        [table(header, rows), table(["weak version", "flagged by", "verdict"], weak)]
    )


def cells(found: dict[str, Any]) -> list[str]:
    """One row: agreement by budget with its interval, own labels, transfer, verdict, time."""
    # The headline repeats one of the budgets, under the same name: file order is by budget.
    named = sorted(
        (int(name.split()[-2].replace(",", "")), one)
        for name, one in found["measures"].items()
        if name.startswith("agreement with")
    )
    agreeing = [one for _, one in named]
    (transfer,) = [one for name, one in found["measures"].items() if name.startswith("target errs")]
    own = " / ".join(f"{100 * one['beside']['without the target']:.1f}" for one in agreeing)
    moved = f"{transfer['estimate']:.2f} ({transfer['beside']['without the target']:.2f})"
    return [
        *(written(one) for one in agreeing),
        own,
        moved,
        found["verdict"],
        f"{found['seconds']:.0f}",
    ]


def written(one: dict[str, float]) -> str:
    """Per cent with its interval."""
    return f"{100 * one['estimate']:.1f} ({100 * one['low']:.1f} to {100 * one['high']:.1f})"


def told(result: AttackResult) -> dict[str, Any]:
    """The result as it goes into the file."""
    return {
        "sentence": result.sentence,
        "verdict": result.verdict,
        "p": result.p_value,
        "seconds": result.effort.seconds,
        "models": result.effort.models,
        "measures": {
            one.name: {
                "estimate": one.estimate,
                "low": one.value.low if isinstance(one.value, Interval) else None,
                "high": one.value.high if isinstance(one.value, Interval) else None,
                "beside": dict(one.baseline),
            }
            for one in result.measures
        },
        "guards": {one.name: [one.passed, one.sentence] for one in result.guards},
    }


def weak_versions(attack: Extraction, target: Classifier, test: Examples) -> list[dict[str, str]]:
    """Thieves that show nothing, by 1,000 queries."""
    quick = replace(attack, budgets=(1000,), step=0.0)
    lazy = PlainTraining(cnn, epochs=2, batch=512, rate=3e-4)
    deaf = labels_only(PlainTraining(cnn, epochs=1, rate=1e-6))
    versions = {
        "two-epoch surrogate": replace(quick, recipe=lazy.fitted),
        "thief who learns nothing": replace(quick, recipe=deaf),
        "thief who holds the test records": replace(quick, records=test),
        "thief who holds the training records": replace(
            quick, trained_on=(*attack.trained_on, *attack.records.digests()[:10])
        ),
    }
    found = []
    for name, version in versions.items():
        result = carry_out(version, target)
        failed = ", ".join(one.name for one in result.guards if not one.passed)
        found.append({"version": name, "flagged by": failed, "verdict": result.verdict})
    return found


if __name__ == "__main__":
    main()
