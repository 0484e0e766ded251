# SPDX-License-Identifier: Apache-2.0
"""Embeddings: the open one leaks, the deaf one does not, and every weak attacker is flagged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from tiny_people import QUICK, TRAITS, joined, people, pictures
from torch import Tensor

from polyveil.attack.inversion import reconstruction
from polyveil.attack.inversion.decoder import Pairs, Ridge, Shape, Trained
from polyveil.attack.inversion.embedding import EmbeddingInversion
from polyveil.attack.inversion.encoder import Encoder
from polyveil.attack.inversion.network import Perceptron, Schedule
from polyveil.attack.result import AttackResult
from polyveil.errors import UsageError

WAY = torch.randn(74, TRAITS, generator=torch.Generator().manual_seed(2)) / 8
KNOWN, VICTIMS = people(150, seed=1), people(60, seed=2)
ATTACK = EmbeddingInversion(known=KNOWN, victims=VICTIMS, decoders=(Ridge(), QUICK))


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "PERMUTATIONS", 499)


def open_(inputs: dict[str, Tensor]) -> Tensor:
    return joined(inputs) @ WAY


def deaf(inputs: dict[str, Tensor]) -> Tensor:
    return torch.randn(len(joined(inputs)), TRAITS)


def noisy(inputs: dict[str, Tensor]) -> Tensor:
    clean = open_(inputs)
    return clean + 4 * torch.randn(clean.shape)


def run(attack: EmbeddingInversion, function: object = open_) -> AttackResult:
    return attack.analyse(attack.attempt(Encoder(function)))  # type: ignore[arg-type]


def guard(result: AttackResult, name: str) -> bool:
    return next(one.passed for one in result.guards if one.name.startswith(name))


def figure(result: AttackResult, name: str) -> float:
    return next(one.estimate for one in (result.headline, *result.measures) if one.name == name)


def test_an_open_embedding_gives_both_modalities_back() -> None:
    result = run(ATTACK)
    assert result.verdict == "leak demonstrated"
    assert all(one.passed for one in result.guards if "converged" not in one.name)
    assert figure(result, "R² of rebuilt image") > 0.9
    assert figure(result, "R² of rebuilt sound") > 0.9
    assert figure(result, "re-identified by rebuilt image, rank 1") > 0.9
    assert result.array("image/rebuilt").shape == (60, 1, 8, 8)
    assert result.exposed and "anonymous" not in result.sentence
    assert "Positive" not in result._repr_html_() and "positive control" in result._repr_html_()


def test_a_deaf_embedding_gives_nothing() -> None:
    result = run(ATTACK, deaf)
    assert result.verdict == "none detected"
    assert figure(result, "R² of rebuilt image") < 0.02


def test_chance_rarely_accuses() -> None:
    few = EmbeddingInversion(known=pictures(KNOWN), victims=pictures(VICTIMS), decoders=(Ridge(),))
    accused = [run(replace(few, seed=seed), deaf).shown for seed in range(12)]
    assert sum(accused) <= 2


def test_the_two_epoch_attacker_is_flagged() -> None:
    """A defended embedding must not look private because nobody tried."""
    hasty = Perceptron(width=8, schedule=Schedule(epochs=2, rate=1e-5))
    result = run(replace(ATTACK, decoders=(hasty,)))
    assert not guard(result, "attacker converged")
    assert not guard(result, "positive control")
    assert result.verdict == "inconclusive"


@dataclass(frozen=True)
class Garbage:
    """Converges at once, to something far worse than the mean."""

    name: str = "garbage"

    def suits(self, shape: Shape) -> bool:
        return True

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        far = held.original.abs().mean() * 9
        error = float((held.original - far).square().mean())
        return Trained(self.name, lambda seen: far.expand(len(seen), *known.shape), (error,), True)


def test_an_attacker_worse_than_the_mean_is_flagged() -> None:
    result = run(replace(ATTACK, decoders=(Garbage(),)))
    assert not guard(result, "attacker beats the mean")
    assert result.verdict == "inconclusive"


@dataclass(frozen=True)
class Cheat(Garbage):
    """Knows the victims and needs no embedding."""

    name: str = "cheat"

    def fit(self, known: Pairs, held: Pairs, *, seed: int) -> Trained:
        own = VICTIMS.inputs["image"]
        return Trained(self.name, lambda seen: own[: len(seen)], (0.0,), True)


def test_a_decoder_that_knows_the_victims_is_no_leak_of_the_embedding() -> None:
    attack = EmbeddingInversion(
        known=pictures(KNOWN), victims=pictures(VICTIMS), decoders=(Cheat(),)
    )
    result = run(attack, deaf)
    assert not guard(result, "null control")
    assert result.verdict == "inconclusive"


def test_a_split_that_both_sides_share_is_flagged() -> None:
    result = run(replace(ATTACK, known=KNOWN, victims=KNOWN.at(slice(0, 60))))
    assert not guard(result, "disjoint splits")
    assert result.verdict == "inconclusive"
    who = np.arange(150), np.arange(100, 160)
    result = run(replace(ATTACK, known_people=who[0], victim_people=who[1]))
    assert not guard(result, "disjoint people")
    assert result.verdict == "inconclusive"


def test_averaging_over_queries_brings_back_what_noise_hid() -> None:
    once, often = run(ATTACK, noisy), run(replace(ATTACK, repeats=16), noisy)
    single = figure(often, "R² of rebuilt image, one query a record")
    assert figure(often, "R² of rebuilt image") > single + 0.1
    assert single == pytest.approx(figure(once, "R² of rebuilt image"), abs=0.2)
    assert any("asked" in one or "ask again" in one for one in once.notes)


def test_what_the_labels_told_is_no_leak_of_the_embedding() -> None:
    known, victims = people(200, seed=1, classes=4), people(80, seed=2, classes=4)

    def only_class(inputs: dict[str, Tensor]) -> Tensor:
        rows = inputs["image"].flatten(1)
        all_ = {
            tuple(row.tolist()[:3]): int(label)
            for part in (known, victims)
            for row, label in zip(part.inputs["image"].flatten(1), part.labels, strict=True)
        }
        labels = torch.tensor([all_[tuple(row.tolist()[:3])] for row in rows])
        return torch.nn.functional.one_hot(labels, 4).float()  # fmt: skip

    attack = EmbeddingInversion(
        known=pictures(known), victims=pictures(victims), decoders=(Ridge(),)
    )
    assert run(attack, only_class).verdict == "leak demonstrated"
    assert run(replace(attack, labels_known=True), only_class).verdict == "none detected"


def test_people_are_recognised_by_other_records_of_theirs() -> None:
    one = people(30, seed=5)
    again = {
        name: values.repeat(2, *[1] * (values.ndim - 1)) + 0.05 * torch.randn(60, *values.shape[1:])
        for name, values in one.inputs.items()
    }
    victims = replace(one, inputs=again, labels=one.labels.repeat(2))
    who = np.tile(np.arange(30), 2) + 1000
    result = run(replace(ATTACK, victims=victims, victim_people=who, known_people=np.arange(150)))
    name = "person of rebuilt image recognised among other records, rank 1"
    measure = next(one for one in result.measures if one.name == name)
    assert measure.estimate > 0.9
    assert measure.baseline["chance"] == pytest.approx(1 / 59)


def test_a_recogniser_of_the_users_own_is_asked() -> None:
    asked = []

    def features(values: np.ndarray) -> np.ndarray:
        asked.append(len(values))
        return values.reshape(len(values), -1)[:, :20]

    run(replace(ATTACK, recognisers={"image": features}))
    assert asked


def test_the_same_seed_gives_the_same_and_leaves_randomness_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = run(ATTACK, noisy), run(ATTACK, noisy)
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.headline == second.headline and first.p_value == second.p_value


def test_what_cannot_be_attacked_is_refused() -> None:
    with pytest.raises(UsageError, match="modalities"):
        EmbeddingInversion(known=pictures(KNOWN), victims=VICTIMS)
    with pytest.raises(UsageError, match="one person a record"):
        replace(ATTACK, victim_people=np.arange(3))
    with pytest.raises(ValueError, match="victims"):
        replace(ATTACK, victims=VICTIMS.at(slice(5)))
    with pytest.raises(UsageError, match="not a finite number"):
        run(ATTACK, lambda inputs: joined(inputs) * torch.inf)
    with pytest.raises(UsageError, match="one each"):
        run(ATTACK, lambda inputs: joined(inputs)[:1])
