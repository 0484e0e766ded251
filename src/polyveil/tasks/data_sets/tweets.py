# SPDX-License-Identifier: Apache-2.0
"""Tweets with a picture and a feeling: pictures in a folder, the rest in one file of lines.

    pairs.jsonl    {"id": 7, "image": "images/7.jpg", "text": "RT @anna: ...", "sentiment": "..."}
    images/7.jpg

Tweets are tied by their picture byte by byte, by their words without names and addresses, and by
every @handle in them, so that an author who is retweeted is on one side of a table's split;
`LabelledSet.with_near_pictures` adds pictures that look alike.

A training that promises something about one record holds a tweet out with ONE fact of that tweet:

| The tweet                      | Is held out with           |
|--------------------------------|----------------------------|
| begins "RT @anna:"             | everyone's retweets of her |
| any other, with a picture      | that picture, byte by byte |
| without one that can be read   | the same words             |

What that does not keep apart: a picture that was saved again, the same words under another
picture, an author who is only mentioned, a tweet and a retweet of it that names somebody. Of 800
tweets, none of 6 pairs of equal pictures, 2 of 8 that look alike and 10 of 14 of the same words
could come into two parts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs.text import tokens
from polyveil.records import jsonl
from polyveil.records.record import Record, Refused
from polyveil.records.walk import inside
from polyveil.tasks.data_sets.labelled_set import LabelledSet
from polyveil.tasks.data_sets.near_pictures import digest

CLASSES = ("negative", "neutral", "positive")
PAIRS = "pairs.jsonl"

_HANDLE = re.compile(r"(?<!\w)@(\w+)")
_RETWEET = re.compile(r"\s*RT @(\w+)")


def find_tweets(root: Path) -> tuple[Path, ...]:
    """The folder, where it has this layout."""
    return (root,) if (root / PAIRS).is_file() else ()


def read_tweets(root: Path) -> LabelledSet:
    """The tweets of a folder; `row["text"]` and the picture are the modalities.

    Raises:
      UsageError: the folder has another layout, or no tweet is usable.
    """
    if not find_tweets(root):
        raise UsageError(f"tweets: expected a folder with {PAIRS} and the pictures that it names.")
    records: list[Record] = []
    labels: list[str] = []
    refused: list[Refused] = []
    top = root.resolve()
    with (root / PAIRS).open("rb") as file:
        for at, line in jsonl.lines(file):
            name = f"{PAIRS}:{at}"
            try:
                record, feeling = _record(name, line, top)
            except UnreadableRecord as error:
                refused.append(Refused(name, "UnreadableRecord", str(error)))
                continue
            records.append(record)
            labels.append(feeling)
    return tweets("tweets", records, labels, refused)


def tweets(
    name: str,
    records: Sequence[Record],
    labels: Sequence[str],
    refused: Sequence[Refused],
    remarks: tuple[str, ...] = (),
) -> LabelledSet:
    """The set of these tweets, tied by what each of them states."""
    pictures = [digest(record) for record in records]
    ties, units = [], []
    for record, picture in zip(records, pictures, strict=True):
        text = str(record.row["text"])
        ties.append(text_ties(text) | ({f"picture {picture}"} if picture else set()))
        units.append(unit(text, picture))
    return LabelledSet(
        name,
        tuple(records),
        tuple(labels),
        CLASSES,
        tuple(ties),
        tuple(units),
        refused=tuple(refused),
        remarks=remarks,
    )


def text_ties(text: str) -> frozenset[str]:
    """Ties by the people that a tweet names, and by its words without names and addresses."""
    people = {f"handle {name.casefold()}" for name in _HANDLE.findall(text)}
    words = _words(text)
    return frozenset(people | ({words} if words else set()))


def unit(text: str, picture: str) -> str:
    """The one fact of a tweet that it is held out with; see above.

    Args:
      text: of the tweet.
      picture: digest of its picture, "" without one.
    """
    if found := _RETWEET.match(text):
        return f"author {found[1].casefold()}"
    return f"picture {picture}" if picture else _words(text)


def _words(text: str) -> str:
    said = " ".join(tokens(text))
    return f"words {hashlib.sha256(said.encode()).hexdigest()}" if said else ""


def _record(name: str, line: bytes | None, top: Path) -> tuple[Record, str]:
    row = jsonl.parse(line)
    image, text, feeling = (row.get(key) for key in ("image", "text", "sentiment"))
    if not isinstance(text, str):
        raise UnreadableRecord("text: none; expected one.")
    if feeling not in CLASSES:
        raise UnreadableRecord(f"sentiment: none of {', '.join(CLASSES)}; expected one of them.")
    if image is None:
        return Record(name, {"text": text}), str(feeling)
    path = inside(top, top / image) if isinstance(image, str) and "\0" not in image else None
    if path is None or not path.is_file():
        raise UnreadableRecord(
            "image: the picture is missing or lies outside; expected a file in the data set."
        )
    return Record(name, {"text": text}, path, str(image)), str(feeling)
