# SPDX-License-Identifier: Apache-2.0
"""Records that lack a modality: what is not there is neither changed nor marked, and who lacks what
is part of the record."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from polyveil.attack.classifier import Classifier  # noqa: E402
from polyveil.attack.evasion import default_budgets, evaluate_by_modality  # noqa: E402
from polyveil.attack.evasion.attack import Evasion  # noqa: E402
from polyveil.attack.evasion.judge import under_noise  # noqa: E402
from polyveil.attack.evasion.pgd import PGD  # noqa: E402
from polyveil.attack.evasion.search import perturb  # noqa: E402
from polyveil.attack.examples import Examples  # noqa: E402
from polyveil.attack.missing import modalities, rows_there, there, where_there  # noqa: E402
from polyveil.attack.poisoning import Backdoor  # noqa: E402
from polyveil.attack.poisoning.trigger import plain_trigger  # noqa: E402


class Masked(nn.Module):
    """Two classes by the sum of what is there."""

    def forward(self, image: Tensor, sound: Tensor, has_image: Tensor, has_sound: Tensor) -> Tensor:
        told = image.flatten(1).mean(1) * has_image + sound.mean(1) * has_sound
        return torch.stack([-told, told], 1)


def drawn(count: int = 90, *, seed: int = 0) -> Examples:
    """A third has no picture, a third no sound; sounds are far from zero."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=draw)
    side = (2.0 * labels - 1).view(-1, 1)
    has_image, has_sound = torch.arange(count) % 3 > 0, torch.arange(count) % 3 < 2
    image = 0.4 * side.view(-1, 1, 1, 1) + 0.1 * torch.randn((count, 1, 8, 8), generator=draw)
    sound = 3.0 * side + torch.rand((count, 12), generator=draw)
    return Examples(
        {
            "image": image * has_image.view(-1, 1, 1, 1),
            "sound": sound * has_sound.view(-1, 1),
            "has_image": has_image,
            "has_sound": has_sound,
        },
        labels,
    )


def absent(examples: Examples, name: str) -> Tensor:
    has = there(examples.inputs, name)
    assert has is not None
    return ~has


def test_a_flag_is_a_boolean_beside_its_modality_and_nothing_else() -> None:
    inputs = drawn().inputs
    assert modalities(inputs) == ("image", "sound")
    other = {"sound": inputs["sound"], "has_image": inputs["has_image"], "has_sound": torch.ones(3)}
    assert modalities(other) == ("sound", "has_image", "has_sound")
    assert there(other, "sound") is None and rows_there(other, "sound") is other["sound"]
    assert where_there(other, "sound", torch.zeros(1)).shape == (1,)
    assert len(rows_there(inputs, "sound")) == 60


def test_digests_tell_a_record_that_lacks_a_modality_from_one_that_holds_zeros() -> None:
    examples = drawn()
    whole = {**examples.inputs, "has_sound": torch.ones(90, dtype=torch.bool)}
    pairs = zip(examples.digests(), Examples(whole, examples.labels).digests(), strict=True)
    assert [one != two for one, two in pairs] == absent(examples, "sound").tolist()


def test_budgets_come_from_what_is_there_and_nothing_else_is_changed() -> None:
    examples, target = drawn(), Classifier(Masked())
    budgets = default_budgets(examples.inputs)
    assert set(budgets) == {"image", "sound"}
    made = perturb(PGD(3), target, examples, budgets, seed=1)
    for name in ("image", "sound"):
        gone = absent(examples, name)
        assert torch.equal(made[name][gone], examples.inputs[name][gone])
        assert (made[name] != examples.inputs[name])[~gone].any()
        assert torch.equal(made[f"has_{name}"], examples.inputs[f"has_{name}"])
    under_noise(target, examples, budgets, draws=1)
    only = examples.at(absent(examples, "image"))
    assert set(default_budgets(only.inputs)) == {"sound"}


def test_a_modality_alone_is_attacked_where_it_is_and_all_of_them_everywhere() -> None:
    examples, target = drawn(), Classifier(Masked())
    budgets = default_budgets(examples.inputs, share=0.6)
    attack = Evasion(examples, budgets, (PGD(10), PGD(10, "margin")), keep=True)
    found = evaluate_by_modality(attack, target)
    assert found.joint.measures[0].value.n == 90
    assert [len(found.alone[name].array("right")) for name in budgets] == [60, 60]
    guards = {one.name: one for one in found.joint.guards}
    assert guards["box fits the data"].passed and guards["within budget and box"].passed
    assert guards["gradients do not vanish"].passed
    assert guards["joint is no weaker than one modality"].passed
    assert found.combined.estimate == pytest.approx(found.ars()["joint"].estimate)
    assert any("taken away" in one for one in found.joint.not_tested)
    noted = {one.name: one.note for one in found.joint.measures}
    assert noted["ARS, sound alone"] == "over the 60 records that have it"


def test_a_mark_falls_only_on_what_is_there() -> None:
    examples = drawn()
    trigger = plain_trigger(examples.inputs)
    marked = trigger(examples.inputs)
    for name in ("image", "sound"):
        gone = absent(examples, name)
        same = (marked[name] == examples.inputs[name]).flatten(1).all(1)
        assert torch.equal(same, gone)
    poison = Backdoor(trigger).poisoned(examples, examples, 0.1, seed=0)
    assert torch.equal(poison.examples.inputs["has_sound"], examples.inputs["has_sound"])
