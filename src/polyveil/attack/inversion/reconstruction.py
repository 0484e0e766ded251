# SPDX-License-Identifier: Apache-2.0
"""How good a reconstruction is, beside what the attacker would have had without the target.

A squared error says nothing alone: the attacker's own mean has one too. R² = 1 - RE / RE(mean) is 0
for who knows only what people in general look like and 1 for an exact copy. Whether a
reconstruction leads back to its original is asked separately, for a poor copy can identify well.

Source: permutation tests: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005);
re-identification of reconstructions: Fredrikson et al., CCS 2015.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from polyveil.interval import Interval, bootstrap

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]
PERMUTATIONS = 9999
PIECE = 512
"""Reconstructions compared with the gallery at once."""
MOST = 2000
"""Records that a permutation test looks at: the matrix of all pairs grows with the square."""


def flat(values: NDArray[Any]) -> Floats:
    """(n, ...) -> float64 (n, d)."""
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def errors(originals: NDArray[Any], rebuilt: NDArray[Any]) -> Floats:
    """Mean squared error of each record, (n,), in squared units of the input."""
    return np.asarray(np.square(flat(originals) - flat(rebuilt)).mean(1))


def r_squared(error: Floats, without: Floats, people: NDArray[Any], *, seed: int = 0) -> Interval:
    """1 - RE / RE(without the target), with a bootstrap interval over people.

    Args:
      error, without: (n,), of each record; people: (n,), who is in it.

    Edge case: originals that are all equal to the mean leave nothing to explain; R² is then 0.
    """
    _, whose = np.unique(people, return_inverse=True)
    left, whole = np.bincount(whose, error), np.bincount(whose, without)

    def explained(chosen: Floats) -> float:
        rows = chosen.astype(np.intp)
        total = float(whole[rows].sum())
        return 1.0 - float(left[rows].sum()) / total if total > 0 else 0.0

    return bootstrap(np.arange(len(whole), dtype=np.float64), explained, seed=seed)


def nearest(
    rebuilt: NDArray[Any], gallery: NDArray[Any], centre: NDArray[Any], *, apart: bool = False
) -> Rows:
    """The row of the gallery that each reconstruction points at, (n,); `apart`: any but its own.

    By the cosine of what is left when `centre` (what people in general look like) is subtracted: a
    cautious decoder shrinks towards it, and by plain distance everything would be near the average
    person.
    """
    middle = np.asarray(centre, dtype=np.float64).reshape(1, -1)
    shown, held = _unit(flat(rebuilt) - middle), _unit(flat(gallery) - middle)
    found = np.empty(len(shown), np.intp)
    for start in range(0, len(shown), PIECE):
        alike = shown[start : start + PIECE] @ held.T
        rows = np.arange(len(alike))
        if apart:
            alike[rows, start + rows] = -np.inf
        found[start + rows] = alike.argmax(1)
    return found


def pairing_p(
    originals: NDArray[Any],
    rebuilt: NDArray[Any],
    *,
    batch: int = 1,
    within: NDArray[Any] | None = None,
    seed: int = 0,
) -> float:
    """Chance that reconstructions dealt out at random are as close to the originals as these.

    Args:
      originals, rebuilt: (n, ...), row i of both the same record, or the same batch.
      batch: successive rows that the attacker may assign among themselves as fits best.
      within: (n,) strata that the attacker knows anyway; rows are dealt out inside a stratum.

    Returns:
      The permutation p-value, at least 1 / (PERMUTATIONS + 1).
    """
    close = _closeness(originals, rebuilt, batch)
    draw = np.random.default_rng(seed)
    strata = np.zeros(len(close), np.intp) if within is None else np.asarray(within)[: len(close)]
    own = _agreement(close, np.arange(len(close)), batch)
    as_good = 0
    for _ in range(PERMUTATIONS):
        as_good += _agreement(close, _dealt(strata, draw), batch) >= own - 1e-12 * abs(own)
    return (as_good + 1) / (PERMUTATIONS + 1)


def found_p(hits: int, looked: int, gallery: int, *, batch: int = 1) -> float:
    """A bound on the chance of `hits` right originals, had the target told nothing.

    Of `looked` nominations, each of another record or of another batch, every set of `hits` is all
    right with chance at most batch^hits (gallery - hits)! / gallery!, whatever the nominations are
    and however they depend on each other; the expected number of such sets bounds the chance that
    there is one. For one nomination a record of the gallery this is 1 / hits!.

    Raises:
      ValueError: more hits than nominations or than records.
    """
    if not 0 <= hits <= min(looked, gallery):
        raise ValueError(f"expected 0 <= hits <= {min(looked, gallery)}, got {hits}.")
    log = (
        math.lgamma(looked + 1) - math.lgamma(hits + 1) - math.lgamma(looked - hits + 1)
        + hits * math.log(batch) + math.lgamma(gallery - hits + 1) - math.lgamma(gallery + 1)
    )  # fmt: skip
    return min(1.0, math.exp(min(log, 0.0)))


def assigned(originals: NDArray[Any], rebuilt: NDArray[Any], batch: int) -> NDArray[Any]:
    """The reconstructions, inside each batch in the order that fits its originals best: a gradient
    tells which records were in a batch, never which came first."""
    if batch == 1:
        return rebuilt
    ordered = rebuilt.copy()
    for start in range(0, len(rebuilt), batch):
        part = slice(start, start + batch)
        apart = np.square(flat(originals[part])[:, None] - flat(rebuilt[part])[None]).sum(2)
        ordered[part] = rebuilt[part][linear_sum_assignment(apart)[1]]
    return ordered


def psnr(error: Floats, *, span: float) -> Floats:
    """Peak signal-to-noise ratio in dB of each record; `span`: highest minus lowest input value.
    An exact copy is written as 100 dB."""
    return 10 * np.log10(span**2 / np.maximum(error, span**2 * 1e-10))


def _closeness(originals: NDArray[Any], rebuilt: NDArray[Any], batch: int) -> Floats:
    most = MOST // batch * batch
    left, right = flat(originals[:most]), flat(rebuilt[:most])
    middle = left.mean(0)
    # -|x - r|² up to what no permutation changes.
    return np.asarray((right - middle) @ (left - middle).T)


def _dealt(strata: NDArray[Any], draw: np.random.Generator) -> Rows:
    if not strata.any():
        return draw.permutation(len(strata))
    rows = np.arange(len(strata))
    mixed = draw.permutation(len(strata))
    rows[np.argsort(strata, kind="stable")] = mixed[np.argsort(strata[mixed], kind="stable")]
    return rows


def _agreement(close: Floats, order: Rows, batch: int) -> float:
    if batch == 1:
        return float(close[np.arange(len(order)), order].sum())
    total = 0.0
    for start in range(0, len(order), batch):
        part = close[start : start + batch][:, order[start : start + batch]]
        total += float(part[linear_sum_assignment(part, maximize=True)].sum())
    return total


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))
