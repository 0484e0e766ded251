# SPDX-License-Identifier: Apache-2.0
"""Who is attacked with what, and what may be concluded."""

from __future__ import annotations

import numpy as np

from polyveil.assess.reidentify import FEWEST
from polyveil.tasks.measure import Described, as_measures, as_threats, attack

RNG = np.random.default_rng(11)
PEOPLE = 60


def unit(count: int) -> np.ndarray:
    rows = RNG.normal(size=(count, 48))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def faces(pictures: int, leak: float) -> list[Described]:
    """People whose outputs hold `leak` of themselves; pictures of one person are alike."""
    selves = unit(PEOPLE)
    found = []
    for _ in range(pictures):
        shown = selves + 0.3 * unit(PEOPLE)
        for at in range(PEOPLE):
            after = leak * shown[at] + (1 - leak) * unit(1)[0]
            rows = np.stack([shown[at], shown[at], after]).astype(np.float16)
            found.append(Described(f"p{at}", rows))
    return found


def test_people_in_several_pictures_are_attacked_across_pictures() -> None:
    attacked = attack(faces(2, leak=0.0))
    assert attacked.other_pictures
    naive, trained = as_threats(attacked)
    assert naive.verdict != "leak demonstrated" and trained.verdict != "leak demonstrated"


def test_a_planted_leak_is_demonstrated() -> None:
    attacked = attack(faces(2, leak=0.9))
    assert {row.verdict for row in as_threats(attacked)} == {"leak demonstrated"}


def test_one_picture_a_person_is_an_upper_bound_and_fills_no_threat_row() -> None:
    attacked = attack(faces(1, leak=0.5))
    assert not attacked.other_pictures and list(as_threats(attacked)) == []
    assert all("upper bound" in measure.note for measure in as_measures(attacked))


def test_an_attacker_who_fails_on_originals_proves_nothing() -> None:
    blind = [Described(f"p{at % PEOPLE}", unit(3).astype(np.float16)) for at in range(2 * PEOPLE)]
    assert {row.verdict for row in as_threats(attack(blind))} <= {"inconclusive"}


def test_too_few_faces_are_not_attacked() -> None:
    assert attack(faces(1, leak=0.5)[: FEWEST - 1]).results == ()
