# SPDX-License-Identifier: Apache-2.0
"""The attacker who trains on outputs of other people, of whom he has the originals too.

He has three ways, and picks among them on a part of his own people:

    translate     ridge regression from what is released to what its person looked like
    and whiten    then coordinates in which pictures of one person differ least
    whiten alone  such coordinates for originals and released together

He works on a recogniser's vectors. A deep network trained from pixels is another attacker.

Source: Fisher's discriminant as within-class whitening: Hatch et al., Interspeech 2006.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.reidentify import translate
from polyveil.attack.people.faces import Faces
from polyveil.attack.people.ranks import RANKS, Ranked, rank

FOLDS = 4
"""Parts of the people; each is attacked by one who was trained on the others."""
_MOST_DIRECTIONS = 150
_SHRINK = 0.3
_VALIDATION = 3

Rows: TypeAlias = NDArray[np.float32]
Way: TypeAlias = Callable[[Rows, Rows, NDArray[np.intp], Rows, Rows], tuple[Rows, Rows]]
"""(released, original, who) of the training faces, then (released, original) of the others -> the
latter two in coordinates in which they can be compared."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the attacker reached.

    Attributes:
      ranked: over all people, each by an attacker who never saw them.
      folds: (n,) part of each person.
      ways: which way was picked for each part.
    """

    ranked: Ranked
    folds: NDArray[np.intp] = field(repr=False)
    ways: tuple[str, ...]


def learn(
    faces: Faces,
    *,
    folds: int = FOLDS,
    pairs: int | None = None,
    draws: int = 100,
    seed: int = 0,
) -> Learned:
    """Train on all parts but one, attack that one; each part in turn.

    Args:
      faces: at least 2 * `folds` people.
      pairs: faces of others that he has at most; None for all.

    Raises:
      ValueError: fewer people.
    """
    if faces.people < 2 * folds:
        raise ValueError(f"expected at least {2 * folds} people to learn, got {faces.people}.")
    people, faces = faces.people, faces.compact()
    part = np.random.default_rng(seed).permutation(people) % folds
    likeness = np.zeros((len(faces.who), len(faces.who)), np.float32)
    ways = []
    for one in range(folds):
        known = faces.of(np.flatnonzero(part != one))[:pairs]
        wanted = faces.of(np.flatnonzero(part == one))
        name, way = _picked(faces, known, seed)
        seen, held = _applied(way, faces, known, wanted)
        likeness[np.ix_(wanted, wanted)] = seen @ held.T
        ways.append(name)
    ranked = rank(likeness, faces.who, part, draws=draws, across=faces.across, seed=seed)
    return Learned(ranked, part, tuple(ways))


def _picked(faces: Faces, known: NDArray[np.intp], seed: int) -> tuple[str, Way]:
    """The best way on a third of the attacker's own people, trained on the others of them."""
    people = np.unique(faces.who[known])
    shuffled = np.random.default_rng(seed + 1).permutation(people)
    held_out = shuffled[: max(2, len(people) // _VALIDATION)]
    own = faces.of(np.setdiff1d(people, held_out))
    probes = faces.of(held_out)
    if len(own) < 2:
        return "translate", _translated
    _, who = np.unique(faces.who[probes], return_inverse=True)
    scores = {}
    for name, way in WAYS.items():
        seen, held = _applied(way, faces, own, probes)
        gallery = np.zeros(len(held_out), np.intp)
        found = rank(seen @ held.T, who, gallery, draws=20, across=faces.across, seed=seed)
        # Few people are wrong by lot in first place; further places steady the choice.
        scores[name] = float(found.hits @ (1.0 / np.array(RANKS)) @ np.ones(len(held_out)))
    best = max(scores, key=lambda name: scores[name])
    return best, WAYS[best]


def _applied(
    way: Way, faces: Faces, known: NDArray[np.intp], wanted: NDArray[np.intp]
) -> tuple[Rows, Rows]:
    return way(
        faces.released[known],
        faces.original[known],
        faces.who[known],
        faces.released[wanted],
        faces.original[wanted],
    )


def _translated(
    released: Rows, original: Rows, who: NDArray[np.intp], seen: Rows, held: Rows
) -> tuple[Rows, Rows]:
    # The person's mean, not the very picture: pose and light are to be ignored.
    means = _means(original, who)
    centre = original.mean(axis=0)
    return _unit(translate(released, means, seen) - centre), _unit(held - centre)


def _translated_and_whitened(
    released: Rows, original: Rows, who: NDArray[np.intp], seen: Rows, held: Rows
) -> tuple[Rows, Rows]:
    means = _means(original, who)
    whiten = _whitening(original, who)
    return whiten(translate(released, means, seen)), whiten(held)


def _whitened(
    released: Rows, original: Rows, who: NDArray[np.intp], seen: Rows, held: Rows
) -> tuple[Rows, Rows]:
    # What all released faces have in common is no one's; each side has its own mean.
    new, old = released.mean(axis=0), original.mean(axis=0)
    whiten = _whitening(
        np.concatenate([released - new, original - old]), np.concatenate([who, who])
    )
    return whiten(seen - new), whiten(held - old)


WAYS: dict[str, Way] = {
    "translate": _translated,
    "translate and whiten": _translated_and_whitened,
    "whiten": _whitened,
}


def _whitening(rows: Rows, who: NDArray[np.intp]) -> Callable[[Rows], Rows]:
    """Principal directions, scaled so that a person's own pictures differ alike in all of them."""
    centre = rows.mean(axis=0)
    directions = _principal(rows - centre)
    low = (rows - centre) @ directions.T
    inner = low - _means(low, who)
    spread = inner.T @ inner / max(1, len(rows) - len(np.unique(who)))
    # Shrunk towards the total spread: few pictures a person cannot tell every direction.
    total = np.diag((low**2).mean(axis=0))
    values, vectors = np.linalg.eigh((1 - _SHRINK) * spread + _SHRINK * total)
    scale = vectors / np.sqrt(np.maximum(values, 1e-9 * values[-1] + 1e-12))
    return lambda more: _unit((more - centre) @ directions.T @ scale)


def _principal(rows: Rows) -> Rows:
    """(k, d): the directions in which centred rows differ most, by the smaller of two products."""
    from scipy.linalg import eigh  # takes a moment to load

    wide = len(rows) < rows.shape[1]
    product = (rows @ rows.T if wide else rows.T @ rows).astype(np.float64)
    size = len(product)
    span = (max(0, size - _MOST_DIRECTIONS), size - 1)
    values, vectors = eigh(product, subset_by_index=span, driver="evr")
    strong = values > 1e-7 * max(float(values[-1]), 1e-12)
    if not strong.any():
        return np.eye(1, rows.shape[1], dtype=np.float32)
    values, vectors = values[strong], vectors[:, strong]
    directions = (vectors.T @ rows) / np.sqrt(values)[:, None] if wide else vectors.T
    return np.asarray(directions, np.float32)


def _means(rows: Rows, who: NDArray[np.intp]) -> Rows:
    """Each row replaced by the mean of its person."""
    people, of = np.unique(who, return_inverse=True)
    sums = np.zeros((len(people), rows.shape[1]), np.float32)
    np.add.at(sums, of, rows)
    result: Rows = (sums / np.bincount(of)[:, None])[of].astype(np.float32)
    return result


def _unit(rows: Rows) -> Rows:
    result: Rows = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
    return result.astype(np.float32)
