# SPDX-License-Identifier: Apache-2.0
"""Original records and what was released of them as a target: who is still found in the release?"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from polyveil.attack.people import names, recognition, text_to_face
from polyveil.attack.people.battery import attack_pair, least_seconds
from polyveil.attack.people.pair import FolderPair
from polyveil.attack.people.recogniser import LocalPatterns, OnnxRecogniser, Plugged, Recogniser
from polyveil.attack.people.threats import DISCLOSED
from polyveil.attack.threat import Threat
from polyveil.detect import embedder
from polyveil.privacy.ledger import content_hash
from polyveil.records.record import Refused
from polyveil.report.audit import System, Untested
from polyveil.report.facts import Refusals, RefusedExample
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found
from polyveil.tasks.auditing.prepared import Prepared

_EXAMPLES = 20
_THREATS: tuple[Threat, ...] = (
    names.THREAT,
    recognition.NAIVE,
    recognition.TRAINED,
    text_to_face.THREAT,
)
_DISCLOSED = (
    "backgrounds and sentences are kept, and a person has one stand-in in all records, on purpose."
)
NOT_TESTED = (
    "People who know the people: clothes, hair, body, place and occasion may stay as they were.",
    "Recognisers that are stronger than the one that is named with each figure.",
    "Text inside pictures, voice, behaviour, video and DICOM.",
)


def prepare_folders(
    original: Path, released: Path, *, recogniser: Path | None, seed: int
) -> Prepared:
    """The target.

    Args:
      recogniser: a network of ArcFace's layout, beside the one that comes along; None for no more.

    Raises:
      UsageError: a folder cannot be read, or none of the records belong together.
    """
    pair = FolderPair.of(original, released)
    recognisers = _recognisers(recogniser)

    def run(seconds: float) -> Found:
        found = attack_pair(pair, recognisers=recognisers, seconds=seconds, seed=seed)
        unread = found.observations.refused[len(pair.broken) :]
        return Found(
            found.results,
            untested=tuple(Untested(threat, reason) for threat, reason in found.untried),
            refusals=as_refusals(unread),
        )

    def least() -> float:
        return least_seconds(pair, recognisers=len(recognisers))

    step = Step("released records", _THREATS, 1.0, least, run)
    return Prepared(
        system=_system(pair),
        steps=(step,),
        fingerprint=_fingerprint(original, released, recognisers),
        disclosed=dict.fromkeys(sorted(DISCLOSED), _DISCLOSED),
        refusals=as_refusals(pair.broken),
        warnings=_warnings(pair),
        not_tested=NOT_TESTED,
        uses_weights=True,
    )


def as_refusals(refused: Iterable[Refused]) -> tuple[Refusals, ...]:
    """By kind, the first few as examples."""
    listed = list(refused)
    return tuple(
        Refusals(
            kind,
            count,
            tuple(RefusedExample(one.id, one.reason) for one in listed if one.kind == kind)[
                :_EXAMPLES
            ],
        )
        for kind, count in Counter(one.kind for one in listed).most_common()
    )


def _recognisers(file: Path | None) -> tuple[Recogniser, ...]:
    """The weak one that comes along, those that are installed, and the one that is named."""
    named = () if file is None else (OnnxRecogniser(file),)
    return (LocalPatterns(), *(Plugged(one) for one in embedder.discover()), *named)


def _fingerprint(original: Path, released: Path, recognisers: Iterable[Recogniser]) -> str:
    names = " ".join(one.name for one in recognisers)
    text = f"{content_hash(original)} {content_hash(released)} {names}"
    return hashlib.sha256(text.encode()).hexdigest()


def _system(pair: FolderPair) -> System:
    paired = ", ".join(f"{count:,} by {way}" for way, count in pair.how.items())
    return System(
        kind="original and released folder",
        description=f"{len(pair.links):,} released records beside the originals that they were "
        "made from.",
        data_subjects="the people in the originals"
        + ("" if pair.labelled else "; who is who the originals do not say (column person)"),
        release_form="pictures and texts",
        facts={"pairs": len(pair.links), "told": paired, "originals unpaired": pair.unpaired},
    )


def _warnings(pair: FolderPair) -> tuple[str, ...]:
    if pair.labelled:
        return ()
    return (
        "The originals do not say who is shown (column person), so that every record counts as a "
        "person and an attacker is given the very same picture: figures are upper bounds.",
    )
