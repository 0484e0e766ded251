# SPDX-License-Identifier: Apache-2.0
"""Whatever the second search finds outside a stand-in is left over."""

from __future__ import annotations

import numpy as np

from polyveil.assess.leftover import covered, faces_left, mentions_left
from polyveil.records.finding import Box, Face, Kind, Mention

POINTS = np.array([[40, 40], [60, 40], [50, 52], [43, 62], [57, 62]], dtype=np.float32)
FACE = Face(Box(30, 20, 70, 75), POINTS, 0.9, "test")


def mention(start: int, end: int, kind: Kind = Kind.NAME) -> Mention:
    return Mention(("text",), start, end, kind, "x" * (end - start), "x", 1.0, "test")


def test_a_face_is_left_unless_its_middle_was_replaced() -> None:
    replaced = np.zeros((100, 100), bool)
    assert faces_left([FACE], replaced) == [FACE]
    replaced[:, :48] = True
    assert faces_left([FACE], replaced) == [FACE]
    replaced[30:70, 30:70] = True
    assert covered(FACE, replaced) == 1.0 and faces_left([FACE], replaced) == []


def test_a_mention_is_left_unless_it_touches_a_stand_in_of_the_same_text() -> None:
    stand_ins = [(("text",), 10, 15), (("notes", 0), 0, 99)]
    found = [mention(0, 9), mention(8, 11), mention(15, 18), mention(0, 3, Kind.EXPRESSION)]
    left = mentions_left(found, stand_ins, kept={Kind.EXPRESSION})
    assert left == [found[0], found[2]]
