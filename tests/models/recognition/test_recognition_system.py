# SPDX-License-Identifier: Apache-2.0
"""The whole network: every switch, any subset, learning, and what private training says of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import pytest
import torch
from recognised_people import MODALITIES, people, recogniser
from torch import Tensor

from polyveil.errors import NotPrivate, UsageError
from polyveil.learn.private import PrivateTraining
from polyveil.models.odconv import ODConv
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition import MultimodalRecogniser
from polyveil.models.recognition.alignment import NO_GUARANTEE
from polyveil.models.recognition.config import NO_PRIVACY
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.vae import DETERMINISTIC

ALIGNED = ("info-nce", "anchors", "margin-as-printed", "none")
NAMES = tuple(one.name for one in MODALITIES)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("vae", "odconv", "align"), list(product([1, 0], [1, 0], ALIGNED)))
def test_every_switch_gives_a_network_whose_every_weight_learns(
    vae: int, odconv: int, align: str
) -> None:
    system = recogniser(vae=bool(vae), odconv=bool(odconv), alignment=align, kernels=2)
    inputs, who = people(2)
    losses = system.losses(inputs, who)
    for one in (losses.total, losses.identity, losses.alignment, losses.vae):
        assert one.shape == (8,) and one.isfinite().all()
    assert bool(losses.vae.any()) == bool(vae)
    if align != "margin-as-printed":  # that one may be met from the start
        assert bool(losses.alignment.any()) == (align != "none")
    assert any(isinstance(one, ODConv) for one in system.modules()) == bool(odconv)
    losses.total.sum().backward()
    assert all(one.grad is not None for one in system.parameters())
    torch.testing.assert_close(losses.total, losses.identity + losses.alignment + losses.vae)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_any_subset_is_recognised(size: int) -> None:
    system, (inputs, _) = recogniser().eval(), people(1)
    noise = system.noise(4, generator=torch.Generator().manual_seed(2))
    for names in combinations(NAMES, size):
        found = system({name: inputs[name] for name in names}, noise=noise)
        assert tuple(found.embeddings) == names
        mask = torch.tensor([[name in names for name in NAMES]]).expand(4, -1)
        masked = system(inputs, mask, noise)
        torch.testing.assert_close(found.fused, masked.fused)
        torch.testing.assert_close(found.logits, masked.logits)


@pytest.mark.parametrize("align", ALIGNED)
def test_what_stands_in_for_a_missing_modality_changes_nothing(align: str) -> None:
    system, (inputs, who) = recogniser(alignment=align), people(2)
    mask = random_subsets(8, 3, missing=0.5, generator=torch.Generator().manual_seed(1))
    noise = system.noise(8, generator=torch.Generator().manual_seed(2))
    gradients = []
    for filler in (0.0, float("nan")):
        filled = {}
        for (name, x), here in zip(inputs.items(), mask.T, strict=True):
            filled[name] = torch.where(here.reshape(-1, *(1,) * (x.dim() - 1)), x, filler)
        total = system.losses(filled, who, mask, noise).total
        assert total.isfinite().all()
        gradients.append(torch.autograd.grad(total.sum(), list(system.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


def test_the_recogniser_sees_nothing_but_the_code() -> None:
    system, (inputs, _) = recogniser().eval(), people(1)
    noise = system.noise(4, generator=torch.Generator().manual_seed(2))
    found = system(inputs, noise=noise)
    rebuilt = {
        name: system.projections[f"of_{name}"](system.encoders[f"of_{name}"](code))
        for name, code in found.codes.items()
    }
    torch.testing.assert_close(system.fusion(rebuilt), found.fused)
    assert all(found.codes[one.name][0].numel() < inputs[one.name][0].numel() for one in MODALITIES)


def test_codes_are_drawn_in_use_unless_the_configuration_says_otherwise() -> None:
    inputs, _ = people(1)
    sampling, fixed = recogniser().eval(), recogniser(deterministic=True).eval()
    assert sampling.samples and not torch.equal(sampling(inputs).fused, sampling(inputs).fused)
    assert not fixed.samples and torch.equal(fixed(inputs).fused, fixed(inputs).fused)
    assert fixed.train().samples


def test_remarks_say_what_gives_no_guarantee() -> None:
    assert recogniser(alignment="info-nce").config.remarks == (NO_GUARANTEE, NO_PRIVACY)
    assert recogniser(alignment="anchors").config.remarks == (NO_PRIVACY,)
    assert DETERMINISTIC in recogniser(deterministic=True).config.remarks
    assert recogniser(alignment="none", vae=False).config.remarks == ()


@pytest.mark.parametrize("align", ["info-nce", "anchors"])
def test_it_learns_and_modalities_of_a_person_meet(align: str) -> None:
    system, (inputs, who) = recogniser(alignment=align, vae_weight=0.1), people(6)
    rows = slice(0, 16)
    optimizer = torch.optim.Adam(system.parameters(), 0.01)
    draw = torch.Generator().manual_seed(0)
    training = {name: x[rows] for name, x in inputs.items()}
    for step in range(40):
        anneal(system, step / 3)
        mask = random_subsets(16, 3, missing=0.2, generator=draw)
        optimizer.zero_grad()
        system.losses(training, who[rows], mask).total.mean().backward()
        optimizer.step()
    found = system.eval()({name: x[16:] for name, x in inputs.items()})
    assert (found.logits.argmax(1) == who[16:]).float().mean() >= 0.75
    cosines = found.embeddings["face"] @ found.embeddings["voice"].T
    same = who[16:, None] == who[None, 16:]
    assert cosines[same].mean() > cosines[~same].mean() + 0.3


def private_training(system: MultimodalRecogniser, data: tuple[Tensor, ...]) -> PrivateTraining:
    return PrivateTraining(
        system,
        torch.optim.SGD(system.parameters(), 0.1),
        data,
        epsilon=8.0,
        batch_size=12,
        epochs=1,
        secret=bytes(32),
    )


def steps(private: PrivateTraining, system: MultimodalRecogniser) -> Iterator[None]:
    for *values, who, mask in private.batches(2):
        inputs = dict(zip(NAMES, values, strict=True))
        private.backward(system.losses(inputs, who, mask).total)
        yield


def records() -> tuple[Tensor, ...]:
    inputs, who = people(6)
    mask = random_subsets(24, 3, missing=0.3, generator=torch.Generator().manual_seed(1))
    return (*inputs.values(), who, mask)


@pytest.mark.parametrize("align", ["anchors", "none"])
def test_private_training_takes_the_network_as_it_is(align: str) -> None:
    system = recogniser(alignment=align, kernels=2)
    private = private_training(system, records())
    for _ in steps(private, system):
        assert all(one.grad is not None for one in system.parameters())
    guarantee = private.guarantee()
    assert guarantee is not None and guarantee.epsilon <= 8
    assert not private._attachment._fallbacks


@pytest.mark.parametrize("align", ["info-nce", "margin-as-printed"])
def test_private_training_refuses_losses_that_mix_records(align: str) -> None:
    system = recogniser(alignment=align)
    private = private_training(system, records())
    with pytest.raises(NotPrivate, match="depends on record"):
        list(steps(private, system))


@pytest.mark.parametrize("modalities", [MODALITIES[:1], MODALITIES[:2], MODALITIES[2:]])
def test_fewer_modalities_make_a_network_too(modalities: tuple) -> None:
    inputs, who = people(2, modalities=modalities)
    system = recogniser(modalities=modalities)
    assert system.losses(inputs, who).total.isfinite().all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"modalities": ()}, "modalities"),
        ({"modalities": (MODALITIES[0],) * 2}, "modalities"),
        ({"modalities": MODALITIES[:2], "alignment": "margin-as-printed"}, "alignment"),
        ({"alignment": "clip"}, "alignment"),
        ({"identities": 0}, "identities"),
        ({"vae_weight": -1.0}, "vae_weight"),
        ({"latent": 400}, "latent"),
        ({"widths": (5,)}, "widths"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(options: dict, named: str) -> None:
    with pytest.raises(UsageError, match=f"^{named}"):
        recogniser(**options)


def test_inputs_that_do_not_fit_are_refused_by_name() -> None:
    system, (inputs, who) = recogniser(), people(1)
    whole = torch.ones(4, 3, dtype=torch.bool)
    nothing = whole.clone()
    nothing[1] = False
    for call, named in (
        (lambda: system({}), "inputs: none"),
        (lambda: system({"gait": inputs["face"]}), "inputs: gait"),
        (lambda: system({**inputs, "voice": inputs["voice"][:2]}), "voice"),
        (lambda: system({"face": inputs["face"][..., :5]}), "face"),
        (lambda: system(inputs, whole.float()), "present"),
        (lambda: system(inputs, whole[:, :2]), "present"),
        (lambda: system(inputs, nothing), "present: a record without"),
        (lambda: system.losses(inputs, who + 1), "identities"),
        (lambda: system.losses(inputs, who[:2]), "identities"),
    ):
        with pytest.raises(UsageError, match=f"^{named}"):
            call()
