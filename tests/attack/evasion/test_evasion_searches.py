# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from evasion_toys import BUDGETS, CLASSES, drawn, network, target
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.evasion import APGD, FGSM, PGD, Budget, RandomSearch, Search, perturb
from polyveil.attack.evasion.apgd import _checkpoints
from polyveil.attack.evasion.ascent import slope
from polyveil.attack.evasion.budget import kept
from polyveil.attack.evasion.loss import LOSSES
from polyveil.attack.examples import Examples

GOLDEN = Path(__file__).with_name("golden_peers.json")
SEARCHES: list[Search] = [
    FGSM(),
    FGSM("margin"),
    PGD(5),
    PGD(5, "margin", early_stop=False),
    PGD(5, "dlr", restarts=2),
    APGD(10),
    APGD(10, "dlr"),
    APGD(8, "targeted dlr", restarts=3),
    RandomSearch(20),
]


def rebuilt() -> tuple[nn.Module, Tensor, Tensor]:
    """As in benchmarks/evasion_golden.py, which made the golden values."""
    generator = torch.Generator().manual_seed(20)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 5))
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
    images = torch.rand((16, 1, 6, 6), generator=generator)
    return module.eval(), images, module(images).argmax(1).detach()


def ours(search: Search, seed: int = 7) -> Tensor:
    module, images, labels = rebuilt()
    budget = Budget("linf", 0.1, step=0.01)
    examples = Examples({"image": images}, labels)
    return perturb(search, Classifier(module), examples, {"image": budget}, seed=seed)["image"]


@pytest.mark.parametrize(("name", "search"), [("FGSM", FGSM()), ("PGD", PGD(20, early_stop=False))])
def test_golden_values_of_torchattacks(name: str, search: Search) -> None:
    kept_values = torch.tensor(json.loads(GOLDEN.read_text())[name])
    assert torch.allclose(ours(search).flatten(), kept_values, atol=1e-6)


def test_live_torchattacks_to_the_bit() -> None:
    torchattacks = pytest.importorskip("torchattacks")
    module, images, labels = rebuilt()
    with torch.random.fork_rng():
        torch.manual_seed(7)
        peer = torchattacks.PGD(module, eps=0.1, alpha=0.01, steps=20)(images, labels)
    assert torch.equal(ours(PGD(20, early_stop=False)), peer)
    assert torch.equal(ours(FGSM()), torchattacks.FGSM(module, eps=0.1)(images, labels))


def test_live_autoattack_within_noise() -> None:
    peers = pytest.importorskip("pyautoattack.autopgd_base")
    module, images, labels = rebuilt()
    budgets = {"image": Budget("linf", 0.08)}
    for short, loss in (("ce", "cross-entropy"), ("dlr", "dlr")):
        peer = peers.APGDAttack(module, n_iter=40, eps=0.08, loss=short, device="cpu", seed=0)
        with torch.random.fork_rng():
            theirs = module(peer.perturb(images, labels)).argmax(1) == labels
        examples = Examples({"image": images}, labels)
        made = perturb(APGD(40, loss), Classifier(module), examples, budgets)["image"]
        we = module(made).argmax(1) == labels
        assert abs(int(we.sum()) - int(theirs.sum())) <= 1


