# SPDX-License-Identifier: Apache-2.0
"""With the key stolen the attackers get what the scheme says they get, no less."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from synthetic_people import SCHEME, people, secret

from polyveil.errors import UsageError
from polyveil.recognize.inversion import (
    Stolen,
    _covariance,
    climb,
    informed,
    judge,
    least_squares,
)
from polyveil.recognize.scheme import Scheme
from polyveil.recognize.template import protect

COUNT = 60
FACES = people(COUNT, samples=3, dimension=64, seed=4)


def theft(index: int, sample: int, *, scheme: Scheme = SCHEME, enrolment: str = "e") -> Stolen:
    own = secret(str(index), enrolment=enrolment)
    return Stolen(protect(FACES[index, sample], own, scheme), own)


def cosine(attack: object, thefts: list[list[Stolen]]) -> float:
    found = [attack(one) @ FACES[index, 0] for index, one in enumerate(thefts)]  # type: ignore[operator]
    return float(np.mean(found))


@pytest.mark.parametrize("kept", [8, 16, 32, 64])
def test_the_share_of_kept_directions_bounds_what_comes_back(kept: int) -> None:
    scheme = Scheme(64, kept, 4)
    reached = cosine(least_squares, [[theft(i, 0, scheme=scheme)] for i in range(COUNT)])
    assert reached == pytest.approx(np.sqrt(kept / 64), abs=0.04)


def test_every_further_template_of_a_person_gives_more() -> None:
    one, two, four = (
        cosine(least_squares, [[theft(i, 0, enrolment=str(e)) for e in range(n)] for i in range(9)])
        for n in (1, 2, 4)
    )
    assert one < two < four
    assert four > 0.9


def test_knowing_people_helps_where_they_are_alike() -> None:
    """Embeddings in 16 of 64 directions: the informed attacker gets much more than sqrt(1/4)."""
    draw = np.random.default_rng(0)
    base = np.linalg.qr(draw.normal(size=(64, 16)))[0]
    crowd = draw.normal(size=(340, 16)) @ base.T
    crowd /= np.linalg.norm(crowd, axis=1, keepdims=True)
    scheme, guesses = Scheme(64, 16), []
    for index in range(40):
        own = secret(str(index))
        stolen = [Stolen(protect(crowd[index], own, scheme), own)]
        pair = informed(stolen, crowd[40:]), least_squares(stolen)
        guesses.append([guess @ crowd[index] for guess in pair])
    knowing, plain = np.mean(guesses, axis=0)
    assert plain == pytest.approx(np.sqrt(16 / 64), abs=0.06)
    assert knowing > plain + 0.25


def test_climbing_by_scores_alone_comes_close_to_least_squares() -> None:
    thefts = [[theft(i, 0)] for i in range(4)]
    climbed = cosine(partial(climb, seed=0, questions=2000), thefts)
    solved = cosine(least_squares, thefts)
    assert climbed > 0.9 * solved
    again = climb(thefts[0], seed=1, questions=50)
    assert (again == climb(thefts[0], seed=1, questions=50)).all()


def test_judged_at_every_door() -> None:
    """Always through the stolen template; through a renewed one less often; 1 if all is known."""
    thefts = [[theft(i, 0)] for i in range(COUNT)]
    renewed = [theft(i, 1, enrolment="new") for i in range(COUNT)]
    seen = judge(
        least_squares, FACES[:, 0], thefts, renewed, threshold=0.5, seed=0, plain_threshold=0.3
    )
    assert seen.passes_stolen.estimate == 1.0
    assert seen.passes_stolen.low < 1.0, "all of these people are not all people"
    assert seen.passes_renewed.estimate < 0.9
    assert seen.passes_plain is not None
    assert seen.passes_plain.estimate == 1.0
    assert seen.cosine.low < seen.cosine.estimate < seen.cosine.high
    truth = {id(one[0]): FACES[i, 0] for i, one in enumerate(thefts)}
    oracle = judge(
        lambda one: truth[id(one[0])], FACES[:, 0], thefts, renewed, threshold=0.5, seed=0
    )
    assert oracle.cosine.estimate == pytest.approx(1.0)
    assert oracle.passes_renewed.estimate > seen.passes_renewed.estimate
    assert oracle.passes_plain is None


def test_without_the_key_nothing_comes_back() -> None:
    """The harness notices a wrong secret: the template alone says nothing."""
    blind = [
        [Stolen(theft(i, 0).template, secret(str(i), enrolment="wrong"))] for i in range(COUNT)
    ]
    assert abs(cosine(least_squares, blind)) < 4 / np.sqrt(64 * COUNT)


def test_unfit_thefts_are_refused() -> None:
    with pytest.raises(UsageError, match="one scheme"):
        least_squares([])
    with pytest.raises(UsageError, match="one scheme"):
        least_squares([theft(0, 0), theft(0, 0, scheme=Scheme(64, 8))])
    with pytest.raises(UsageError, match="at least 2 background"):
        informed([theft(0, 0)], FACES[0, :1])
    with pytest.raises(UsageError, match="a person"):
        judge(least_squares, FACES[:2, 0], [[theft(0, 0)]], [theft(0, 1)], threshold=0.5, seed=0)


def test_the_attackers_covariance_is_sklearns() -> None:
    crowd = people(30, samples=1, dimension=12, seed=5)[:, 0] * np.arange(1, 13)
    assert np.allclose(_covariance(crowd), ledoit_wolf(crowd)[0])
    assert np.allclose(_covariance(np.ones((5, 3))), 0)
