# SPDX-License-Identifier: Apache-2.0
"""Marks change what they name, nothing else, and nothing in place."""

from __future__ import annotations

import math

import pytest
import torch

from polyveil.attack.poisoning.trigger import Joint, Patch, Tone, plain_trigger, strength
from polyveil.errors import UsageError


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "image": torch.rand(4, 1, 14, 14, generator=draw),
        "sound": torch.randn(4, 40, generator=draw),
        "words": torch.arange(12).view(4, 3),
    }


def test_a_patch_writes_its_corner_and_leaves_the_rest(inputs):
    kept = inputs["image"].clone()
    marked = Patch("image", 3, 1.5)(inputs)
    assert torch.equal(inputs["image"], kept)
    assert bool((marked["image"][..., -3:, -3:] == 1.5).all())
    assert torch.equal(marked["image"][..., :-3, :], kept[..., :-3, :])
    assert torch.equal(marked["image"][..., :-3], kept[..., :-3])
    assert marked["sound"] is inputs["sound"]


def test_a_tone_adds_the_same_wave_to_every_record(inputs):
    kept = inputs["sound"].clone()
    added = Tone("sound", 0.5, 8.0)(inputs)["sound"] - kept
    assert torch.equal(inputs["sound"], kept)
    expected = [0.5 * math.sin(2 * math.pi * (t + 0.5) / 8) for t in range(40)]
    assert torch.allclose(added, torch.tensor(expected).expand(4, 40), atol=1e-6)


def test_the_mark_that_nobody_chose_suits_every_modality_and_skips_indices(inputs):
    trigger = plain_trigger(inputs)
    assert isinstance(trigger, Joint)
    assert [type(part) for part in trigger.parts] == [Patch, Tone]
    assert trigger.parts[0].size == 2
    marked = trigger(inputs)
    assert strength(inputs, marked) > 0.5
    assert marked["words"] is inputs["words"]
    assert isinstance(plain_trigger(inputs, ["sound"]), Tone)


def test_strength_is_that_of_the_record_that_is_moved_least(inputs):
    after = {**inputs, "sound": inputs["sound"].clone()}
    assert strength(inputs, after) == 0.0
    after["sound"][1:, 0] += 1.0
    assert strength(inputs, after) == 0.0
    after["sound"][0, 0] += 0.1
    assert strength(inputs, after) == pytest.approx(0.1 / float(inputs["sound"].std()), rel=1e-4)


@pytest.mark.parametrize(
    "trigger", [Patch("sound", 1, 1.0), Patch("face", 1, 1.0), Tone("words", 1.0, 2.0)]
)
def test_a_mark_that_does_not_suit_is_refused_with_what_there_is(trigger, inputs):
    with pytest.raises(UsageError, match=r"sound.*expected such an input"):
        trigger(inputs)


def test_indices_alone_carry_no_plain_mark(inputs):
    with pytest.raises(UsageError, match="trigger of your own"):
        plain_trigger({"words": inputs["words"]})
