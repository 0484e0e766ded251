# SPDX-License-Identifier: Apache-2.0
"""All attacks on a pair of folders, in the time there is: read once, then attack what was read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from polyveil.attack.people.consistency import RecordLinkage
from polyveil.attack.people.context import SourceMatch
from polyveil.attack.people.names import NameGuessing
from polyveil.attack.people.observation import MOST, Observations, observe
from polyveil.attack.people.pair import FolderPair
from polyveil.attack.people.real_faces import RealFaces
from polyveil.attack.people.recogniser import LocalPatterns, Recogniser
from polyveil.attack.people.recognition import Recognition, TrainedRecognition
from polyveil.attack.people.singling_out import SinglingOut
from polyveil.attack.people.stand_in_names import StandInGuessing
from polyveil.attack.people.text_to_face import TextToFace
from polyveil.attack.people.threats import UNTRIED as UNTRIED
from polyveil.attack.protocol import Attack, carry_out
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError

_READING = 0.75
_LEAST_RECORDS = 60


@dataclass(frozen=True, slots=True)
class Audited:
    """What all attackers on a pair of folders reached.

    Attributes:
      observations: what they saw; secret.
      results: attacks that were carried out; of one recogniser after the other.
      untried: threats of attacks that could not be, and why.
    """

    observations: Observations
    results: tuple[AttackResult, ...]
    untried: tuple[tuple[Threat, str], ...]


def least_seconds(pair: FolderPair, *, recognisers: int = 1) -> float:
    """About how long reading enough records for any figure takes, and attacking them."""
    return 3.0 + recognisers * (2.0 + 0.15 * min(len(pair.links), _LEAST_RECORDS))


def attack_pair(
    pair: FolderPair,
    *,
    recognisers: Sequence[Recogniser] = (LocalPatterns(),),
    seconds: float | None = None,
    most: int = MOST,
    on_progress: Callable[[int, int], None] | None = None,
    each: Callable[..., Iterable[Any]] = map,
    seed: int = 0,
) -> Audited:
    """Read a pair of folders and carry out every attack that fits it.

    Args:
      pair: which records belong together.
      recognisers: each gives a naive and a trained attacker; the strongest one counts.
      seconds: three quarters of it, at most, go into reading.
      most: records at most.
      on_progress: hears (records read, of how many).
      each: see `observe`.
      seed: of every choice; equal seeds, equal results.
    """
    started = time.monotonic()
    limit = None if seconds is None else _READING * seconds
    seen = observe(
        pair, recognisers=recognisers, most=most, seconds=limit, on_progress=on_progress,
        each=each, seed=seed,
    )  # fmt: skip
    results: list[AttackResult] = []
    untried: list[tuple[Threat, str]] = []
    for threat, attack in attacks(len(recognisers), seed=seed):
        if seconds is not None and time.monotonic() - started > seconds and results:
            untried.append((threat, "The time that was allowed had run out."))
            continue
        try:
            results.append(_noted(carry_out(attack, seen), seen))
        except UsageError as error:
            untried.append((threat, str(error)))
    tried = {result.threat.id for result in results}
    missing = {threat.id: (threat, why) for threat, why in (*untried, *UNTRIED)}
    left = tuple(one for name, one in missing.items() if name not in tried)
    return Audited(seen, tuple(results), left)


def attacks(recognisers: int = 1, *, seed: int = 0) -> list[tuple[Threat, Attack[Any, Any]]]:
    """Every attack with the threat that it stands for; what tells most for its time first."""
    from polyveil.attack.people import (
        consistency,
        context,
        names,
        recognition,
        singling_out,
        text_to_face,
    )

    found: list[tuple[Threat, Attack[Any, Any]]] = [(names.THREAT, NameGuessing(seed=seed))]
    for at in range(recognisers):
        found.append((recognition.NAIVE, Recognition(at, seed=seed)))
        found.append((recognition.TRAINED, TrainedRecognition(at, seed=seed)))
        found.append((recognition.NAIVE, RealFaces(at, seed=seed)))
    found.append((text_to_face.THREAT, TextToFace(seed=seed)))
    found.append((names.THREAT, StandInGuessing(seed=seed)))
    found.append((singling_out.THREAT, SinglingOut(seed=seed)))
    found.append((context.THREAT, SourceMatch(seed=seed)))
    found.append((consistency.THREAT, RecordLinkage(recognisers - 1, seed=seed)))
    return found


def _noted(result: AttackResult, seen: Observations) -> AttackResult:
    """The result with what a reader must know of how it was read."""
    notes = []
    if len(seen.records) < seen.paired:
        notes.append(f"{len(seen.records):,} of {seen.paired:,} pairs of records were read.")
    if seen.refused:
        notes.append(f"{len(seen.refused):,} records could not be read.")
    if seen.matched_by_picture:
        notes.append("Which record belongs to which was in part told by how pictures look.")
    return replace(result, notes=(*result.notes, *notes)) if notes else result
