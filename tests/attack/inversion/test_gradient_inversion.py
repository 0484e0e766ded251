# SPDX-License-Identifier: Apache-2.0
"""Gradients: plain ones give records away, clipping hides nothing, noise does, haste is flagged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_people import people, pictures
from torch import Tensor, nn

from polyveil.attack.examples import Examples
from polyveil.attack.inversion import reconstruction
from polyveil.attack.inversion.closed_form import first_layer, inputs_of, labels_of
from polyveil.attack.inversion.gradient import GradientInversion
from polyveil.attack.inversion.leaked import ClippedNoised, GradientSource
from polyveil.attack.inversion.matching import Search
from polyveil.attack.inversion.rebuilding import CLOSED, MATCHING
from polyveil.attack.result import AttackResult
from polyveil.errors import UsageError

KNOWN, VICTIMS = people(40, seed=1, classes=4), people(80, seed=2, classes=4)
QUICK = Search(steps=60, rate=0.2, smooth=0.0)
ATTACK = GradientInversion(
    known=pictures(KNOWN), victims=pictures(VICTIMS), batches=5, search=QUICK
)


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "PERMUTATIONS", 499)


def perceptron(size: int = 64, *, hidden: int = 96) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 4))


def convolutional() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.Sigmoid(), nn.Flatten(), nn.Linear(512, 4)
        )


class TwoInputs(nn.Module):
    """Both modalities in a row, or each through a layer of its own."""

    def __init__(self, *, early: bool) -> None:
        super().__init__()
        self.early = early
        self.first = nn.Linear(74 if early else 64, 32)
        self.second = nn.Linear(10, 32)
        self.last = nn.Linear(32, 4)

    def forward(self, image: Tensor, sound: Tensor) -> Tensor:
        if self.early:
            return self.last(torch.relu(self.first(torch.cat([image.flatten(1), sound], 1))))
        return self.last(torch.sigmoid(self.first(image.flatten(1)) + self.second(sound)))


def run(attack: GradientInversion, source: GradientSource) -> AttackResult:
    return attack.analyse(attack.attempt(source))


def guard(result: AttackResult, name: str) -> bool:
    return next(one.passed for one in result.guards if one.name.startswith(name))


def figure(result: AttackResult, name: str) -> float:
    return next(one.estimate for one in (result.headline, *result.measures) if one.name == name)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 39), st.sampled_from([None, ClippedNoised(0.01, 0.0)]))
def test_a_first_linear_layer_gives_its_input_to_the_last_digit(
    row: int, release: ClippedNoised | None
) -> None:
    """Clipping changes a gradient's length; a quotient does not notice."""
    source = GradientSource(perceptron(), release=release)
    one = pictures(KNOWN).at(slice(row, row + 1))
    leaked = source.leaked(one, torch.Generator())
    layer = first_layer(source, one.inputs)
    assert layer is not None and layer.names == ("image",)
    found = inputs_of(leaked, layer, 1)
    torch.testing.assert_close(found, one.inputs["image"].flatten(1), rtol=1e-4, atol=1e-4)


def test_neurons_of_one_record_give_records_of_a_batch() -> None:
    source = GradientSource(perceptron(hidden=512))
    batch = pictures(KNOWN).at(slice(0, 4))
    layer = first_layer(source, batch.inputs)
    assert layer is not None
    found = inputs_of(source.plain(batch.inputs, batch.labels), layer, 4)
    near = torch.cdist(found, batch.inputs["image"].flatten(1)).min(0).values
    assert int((near < 1e-2).sum()) >= 3


@pytest.mark.parametrize("records", [1, 2, 8])
def test_labels_are_read_off_the_last_bias(records: int) -> None:
    """Exactly for one record; for more, as far as the network is about as sure of each."""
    right = 0
    faint = Examples({"image": pictures(KNOWN).inputs["image"] / 5}, KNOWN.labels)
    for start in range(0, 24, records):
        batch = faint.at(slice(start, start + records))
        source = GradientSource(perceptron(), release=ClippedNoised(0.5, 0.0))
        chances = torch.softmax(source.outputs(faint.inputs), 1).mean(0)
        found = labels_of(source.plain(batch.inputs, batch.labels), chances, records)
        assert found is not None
        counts = [torch.bincount(one, minlength=4) for one in (found, batch.labels)]
        right += int(torch.minimum(*counts).sum())
    assert right >= (24 if records == 1 else 19)


def test_clipped_gradients_are_no_longer_than_promised() -> None:
    source = GradientSource(perceptron(), release=ClippedNoised(0.1, 0.0))
    sent = source.leaked(pictures(KNOWN).at(slice(0, 3)), torch.Generator())
    assert float(torch.sqrt(sum(one.square().sum() for one in sent))) <= 0.1 + 1e-6
    loose = GradientSource(perceptron(), release=ClippedNoised(1e6, 0.0))
    batch = pictures(KNOWN).at(slice(0, 3))
    for ours, plain in zip(
        loose.leaked(batch, torch.Generator()),
        source.plain(batch.inputs, batch.labels),
        strict=True,
    ):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("net", [perceptron, convolutional])
