# SPDX-License-Identifier: Apache-2.0
"""EMO-DB as distributed: ten actors say ten sentences with seven emotions.

    wav/03a01Fa.wav     actor 03, sentence a01, emotion F (Freude), take a

One recording is the only source; its spectrogram and its prosody are two views of it, so that both
are missing or noisy together where the recording is. Recordings are tied, and held out, by actor.

Source: Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005
"""

from __future__ import annotations

import re
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.records.record import Record, Refused
from polyveil.tasks.data_sets.labelled_set import LabelledSet

EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
"""Letter in a recording's name -> its class."""

_NAME = re.compile(r"(\d{2})([ab]\d{2})([WLEAFTN])([a-z])?")
_SOUNDS = (".wav", ".flac")


def find_emo_db(root: Path) -> tuple[Path, ...]:
    """The folder of recordings: `root/wav`, or the folder itself; () where none is one of them."""
    folder = root / "wav" if (root / "wav").is_dir() else root
    if not folder.is_dir():
        return ()
    return (folder,) if any(_NAME.fullmatch(path.stem) for path in _sounds(folder)) else ()


def read_emo_db(root: Path) -> LabelledSet:
    """All recordings of a folder, or of its `wav/`; WAV or FLAC, hidden files passed over.

    Raises:
      UsageError: the folder holds no recording.
    """
    folder = root / "wav" if (root / "wav").is_dir() else root
    if not folder.is_dir():
        raise UsageError("EMO-DB: expected a folder with wav/, or of recordings.")
    records: list[Record] = []
    labels: list[str] = []
    refused: list[Refused] = []
    for at, path in enumerate(_sounds(folder)):
        name = f"recording {at}"
        found = _NAME.fullmatch(path.stem)
        if found is None:
            reason = "name: expected actor, sentence, emotion and take, such as 03a01Fa."
            refused.append(Refused(name, "UnreadableRecord", reason))
            continue
        records.append(Record(name, {"sentence": found[2]}, person=found[1], voice=path))
        labels.append(EMOTIONS[found[3]])
    actors = tuple(f"actor {record.person}" for record in records)
    return LabelledSet(
        "EMO-DB",
        tuple(records),
        tuple(labels),
        tuple(EMOTIONS.values()),
        tuple(frozenset({actor}) for actor in actors),
        actors,
        refused=tuple(refused),
    )


def _sounds(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SOUNDS and not path.name.startswith(".")
    )
