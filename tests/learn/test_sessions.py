# SPDX-License-Identifier: Apache-2.0
"""A record as another session might have been: itself still, and a function of itself alone."""

from __future__ import annotations

import pytest
import torch

from polyveil.learn.sessions import LATER, as_another_session

SHAPES = {"face": (1, 20, 20), "voice": (1, 12, 40), "behaviour": (30, 4)}


def changed(kind: str, x: torch.Tensor, seed: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return as_another_session(kind, x)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_record_changes_and_no_other_record_has_a_part_in_it(kind: str) -> None:
    x = torch.rand(6, *SHAPES[kind])
    first = changed(kind, x, 1)
    assert first.shape == x.shape and torch.isfinite(first).all()
    assert not torch.equal(first, x) and torch.equal(first, changed(kind, x, 1))
    other = x.clone()
    other[3] = torch.rand(SHAPES[kind])
    same = changed(kind, other, 1)
    rows = torch.arange(6) != 3
    assert torch.equal(same[rows], first[rows]) and not torch.equal(same[3], first[3])


def test_a_face_stays_in_range_and_near_itself() -> None:
    face = torch.nn.functional.avg_pool2d(torch.rand(200, 1, 28, 28), 9, 1)  # smooth, as faces are
    moved = changed("face", face, 0)
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1
    assert float((moved - face).abs().mean()) < 0.15


def test_typing_begins_later_and_ends_in_zeros() -> None:
    trace = 1 + torch.arange(30.0)[None, :, None].repeat(50, 1, 2)
    late = changed("behaviour", trace, 0)
    by = (late[:, 0, 0] - 1).long()
    assert set(by.tolist()) <= set(range(LATER)) and len(set(by.tolist())) > 3
    for row, shift in zip(late, by.tolist(), strict=True):
        assert torch.equal(row[: 30 - shift], trace[0, shift:]) and not row[30 - shift :].any()


@pytest.mark.parametrize("kind", ["image", "text", ""])
def test_what_it_does_not_know_stays_as_it_is(kind: str) -> None:
    x = torch.rand(3, 5)
    assert as_another_session(kind, x) is x


def test_no_records_are_no_error() -> None:
    assert as_another_session("voice", torch.zeros(0, 1, 12, 40)).shape == (0, 1, 12, 40)
