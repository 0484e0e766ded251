# SPDX-License-Identifier: Apache-2.0
"""Centring: what it undoes, what it leaves alone, and that templates need it in a narrow cone."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_people import KEY, SCHEME, halves, people

from polyveil.errors import UsageError
from polyveil.recognize.centre import Centre
from polyveil.recognize.curves import det
from polyveil.recognize.scheme import Floats


def in_a_cone(rows: Floats, common: float = 6.0) -> Floats:
    """The same people with a shared direction of `common` lengths added."""
    shared = np.zeros(rows.shape[-1])
    shared[0] = common
    moved = rows + shared
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True))


def error(faces: Floats) -> float:
    """Equal error rate of protected templates, one enrolled and two probes a person."""
    split = halves(80)
    own = {name: int(name[1:]) for name in sorted(split.evaluation)}
    trials = split.protected_trials(
        "evaluation",
        {name: {"face": faces[i, 0]} for name, i in own.items()},
        {name: [{"face": faces[i, k]} for k in (1, 2)] for name, i in own.items()},
        key=KEY,
        schemes={"face": SCHEME},
    )
    return det(trials, trials.scores["face"]).equal_error()


def test_by_hand() -> None:
    centre = Centre.of(np.repeat([[3.0, 0.0], [0.0, 5.0]], 5, axis=0))
    assert centre.mean == pytest.approx([0.5, 0.5])
    assert centre.apply([2.0, 0.0]) == pytest.approx(np.array([[0.5, -0.5]]) * np.sqrt(2))


def test_a_narrow_cone_costs_templates_dearly_and_centring_undoes_it() -> None:
    faces = people(80, samples=3, alike=0.8, seed=3)
    narrow = in_a_cone(faces)
    centre = Centre.of(in_a_cone(people(200, samples=1, seed=4)[:, 0]))
    centred = centre.apply(narrow.reshape(-1, 64)).reshape(narrow.shape)
    assert error(narrow) > error(faces) + 0.1
    assert error(centred) < error(faces) + 0.03


def test_unfit_embeddings_are_refused() -> None:
    rows = people(12, samples=1)[:, 0]
    with pytest.raises(UsageError, match="at least 10 background"):
        Centre.of(rows[:9])
    centre = Centre.of(rows)
    with pytest.raises(UsageError, match="expected embeddings of 64 numbers, got 32"):
        centre.apply(rows[:, :32])
    same = Centre.of(np.eye(64)[[0] * 16])
    with pytest.raises(UsageError, match="not all zeros"):
        same.apply(np.eye(64)[0])
