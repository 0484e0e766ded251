# SPDX-License-Identifier: Apache-2.0
"""A classifier of people shows them; an untrained one shows nobody; haste and blindness show."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_people import IMAGE, SOUND, TRAITS
from torch import Tensor, nn

from polyveil.attack.classifier import Classifier
from polyveil.attack.examples import Examples, Inputs
from polyveil.attack.inversion import reconstruction
from polyveil.attack.inversion.climb import Climb
from polyveil.attack.inversion.model import ModelInversion
from polyveil.attack.result import AttackResult
from polyveil.errors import UsageError

PEOPLE, EACH = 10, 6


def album(who: int, each: int, *, seed: int) -> Examples:
    """`each` records of `who` people: image (n, 1, 8, 8) and sound (n, 10)."""
    draw = torch.Generator().manual_seed(seed)
    traits = torch.randn(who, TRAITS, generator=draw).repeat_interleave(each, 0)
    traits = traits + 0.15 * torch.randn(traits.shape, generator=draw)
    inputs = {"image": (traits @ IMAGE).reshape(-1, 1, 8, 8), "sound": traits @ SOUND}
    return Examples(inputs, torch.arange(who).repeat_interleave(each))


class Namer(nn.Module):
    """Names people by picture and sound."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(74, 48), nn.GELU(), nn.Linear(48, PEOPLE))

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        return self.layers(torch.cat([image.flatten(1), sound], 1) / 3)


def namer(examples: Examples, steps: int, *, seed: int) -> Namer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Namer()
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(**examples.inputs), examples.labels).backward()
        optimiser.step()
    return net.eval()


ALL = album(PEOPLE, 2 * EACH, seed=4)
HALF = torch.arange(len(ALL)) % 2 == 0
SEEN, UNSEEN = ALL.at(HALF), ALL.at(~HALF)
ATTACK = ModelInversion(
    known=album(25, 4, seed=9), gallery=SEEN, trained_on=SEEN,
    plan=Climb(steps=60, rate=0.2, directions=8),
)  # fmt: skip


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "PERMUTATIONS", 499)


def run(attack: ModelInversion, steps: int = 80) -> AttackResult:
    return attack.analyse(attack.attempt(Classifier(namer(SEEN, steps, seed=0))))


def guard(result: AttackResult, name: str) -> bool:
    return next(one.passed for one in result.guards if one.name == name)


def test_a_classifier_of_people_shows_them() -> None:
    result = run(ATTACK)
    assert result.verdict == "leak demonstrated"
    assert all(one.passed for one in result.guards)
    assert result.array("image/rebuilt").shape == (PEOPLE, 1, 8, 8)
    found = result.array("recognised as") == torch.arange(PEOPLE).numpy()
    assert found.mean() >= 0.5
    assert any(one.name == "RE of rebuilt sound" for one in result.measures)


def test_a_recogniser_of_its_own_agrees() -> None:
    judge = namer(UNSEEN, 80, seed=1)

    def recogniser(inputs: Inputs) -> Tensor:
        return judge(**inputs).detach()

    result = run(replace(ATTACK, recogniser=recogniser, recogniser_trained_on=UNSEEN))
    assert result.verdict == "leak demonstrated"


def test_an_untrained_model_shows_nobody() -> None:
    assert run(ATTACK, steps=0).verdict != "leak demonstrated"


def test_a_search_of_one_step_is_flagged() -> None:
    result = run(replace(ATTACK, plan=replace(ATTACK.plan, steps=1, rate=1e-3)))
    assert not guard(result, "attacker converged")
    assert not guard(result, "positive control")
    assert result.verdict == "inconclusive"


def test_a_blind_recogniser_is_flagged() -> None:
    def blind(inputs: Inputs) -> Tensor:
        return torch.eye(PEOPLE)[torch.zeros(len(inputs["sound"]), dtype=torch.int64)]

    result = run(replace(ATTACK, recogniser=blind), steps=0)
    assert not guard(result, "recogniser")
    assert result.verdict == "inconclusive"


def test_an_attacker_who_holds_the_victims_is_flagged() -> None:
    result = run(replace(ATTACK, known=SEEN))
    assert not guard(result, "disjoint splits")
    assert result.verdict == "inconclusive"


def test_the_target_and_the_global_randomness_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    net = namer(SEEN, 20, seed=0)
    weights = [one.clone() for one in net.parameters()]
    target = Classifier(net)
    first = ATTACK.analyse(ATTACK.attempt(target))
    assert target.queries == first.effort.queries > 0
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.headline == ATTACK.analyse(ATTACK.attempt(target)).headline


def test_what_cannot_be_attacked_is_refused() -> None:
    with pytest.raises(UsageError, match="two classes"):
        replace(ATTACK, gallery=SEEN.at(slice(0, EACH)))
    with pytest.raises(UsageError, match="known"):
        replace(ATTACK, known=album(2, 2, seed=1))
