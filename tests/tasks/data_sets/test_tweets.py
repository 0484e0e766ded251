# SPDX-License-Identifier: Apache-2.0
"""Tweets as a folder of pictures and lines: ties, the one fact that holds a tweet out, refusals."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from small_sets import jpeg

from polyveil.errors import UsageError
from polyveil.tasks.data_sets.tweets import read_tweets, text_ties, unit


def write(root: Path, *rows: object) -> Path:
    (root / "images").mkdir(exist_ok=True)
    (root / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return root


def row(at: int, text: str, feeling: str = "positive", **more: object) -> dict[str, object]:
    return {"id": at, "image": f"images/{at}.jpg", "text": text, "sentiment": feeling, **more}


def test_ties_and_units(tmp_path: Path) -> None:
    texts = (
        "RT @Anna: what a day",
        "RT @anna: another",
        "thanks @anna!",
        "so sad http://t.co/y",
        "SO SAD",
        "moon",
    )
    write(tmp_path, *(row(at, text) for at, text in enumerate(texts)))
    for at in range(len(texts)):
        (tmp_path / f"images/{at}.jpg").write_bytes(jpeg(2 if at == 5 else at))
    found = read_tweets(tmp_path)
    assert found.ties[0] & found.ties[1] == found.ties[1] & found.ties[2] == {"handle anna"}
    assert not found.ties[3] & found.ties[0]
    assert {name.split()[0] for name in found.ties[2] & found.ties[5]} == {"picture"}
    assert found.units[0] == found.units[1] == "author anna" != found.units[2]
    assert found.units[2] == found.units[5] and len(set(found.units)) == 4


def test_the_same_words_tie_without_names_and_addresses() -> None:
    assert text_ties("SO SAD @bob https://t.co/x") - {"handle bob"} == text_ties(
        "so sad @eve http://t.co/y"
    ) - {"handle eve"}
    assert unit("so  SAD", "") == unit("so sad", "") != unit("so glad", "")
    assert unit("they said RT @anna: hi", "ff") == "picture ff"


def test_what_is_broken_is_refused_by_line(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(jpeg(0))
    root = tmp_path / "set"
    root.mkdir()
    rows = (
        row(0, "kept"),
        row(1, "no picture"),
        row(2, "glad", "happy"),
        {"id": 3, "image": "images/0.jpg", "sentiment": "neutral"},
        row(4, "outside", image="../outside.jpg"),
        {"id": 5, "text": "words alone", "sentiment": "neutral"},
        [],
    )
    write(root, *rows)
    (root / "images/0.jpg").write_bytes(jpeg(0))
    found = read_tweets(root)
    assert [one.row["text"] for one in found.records] == ["kept", "words alone"]
    assert found.records[1].image is None and found.units[1].startswith("words")
    assert [one.id for one in found.refused] == [f"pairs.jsonl:{at}" for at in (2, 3, 4, 5, 7)]
    said = " ".join(one.reason for one in found.refused)
    assert "happy" not in said and "outside.jpg" not in said


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pairs\.jsonl"):
        read_tweets(tmp_path)
    write(tmp_path)
    with pytest.raises(UsageError, match="no usable record"):
        read_tweets(tmp_path)


def test_what_units_leave_apart_in_real_tweets_is_as_said(data: Callable[[str], Path]) -> None:
    """The figures of the module's docstring; equal pictures always share a unit there."""
    from polyveil.tasks.data_sets import tweets

    found = read_tweets(data("imgtext_mvsa") / "dev").with_near_pictures()
    assert len(found) == 800 and not found.refused
    pairs, apart = Counter[str](), Counter[str]()
    for one, other in combinations(range(len(found)), 2):
        for kind in {tie.split()[0] for tie in found.ties[one] & found.ties[other]}:
            pairs[kind] += 1
            apart[kind] += found.units[one] != found.units[other]
    said = re.sub(r"\s+", " ", str(tweets.__doc__))
    assert f"none of {pairs['picture']} pairs of equal pictures" in said and not apart["picture"]
    assert f"{apart['like']} of {pairs['like']} that look alike" in said
    assert f"{apart['words']} of {pairs['words']} of the same words" in said
