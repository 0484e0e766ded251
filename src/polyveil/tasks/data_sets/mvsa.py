# SPDX-License-Identifier: Apache-2.0
"""MVSA-Single and MVSA-Multiple as distributed: tweets with a picture and a feeling.

    data/1.jpg  data/1.txt  data/2.jpg ...
    labelResultAll.txt      ID <tab> text,image               one annotator (Single)
                            ID <tab> text,image <tab> ... x3  three annotators (Multiple)

Text and picture are labelled apart. As in the papers: of three annotators the majority counts, for
either; a tweet without one is left out; of positive and neutral, or negative and neutral, the one
that is not neutral is the tweet's; positive against negative is left out.

Tweets are tied and held out as `polyveil.tasks.data_sets.tweets` says.

Source: Niu et al., Sentiment Analysis on Multi-View Social Data, MMM 2016; curation: Xu & Mao,
MultiSentiNet, CIKM 2017, https://doi.org/10.1145/3132847.3133142
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.records.record import Record, Refused
from polyveil.records.regular_file import read_bytes
from polyveil.tasks.data_sets.labelled_set import LabelledSet
from polyveil.tasks.data_sets.tweets import CLASSES, tweets

LABELS = "labelResultAll.txt"
ANNOTATORS = {
    1: "MVSA-Single: each tweet was labelled by one annotator",
    3: "MVSA-Multiple: each tweet was labelled by three annotators; the majority counts",
}
"""How many -> what a table says of them."""

_LIMIT = 1 << 20
_LABELS_LIMIT = 16 << 20


def find_mvsa(root: Path) -> tuple[Path, ...]:
    """The folder, where it has this layout."""
    return (root,) if (root / LABELS).is_file() else ()


def read_mvsa(root: Path) -> LabelledSet:
    """The curated tweets of a folder; `row["text"]` and the picture are the modalities.

    Raises:
      UsageError: the folder has another layout, or no tweet is usable.
    """
    listing, data = root / LABELS, root / "data"
    if not listing.is_file() or not data.is_dir():
        raise UsageError(
            f"MVSA: expected a folder with {LABELS} and data/. Pass the folder that the archive "
            "of MVSA-Single or MVSA-Multiple unpacks to."
        )
    records: list[Record] = []
    labels: list[str] = []
    refused: list[Refused] = []
    annotators: set[int] = set()
    for at, line in enumerate(_text(listing, _LABELS_LIMIT).splitlines(), start=1):
        if not line.strip() or (at == 1 and line.split("\t")[0].strip().casefold() == "id"):
            continue
        name = f"{LABELS}:{at}"
        try:
            number, feeling, votes = _labelled(line)
            record = _record(name, data, number)
        except UnreadableRecord as error:
            refused.append(Refused(name, "UnreadableRecord", str(error)))
            continue
        records.append(record)
        labels.append(feeling)
        annotators.add(votes)
    remark = "labels of text and picture merged as in MultiSentiNet; contradictions left out"
    whose = tuple(ANNOTATORS[count] for count in sorted(annotators))
    return tweets("MVSA", records, labels, refused, (*whose, remark))


def merged(votes: Sequence[tuple[str, str]]) -> str | None:
    """The tweet's feeling from (text, picture) of each annotator; None where they contradict."""
    text, image = (_majority([vote[side] for vote in votes]) for side in (0, 1))
    if text is None or image is None or {text, image} == {"positive", "negative"}:
        return None
    return image if text == "neutral" else text


def _majority(votes: Sequence[str]) -> str | None:
    best, count = Counter(votes).most_common(1)[0]
    return best if 2 * count > len(votes) else None


def _labelled(line: str) -> tuple[int, str, int]:
    """(number, feeling, annotators)."""
    fields = line.split("\t")
    pairs = [part.casefold().split(",") for part in fields[1:] if part.strip()]
    votes = [tuple(word.strip() for word in pair) for pair in pairs]
    if (
        not fields[0].strip().isdigit()
        or len(votes) not in ANNOTATORS
        or any(len(vote) != 2 or not set(vote) <= set(CLASSES) for vote in votes)
    ):
        raise UnreadableRecord(
            "label: expected a number and one or three pairs text,image of "
            f"{', '.join(CLASSES)}, separated by tabs."
        )
    feeling = merged([(vote[0], vote[1]) for vote in votes])
    if feeling is None:
        raise UnreadableRecord("label: the annotators contradict each other, or text and picture.")
    return int(fields[0]), feeling, len(votes)


def _record(name: str, data: Path, number: int) -> Record:
    image = data / f"{number}.jpg"
    if not image.is_file():
        raise UnreadableRecord("image: there is none; expected data/ID.jpg.")
    text = _text(data / f"{number}.txt", _LIMIT).strip()
    return Record(name, {"text": text}, image, f"data/{number}.jpg")


def _text(path: Path, limit: int) -> str:
    """UTF-8, or GB 18030, or Latin-1: the archives mix them, tweet by tweet."""
    data = read_bytes(path, "text", limit=limit)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