def test_two_inputs_climb_as_a_plain_loop_does() -> None:
    module, examples = network(), drawn(16, seed=3)
    made = perturb(
        PGD(6, random_start=False, early_stop=False), Classifier(module), examples, BUDGETS
    )
    point = {name: values.clone() for name, values in examples.inputs.items()}
    for _ in range(6):
        leaves = {name: values.detach().requires_grad_() for name, values in point.items()}
        loss = nn.functional.cross_entropy(module(**leaves), examples.labels, reduction="sum")
        loss.backward()
        for name, leaf in leaves.items():
            budget, origin = BUDGETS[name], examples.inputs[name]
            moved = leaf.detach() + 2.5 * budget.epsilon / 6 * leaf.grad.sign()
            moved = origin + (moved - origin).clamp(-budget.epsilon, budget.epsilon)
            point[name] = moved.clamp(0, 1)
    for name, values in point.items():
        assert torch.allclose(made[name], values, atol=1e-6)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.name)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_search_keeps_to_its_rules(search: Search, norm: str) -> None:
    """Within budget and box, the other modality untouched, nothing about the world changed."""
    module, examples = network(), drawn(20, seed=4)
    module.train()
    budgets = {"image": Budget(norm, 0.2)}
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in module.state_dict().items()}
    made = perturb(search, Classifier(module), examples, budgets, batch=8, seed=1)
    assert kept(budgets, made, examples.inputs).within
    assert torch.equal(made["sound"], examples.inputs["sound"])
    assert torch.equal(torch.get_rng_state(), before)
    assert module.training
    assert all(weight.requires_grad and weight.grad is None for weight in module.parameters())
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    again = perturb(search, Classifier(module), examples, budgets, batch=8, seed=1)
    assert torch.equal(made["image"], again["image"])


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.name)
def test_every_search_beats_doing_nothing(search: Search) -> None:
    victim, examples = target(), drawn(60, seed=5)
    budgets = {name: budget.scaled(3) for name, budget in BUDGETS.items()}
    made = Examples(perturb(search, victim, examples, budgets), examples.labels)
    least = 1 if isinstance(search, RandomSearch) else 20
    assert int(victim.correct(examples).sum()) - int(victim.correct(made).sum()) >= least


@pytest.mark.parametrize("loss", ["cross-entropy", "margin"])
def test_leaving_early_loses_nothing(loss: str) -> None:
    victim, examples = target(), drawn(80, seed=6)
    right = []
    for early in (True, False):
        search = PGD(10, loss, early_stop=early)  # type: ignore[arg-type]
        made = perturb(search, victim, examples, BUDGETS)
        right.append(int(victim.correct(Examples(made, examples.labels)).sum()))
    assert right[0] <= right[1]


def test_leaving_early_saves_queries() -> None:
    examples = drawn(40, seed=6)
    budgets = {name: budget.scaled(4) for name, budget in BUDGETS.items()}
    spent = []
    for early in (True, False):
        victim = target()
        perturb(PGD(10, early_stop=early), victim, examples, budgets)
        spent.append(victim.queries)
    assert spent[0] < spent[1] / 2


def test_more_restarts_are_never_worse() -> None:
    victim, examples = target(), drawn(80, seed=7)
    right = [
        int(
            victim.correct(
                Examples(perturb(PGD(4, restarts=r), victim, examples, BUDGETS), examples.labels)
            ).sum()
        )
        for r in (1, 4)
    ]
    assert right[1] <= right[0]


def test_gradients_of_a_random_model_are_means() -> None:
    victim, examples = target(sigma=0.5), drawn(8, seed=8)
    climbed = dict(examples.inputs)
    loss = LOSSES["margin"]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        mean = slope(victim, climbed, examples.labels, climbed, loss, averaging=3)
        torch.manual_seed(3)
        singles = [slope(victim, climbed, examples.labels, climbed, loss) for _ in range(3)]
    for name, gradient in mean.gradients.items():
        expected = sum(one.gradients[name] for one in singles) / 3
        assert torch.allclose(gradient, expected, atol=1e-6)
    assert torch.allclose(mean.losses, sum(one.losses for one in singles) / 3, atol=1e-6)


def test_a_modality_that_the_model_ignores_has_no_gradient() -> None:
    class Deaf(nn.Module):
        def forward(self, image: Tensor, sound: Tensor) -> Tensor:
            return image.flatten(1)[:, :CLASSES]

    examples = drawn(4, seed=9)
    here = slope(
        Classifier(Deaf()),
        examples.inputs,
        examples.labels,
        dict(examples.inputs),
        LOSSES["margin"],
    )
    assert not here.gradients["sound"].any()
    assert not here.flat().any()


def test_checkpoints_come_closer_as_published() -> None:
    assert _checkpoints(100) == {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    assert sum(_checkpoints(1).values()) == 1


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"loss": "hinge"}, {"restarts": 0}])
def test_odd_settings_are_refused(wrong: dict[str, object]) -> None:
    for kind in (PGD, APGD):
        with pytest.raises(ValueError, match="expected"):
            kind(**wrong)


def test_the_plain_job_does_not_import_the_peers() -> None:
    assert "foolbox" not in sys.modules
