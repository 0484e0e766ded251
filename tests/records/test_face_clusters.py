# SPDX-License-Identifier: Apache-2.0
"""Vectors of the same person share a key; two faces of one picture never do."""

from __future__ import annotations

import numpy as np

from polyveil.records.face_clusters import FaceClusters

RNG = np.random.default_rng(3)


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_people_are_told_apart_over_more_pictures_than_one_block_holds() -> None:
    people = [unit(RNG.normal(size=32)) for _ in range(1500)]
    clusters = FaceClusters(0.8)
    first = [clusters.keys([person])[0] for person in people]
    again = [clusters.keys([unit(p + 0.02 * RNG.normal(size=32))])[0] for p in people]
    assert first == again and len(set(first)) == len(people)


def test_two_faces_of_one_picture_are_two_people() -> None:
    clusters, face = FaceClusters(0.5), unit(np.ones(8))
    one, none, two = clusters.keys([face, None, face])
    assert none is None and one != two
    assert clusters.keys([face]) == [one]
