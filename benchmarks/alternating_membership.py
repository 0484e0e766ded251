# SPDX-License-Identifier: Apache-2.0
"""Who was trained on, asked of alternating learning with and without privacy.

    python benchmarks/alternating_membership.py

AV-MNIST (chimeric: image and sound paired by digit), 600 members, 600 others, 600 of the same
population; shadow models are trained as the target was, noise and budget included. A target that
never saw the members is attacked alike.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from _common import table, write
from _multimodal_sets import parts
from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples
from polyveil.attack.membership import Candidates, Lira, Rmia, prepare, train_shadows, train_twin
from polyveil.attack.recipe import Recipe
from polyveil.interval import Interval
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal import Alternating, Budget, Options, train

EACH, MODELS = 600, 16
SETTINGS: dict[str, tuple[Options, float | None]] = {
    "no privacy": (Options(epochs=30, batch_size=64), None),
    "ε = 8": (Options(epochs=20, batch_size=200, optimizer="sgd", learning_rate=0.5), 8.0),
    "ε = 1": (Options(epochs=20, batch_size=200, optimizer="sgd", learning_rate=0.5), 1.0),
}


def recipe(options: Options, epsilon: float | None, classes: tuple[str, ...]) -> Recipe:
    """Alternating learning on whatever records it is given."""

    def learned(records: Examples, seed: int) -> nn.Module:
        inputs = {name: one.numpy() for name, one in records.inputs.items()}
        labels = records.labels.numpy()
        data = Multimodal(inputs, np.ones((len(labels), len(inputs)), bool), labels, classes)
        made = train(
            Alternating(),
            data,
            Options(**{**{n: getattr(options, n) for n in Options.__slots__}, "seed": seed}),
            budget=None if epsilon is None else Budget(epsilon=epsilon),
            network={"channels": (8, 16), "width": 32},
            secret=None if epsilon is None else seed.to_bytes(32, "big"),
        )
        return ByName(made.model)

    return learned


class ByName(nn.Module):
    """A classifier whose modalities are keyword arguments, as attacks call it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        return self.model(inputs)


def interval(value: Interval) -> str:
    """In per cent."""
    return f"{100 * value.estimate:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def main() -> None:
    """Attacks every setting and a target that never saw the members."""
    torch.set_num_threads(1)
    data = parts("av_mnist", 0).train
    order = np.random.default_rng(0).permutation(len(data))
    everyone = Examples(
        {name: torch.from_numpy(one[order]) for name, one in data.inputs.items()},
        torch.from_numpy(data.labels[order]),
    )
    members, others, population, elsewhere = (
        everyone.at(slice(at * EACH, (at + 1) * EACH)) for at in range(4)
    )
    candidates = Candidates(members, others, population)
    rows, figures = [], {}
    for name, (options, epsilon) in SETTINGS.items():
        how = recipe(options, epsilon, data.classes)
        shadows = train_shadows(how, candidates, MODELS, seed=1)
        # A private recipe would protect the control that must be caught.
        open_ = recipe(*SETTINGS["no privacy"], data.classes)
        twin = train_twin(open_, candidates, seed=2)
        study = prepare(candidates, shadows=shadows, twin=twin, key=b"benchmark")
        for saw, part in (("saw them", members), ("never saw them", elsewhere)):
            target = Classifier(how(part, 99))
            accuracy = [float(target.correct(one).double().mean()) for one in (part, others)]
            answers = study.ask(target)
            for attack in (Lira(study, side="online"), Rmia(study)):
                result = attack.analyse(attack.score(answers))
                named = {one.name: one for one in (result.headline, *result.measures)}
                found = {
                    key: named[key].value for key in ("members found at 1 % false alarms", "AUC")
                }
                failed = [guard.name for guard in result.guards if not guard.passed]
                figures[f"{name}, {saw}, {attack.name}"] = {
                    **{key: [v.estimate, v.low, v.high] for key, v in found.items()},
                    "accuracy, members and others": accuracy,
                    "verdict": result.verdict,
                    "failed guards": failed,
                }
                rows.append(
                    [
                        *(name, saw, attack.name),
                        *(interval(one) for one in found.values()),
                        f"{accuracy[0]:.3f}, {accuracy[1]:.3f}",
                        result.verdict,
                        ", ".join(failed) or "none",
                    ]
                )
                print(rows[-1], flush=True)
    head = ["privacy", "target", "attack", "TPR at 1 %", "AUC", "accuracy", "verdict", "failed"]
    print(table(head, rows))
    write("alternating_membership", figures, packages=("torch",))


if __name__ == "__main__":
    main()
