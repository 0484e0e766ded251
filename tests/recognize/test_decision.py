# SPDX-License-Identifier: Apache-2.0
"""Decisions keep their stated rate, for any subset of modalities, on people never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_people import KEY, SCHEME, drawn, halves, names, people, protected

from polyveil.errors import UsageError
from polyveil.recognize.decision import (
    Decider,
    Identified,
    NotEnrolled,
    Rejected,
    Unknown,
    Verified,
)
from polyveil.recognize.gallery import Gallery
from polyveil.recognize.recognizer import Recognizer
from polyveil.recognize.scoring import Comparison

SPLIT = halves(60)
NAN = float("nan")


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider.fit(protected(SPLIT, "development"))


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory, decider: Decider) -> Recognizer:
    """Twenty evaluation people enrolled; ten more are strangers."""
    place: Path = tmp_path_factory.mktemp("gallery") / "gallery.db"
    gallery = Gallery(place, key=KEY, schemes={"face": SCHEME, "voice": SCHEME})
    for index in range(30, 50):
        gallery.enroll(f"p{index}", probe(index, 0))
    return Recognizer(gallery, decider, far=0.05)


FACE, VOICE = people(60, samples=4, seed=1), people(60, samples=4, seed=2)


def probe(index: int, sample: int) -> dict[str, np.ndarray]:
    return {"face": FACE[index, sample], "voice": VOICE[index, sample]}


def test_the_enrolled_are_identified_and_strangers_unknown(recognizer: Recognizer) -> None:
    right = wrong = alarms = 0
    for index in range(30, 60):
        found = recognizer.identify(probe(index, 1))
        assert found.far == 0.05
        if index >= 50:
            alarms += isinstance(found, Identified)
        elif isinstance(found, Identified):
            expected = recognizer.gallery.subject(f"p{index}")
            right += found.subject == expected
            wrong += found.subject != expected
            assert found.score > found.threshold.value
    assert right >= 19
    assert wrong == 0
    assert alarms <= 2


def test_verification_of_claims(recognizer: Recognizer) -> None:
    own = recognizer.verify("p31", probe(31, 2))
    assert isinstance(own, Verified)
    assert own.threshold.far == 0.05
    assert isinstance(recognizer.verify("p31", probe(32, 2)), Rejected)
    assert isinstance(recognizer.verify("p55", probe(55, 2)), NotEnrolled)
    assert isinstance(recognizer.verify("p31", {"voice": VOICE[31, 2]}), Verified)


def test_each_subset_has_a_threshold_of_its_own(decider: Decider) -> None:
    assert set(decider.strangers) == {("face",), ("voice",), ("face", "voice")}
    values = {present: one.for_pair(0.05).value for present, one in decider.strangers.items()}
    assert len(set(values.values())) == 3
    for strangers in decider.strangers.values():
        assert strangers.for_pair(0.01).value > strangers.for_pair(0.1).value
        large = strangers.for_search(0.2, gallery=2 * strangers.searches.others)
        small = strangers.for_search(0.2, gallery=2)
        assert large.value > small.value
        assert large.far == small.far == 0.2


def test_revoked_people_become_unknown(tmp_path: Path, decider: Decider) -> None:
    gallery = Gallery(tmp_path / "g.db", key=KEY, schemes={"face": SCHEME, "voice": SCHEME})
    recognizer = Recognizer(gallery, decider, far=0.05)
    nobody = recognizer.identify(probe(40, 1))
    assert nobody == Unknown(None, None, 0.05)
    gallery.enroll("p40", probe(40, 0))
    assert isinstance(recognizer.identify(probe(40, 1)), Identified)
    gallery.revoke("p40")
    assert isinstance(recognizer.identify(probe(40, 1)), Unknown)
    assert isinstance(recognizer.verify("p40", probe(40, 1)), NotEnrolled)


def test_subjects_with_different_modalities_share_the_rate(decider: Decider) -> None:
    comparison = Comparison(
        ("a", "b"), {"face": np.array([0.95, NAN]), "voice": np.array([NAN, -0.2])}
    )
    found = decider.identify(comparison, far=0.1)
    assert isinstance(found, Identified)
    assert found.subject == "a"
    assert found.threshold.modalities == ("face",)
    assert found.threshold.far == pytest.approx(0.05)
    assert found.far == 0.1


def test_the_stated_rate_holds_on_average() -> None:
    """Fresh strangers pass with at most the stated chance, over many development sets."""
    split = halves(40)
    rates, searches = [], []
    for seed in range(40):
        fitted = Decider.fit(drawn(split, "development", seed=2 * seed))
        strangers = fitted.strangers[("face",)]
        fresh = drawn(split, "evaluation", seed=2 * seed + 1)
        scores = fitted.fusion.fuse(fresh.scores)
        rates.append(np.mean(scores[~fresh.genuine] > strangers.for_pair(0.02).value))
        threshold = strangers.for_search(0.1, gallery=19)
        best = np.where(fresh.genuine, -np.inf, scores).reshape(-1, 20).max(axis=1)
        searches.append(np.mean(best > threshold.value))
    assert np.mean(rates) == pytest.approx(0.02, abs=0.004)
    assert 0.06 < np.mean(searches) < 0.115


def test_too_few_development_people_are_refused(decider: Decider) -> None:
    strangers = decider.strangers[("face",)]
    assert strangers.searches.count == 90
    with pytest.raises(UsageError, match="for a gallery of 29"):
        strangers.for_search(0.01, gallery=29)
    with pytest.raises(UsageError, match="Bring more development people"):
        strangers.for_pair(1e-5)
    with pytest.raises(UsageError, match="rate in"):
        strangers.for_pair(0.0)
    many = Comparison(tuple(names(4000)), {"face": np.zeros(4000), "voice": np.zeros(4000)})
    with pytest.raises(UsageError, match="gallery of 4000"):
        decider.identify(many, far=0.05)


def test_the_smallest_supported_rate_is_the_largest_score(decider: Decider) -> None:
    strangers = decider.strangers[("face", "voice")]
    count = len(strangers.pairs)
    threshold = strangers.for_pair(1 / (count + 1))
    assert threshold.value == strangers.pairs[-1]
    assert threshold.upper > threshold.far


def test_unfitted_modalities_are_refused(decider: Decider) -> None:
    with pytest.raises(UsageError, match="never fitted for gait"):
        decider.verify(Comparison(("a",), {"gait": np.array([0.9])}), "a", far=0.05)
    with pytest.raises(UsageError, match="0 < far < 1"):
        Recognizer(None, decider, far=1.0)  # type: ignore[arg-type]


def test_evaluation_people_never_reach_a_threshold() -> None:
    with pytest.raises(UsageError, match="expected development trials"):
        Decider.fit(protected(SPLIT, "evaluation"))
