# SPDX-License-Identifier: Apache-2.0
"""A decider on disk: what it holds, what that tells, and its way back.

It holds how scores add up (two numbers a modality), the highest scores of development strangers in
order of size, the best that each of them reached in galleries of growing size, and keyed tokens of
the development people, so that a figure at one of its thresholds can refuse them. No name, no
embedding, no template.

What stays of the people: of each score it is not said whose it was. The templates that were scored
were made under secrets that are gone, so that not even whoever holds the key and the embeddings of
a person can tell whether he was among them by making the scores again. The tokens do tell that, to
whoever holds the key and knows the name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from polyveil.errors import UsageError
from polyveil.recognize.decision import Decider
from polyveil.recognize.fusion import Evidence, Fusion
from polyveil.recognize.scheme import Floats
from polyveil.recognize.search_front import SearchFront
from polyveil.recognize.threshold import Strangers

SCHEMA = "polyveil.decider/1"
LARGEST_RATE = 0.1
"""False-accept rates up to this can be asked of a stored decider."""

_TOKEN = re.compile(r"[0-9a-f]{32}")


def to_json(decider: Decider) -> dict[str, Any]:
    """JSON values, without any score that only rates above `LARGEST_RATE` would need.

    Raises:
      UsageError: development people under anything but tokens of 32 hex digits.
    """
    few = decider.for_rates_up_to(LARGEST_RATE)
    if not all(_TOKEN.fullmatch(person) for person in few.fusion.people):
        raise UsageError("decider: expected keyed tokens for people; a name must not be stored.")
    return {
        "schema": SCHEMA,
        "evidence": {
            name: {"slope": one.slope, "middle": one.middle}
            for name, one in sorted(few.fusion.evidence.items())
        },
        "strangers": [
            {
                "modalities": list(one.modalities),
                "compared": one.compared,
                "pairs": one.pairs.tolist(),
                "searches": {
                    "others": one.searches.others,
                    "search": one.searches.search.tolist(),
                    "place": one.searches.place.tolist(),
                    "score": one.searches.score.tolist(),
                },
            }
            for one in few.strangers.values()
        ],
        "development": sorted(few.fusion.people),
    }


def from_json(values: object) -> Decider:
    """The decider that `to_json` wrote.

    Raises:
      UsageError: another version, or values that no fitted decider has.
    """
    try:
        return _decider(values)
    except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
        raise UsageError(
            f"decider: expected {SCHEMA}; {type(error).__name__} while reading it. It is damaged "
            "or of another version: calibrate again."
        ) from None


def _decider(values: Any) -> Decider:
    _must(values["schema"] == SCHEMA)
    people = frozenset(values["development"])
    _must(bool(people) and all(_TOKEN.fullmatch(person) for person in people))
    evidence = {str(name): _evidence(one) for name, one in values["evidence"].items()}
    found = [_strangers(one, people) for one in values["strangers"]]
    _must(bool(found) and all(set(one.modalities) <= set(evidence) for one in found))
    return Decider(Fusion(evidence, people), {one.modalities: one for one in found})


def _evidence(values: Mapping[str, Any]) -> Evidence:
    slope, middle = float(values["slope"]), float(values["middle"])
    _must(math.isfinite(slope) and slope >= 0 and math.isfinite(middle))
    return Evidence(slope, middle)


def _strangers(values: Mapping[str, Any], people: frozenset[str]) -> Strangers:
    pairs, compared = _scores(values["pairs"]), int(values["compared"])
    modalities = tuple(str(name) for name in values["modalities"])
    _must(bool(modalities) and modalities == tuple(sorted(modalities)))
    _must(len(pairs) <= compared)
    return Strangers(modalities, pairs, _front(values["searches"]), people, compared)


def _front(values: Mapping[str, Any]) -> SearchFront:
    search, place = (np.array(values[name], dtype=np.int64) for name in ("search", "place"))
    score = np.array(values["score"], dtype=np.float64)
    _must(search.ndim == place.ndim == score.ndim == 1)
    return SearchFront(search, place, score, int(values["others"]))


def _scores(values: Any) -> Floats:
    scores = np.array(values, dtype=np.float64)
    _must(scores.ndim == 1 and bool(np.isfinite(scores).all()))
    _must(bool((np.diff(scores) >= 0).all()))
    return scores


def _must(holds: bool) -> None:
    if not holds:
        raise ValueError
