# SPDX-License-Identifier: Apache-2.0
"""A guarantee is refused when it makes no sense, comes back from JSON equal, and speaks plainly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.privacy import Guarantee
from polyveil.privacy.guarantee import ADD_OR_REMOVE, REPLACE, ZERO_OUT

texts = st.lists(st.text(min_size=1), max_size=3).map(tuple)


@given(
    st.floats(0, 1e3),
    st.floats(0, 0.5),
    st.sampled_from([ADD_OR_REMOVE, REPLACE, ZERO_OUT]),
    texts,
    texts,
)
def test_json_comes_back_equal(
    epsilon: float, delta: float, neighbours: str, covers: Any, rest: Any
) -> None:
    given_one = Guarantee(epsilon, delta, "person", neighbours, covers, rest)
    assert Guarantee.from_json(json.loads(json.dumps(given_one.to_json()))) == given_one


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"epsilon": -1.0}, "epsilon"),
        ({"epsilon": float("inf")}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"delta": 1.0}, "delta"),
        ({"delta": -1e-9}, "delta"),
        ({"unit": " "}, "unit"),
        ({"neighbours": "cousins"}, "neighbours"),
    ],
)
def test_nonsense_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"expected.*{named}"):
        Guarantee(**{"epsilon": 1.0, "delta": 1e-5, **values})


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"epsilon": 1.0},
        {"epsilon": "1", "delta": 0.1},
        {"epsilon": True, "delta": 0.1},
        {"epsilon": 1.0, "delta": 0.1, "covers": "weights"},
        {"epsilon": 1.0, "delta": 2.0},
    ],
)
def test_foreign_json_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="guarantee: expected"):
        Guarantee.from_json(wrong)


def test_the_sentence_says_what_holds_and_what_does_not() -> None:
    said = Guarantee(
        1.0, 1e-5, "person", covers=("the weights",), not_covered=("losses", "the size of a batch")
    ).sentence
    for part in (
        "ε = 1, δ = 1e-05",
        "let one person be added or removed",
        "at most 2.718-fold, plus 1e-05",
        "This covers the weights.",
        "It does not cover losses and the size of a batch.",
    ):
        assert part in said
    assert "promises little" in Guarantee(50.0, 1e-5).sentence
    assert "one person" in Guarantee(1.0, 0.0, "one person").sentence
