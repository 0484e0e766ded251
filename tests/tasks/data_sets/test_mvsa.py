# SPDX-License-Identifier: Apache-2.0
"""MVSA's layout, made up small: labels merged as in the papers, retweets and pictures tied."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from polyveil.errors import UsageError
from polyveil.records.perceptual_hash import NEAR
from polyveil.tasks.data_sets.mvsa import merged, read_mvsa
from polyveil.tasks.data_sets.near_pictures import near_pairs


def jpeg(seed: int, quality: int = 90) -> bytes:
    """A smooth random picture; another quality, other bytes."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def single(tmp_path: Path) -> Path:
    tweets = {
        1: ("RT @Anna: what a day", jpeg(1), "positive,positive"),
        2: ("thanks @anna!", jpeg(2), "neutral,negative"),
        3: ("so sad", jpeg(3), "positive,negative"),
        4: ("the same picture", jpeg(1), "neutral,neutral"),
        5: ("saved again", jpeg(5), "neutral,neutral"),
        6: ("saved smaller", jpeg(5, 60), "negative,neutral"),
        8: ("caf\u00e9 na\u00efve", jpeg(8), "positive,neutral"),
        11: ("SO SAD https://t.co/x", jpeg(11), "negative,neutral"),
        12: ("so sad http://t.co/y", jpeg(12), "negative,neutral"),
    }
    (tmp_path / "data").mkdir()
    lines = ["ID\ttext,image"]
    for number, (text, picture, label) in tweets.items():
        (tmp_path / "data" / f"{number}.jpg").write_bytes(picture)
        encoding = "latin-1" if number == 8 else "utf-8"
        (tmp_path / "data" / f"{number}.txt").write_bytes(text.encode(encoding))
        lines.append(f"{number}\t{label}")
    lines += ["7\tneutral,neutral", "9\tglad,neutral", "ten\tneutral,neutral", ""]
    (tmp_path / "labelResultAll.txt").write_text("\n".join(lines))
    return tmp_path


def test_single(single: Path) -> None:
    data = read_mvsa(single)
    assert data.remarks[0].startswith("MVSA-Single: ") and "-Multiple" not in str(data.remarks)
    numbers = [record.image_name for record in data.records]
    assert numbers == [f"data/{at}.jpg" for at in (1, 2, 4, 5, 6, 8, 11, 12)]
    feelings = ("positive", "negative", "neutral", "neutral", "negative", "positive")
    assert data.labels == (*feelings, "negative", "negative")
    reasons = [one.reason for one in data.refused]
    assert len(reasons) == 4
    assert "contradict" in reasons[0] and "there is none" in reasons[1]
    assert all("expected a number and one or three" in one for one in reasons[2:])


def test_author_and_pictures_tie(single: Path) -> None:
    tweets = read_mvsa(single)
    assert not tweets.ties[3] & tweets.ties[4]  # another file, the same look
    ties = tweets.with_near_pictures().ties
    assert ties[0] & ties[1] == {"handle anna"}
    assert any(tie.startswith("picture") for tie in ties[0] & ties[2])
    assert any(tie.startswith("like") for tie in ties[3] & ties[4])
    assert any(tie.startswith("words") for tie in ties[6] & ties[7])
    assert not ties[0] & ties[3]


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([("positive", "neutral")], "positive"),
        ([("neutral", "negative")], "negative"),
        ([("positive", "negative")], None),
        ([("positive", "neutral"), ("positive", "neutral"), ("negative", "positive")], "positive"),
        ([("positive", "neutral"), ("neutral", "neutral"), ("negative", "neutral")], None),
    ],
)
def test_votes(votes: list[tuple[str, str]], expected: str | None) -> None:
    assert merged(votes) == expected


def test_multiple(single: Path) -> None:
    votes = "positive,neutral\tpositive,positive\tneutral,positive"
    (single / "labelResultAll.txt").write_text(f"ID\ttext,image\n1\t{votes}\n")
    found = read_mvsa(single)
    assert found.labels == ("positive",) and found.remarks[0].startswith("MVSA-Multiple: ")


@pytest.mark.parametrize("head", ["", "\ufeffID\ttext,image\r\n", "id\ttext,image\ttext,image\n"])
def test_a_first_line_is_a_head_only_where_it_says_so(single: Path, head: str) -> None:
    lines = f"{head}1\tPositive, neutral\r\n2\tneutral,negative\r\n"
    (single / "labelResultAll.txt").write_bytes(lines.encode())
    found = read_mvsa(single)
    assert found.labels == ("positive", "negative") and not found.refused


def test_near_pairs_agree_with_a_loop() -> None:
    draw = np.random.default_rng(0)
    base = [int(one) for one in draw.integers(1, 2**63, 300)]
    hashes = [
        *base,
        0,
        0,
        *(one ^ 0b1011 for one in base[:5]),
        *(one ^ 0b1111 for one in base[5:9]),
    ]
    naive = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if hashes[i] and hashes[j] and (hashes[i] ^ hashes[j]).bit_count() <= NEAR
    ]
    assert sorted(near_pairs(hashes)) == naive and len(naive) == 5


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a folder with labelResultAll\.txt and data/"):
        read_mvsa(tmp_path)


def test_real_tweets_split_without_a_common_handle_or_picture(
    data: Callable[[str], Path], tmp_path: Path
) -> None:
    """The pack's tweets in MVSA's layout: the six retweeted pictures stay on one side."""
    import json

    pack = data("imgtext_mvsa") / "dev"
    (tmp_path / "data").mkdir()
    lines = ["ID\ttext,image"]
    for line in (pack / "pairs.jsonl").read_text("utf-8").splitlines()[:300]:
        row = json.loads(line)
        (tmp_path / "data" / f"{row['id']}.jpg").symlink_to(pack / row["image"])
        (tmp_path / "data" / f"{row['id']}.txt").write_text(row["text"], "utf-8")
        lines.append(f"{row['id']}\t{row['sentiment']},neutral")
    (tmp_path / "labelResultAll.txt").write_text("\n".join(lines))
    tweets = read_mvsa(tmp_path).with_near_pictures()
    assert len(tweets) == 300
    split = tweets.split(validation=0.2, test=0.2, seed=1)
    sides = [
        frozenset().union(*(tweets.ties[row] for row in part))
        for part in (split.train, split.validation, split.test)
    ]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