def test_a_plain_gradient_leaks(net: object) -> None:
    result = run(ATTACK, GradientSource(net()))  # type: ignore[operator]
    assert result.verdict == "leak demonstrated"
    assert figure(result, "R² of rebuilt image") > 0.8
    assert guard(result, "positive control") and guard(result, "null control")
    assert figure(result, "PSNR of rebuilt image") > 20


def test_noise_hides_what_clipping_does_not() -> None:
    clipped = GradientSource(perceptron(), release=ClippedNoised(1.0, 0.0))
    noised = GradientSource(perceptron(), release=ClippedNoised(1.0, 1.0))
    assert run(ATTACK, clipped).verdict == "leak demonstrated"
    result = run(ATTACK, noised)
    assert result.verdict != "leak demonstrated"
    assert guard(result, "works without the defence")
    assert -0.1 < figure(result, "R² of rebuilt image") < 0.05


def test_a_batch_leaks_whatever_its_order() -> None:
    result = run(replace(ATTACK, records=3, batches=3), GradientSource(perceptron(hidden=256)))
    assert result.verdict == "leak demonstrated"
    assert result.headline.baseline.get("chance", 3 / 80) == 3 / 80


def test_the_hasty_attacker_is_flagged() -> None:
    """Two steps rebuild nothing, and that says nothing for the defence."""
    hasty = replace(ATTACK, search=Search(steps=2, rate=1e-3), methods=(MATCHING,))
    result = run(hasty, GradientSource(convolutional(), release=ClippedNoised(1.0, 0.0)))
    assert not guard(result, "positive control")
    assert not guard(result, "works without the defence")
    assert result.verdict == "inconclusive"
    brisk = replace(hasty, search=Search(steps=2))
    result = run(brisk, GradientSource(convolutional(), release=ClippedNoised(1.0, 0.0)))
    assert not guard(result, "more effort changes nothing")


def test_a_split_that_both_sides_share_is_flagged() -> None:
    shared = replace(ATTACK, known=pictures(VICTIMS).at(slice(0, 40)))
    result = run(shared, GradientSource(perceptron()))
    assert not guard(result, "disjoint splits")
    assert result.verdict == "inconclusive"


@pytest.mark.parametrize("early", [True, False])
def test_a_network_of_two_inputs_gives_both_back(early: bool) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        source = GradientSource(TwoInputs(early=early))
    layer = first_layer(source, KNOWN.inputs)
    assert layer is not None
    assert layer.names == (("image", "sound") if early else ("image",))
    result = run(replace(ATTACK, known=KNOWN, victims=VICTIMS), source)
    assert figure(result, "R² of rebuilt image") > 0.9
    if early:
        assert figure(result, "R² of rebuilt sound") > 0.9


def test_closed_form_alone_needs_no_search() -> None:
    result = run(replace(ATTACK, methods=(CLOSED,)), GradientSource(perceptron()))
    assert figure(result, "R² of rebuilt image") > 0.999
    assert "more effort changes nothing" not in [one.name for one in result.guards]


def test_the_same_seed_gives_the_same_and_leaves_randomness_alone() -> None:
    before = torch.random.get_rng_state()
    source = GradientSource(perceptron(), release=ClippedNoised(1.0, 0.1))
    few = replace(ATTACK, batches=2, search=Search(steps=10))
    first, second = run(few, source), run(few, source)
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.headline == second.headline


def test_what_cannot_be_attacked_is_refused() -> None:
    with pytest.raises(UsageError, match="victims"):
        replace(ATTACK, records=20)
    with pytest.raises(UsageError, match="methods"):
        replace(ATTACK, methods=("guess",))
    with pytest.raises(UsageError, match="release"):
        run(ATTACK, GradientSource(perceptron(), release=lambda *_: [torch.zeros(1)]))
    no_bias = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, bias=False))
    with pytest.raises(UsageError, match="labels_known"):
        run(ATTACK, GradientSource(no_bias))
    frozen = perceptron().requires_grad_(False)
    with pytest.raises(UsageError, match="trainable"):
        GradientSource(frozen)


def test_given_labels_need_not_be_read_off() -> None:
    no_bias = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, bias=False))
    few = replace(ATTACK, labels_known=True, batches=2)
    result = run(few, GradientSource(no_bias))
    assert not any("labels" in one for one in result.notes)


def test_examples_of_one_modality_are_called_by_position() -> None:
    one = Examples({"picture": torch.rand(3, 1, 8, 8)}, torch.zeros(3, dtype=torch.int64))
    assert len(GradientSource(perceptron()).plain(one.inputs, one.labels)) == 4
