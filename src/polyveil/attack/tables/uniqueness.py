# SPDX-License-Identifier: Apache-2.0
"""How many people share what an attacker knows: class sizes, and uniqueness by number of columns.

A row is k-anonymous if k - 1 others agree with it in all the columns that an attacker knows. It is
a measure of the table, not of an attack: a unique row is one that whoever knows so much can find.

Source: Sweeney, "k-anonymity", IJUFKS 10 (2002).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from polyveil.assess.measure import Measure
from polyveil.attack.result import Curve
from polyveil.attack.tables.space import Points
from polyveil.interval import Interval, clopper_pearson

_MOST_COLUMNS = 10
_CHOICES = 20


def class_sizes(points: Points) -> NDArray[np.int64]:
    """For each row how many rows, itself among them, equal it in every column; missing equals
    missing."""
    empty = np.finfo(np.float64).max
    filled = np.where(np.isnan(points), empty, points)
    _, place, counts = np.unique(filled, axis=0, return_inverse=True, return_counts=True)
    sizes: NDArray[np.int64] = counts[place.reshape(-1)]
    return sizes


def uniqueness(points: Points) -> Interval:
    """Share of rows that nobody shares."""
    sizes = class_sizes(points)
    return clopper_pearson(int((sizes == 1).sum()), len(sizes))


def measures(points: Points, where: str) -> tuple[Measure, ...]:
    """Uniqueness and the smallest class, of the columns given."""
    smallest = int(class_sizes(points).min())
    return (
        Measure(f"rows unique in the known columns, {where}", uniqueness(points), better="lower"),
        Measure(
            f"smallest class, {where}",
            float(smallest),
            unit="rows",
            better="higher",
            note="no row stands in a smaller class in these columns; in others it may",
        ),
    )


def uniqueness_curve(points: Points, name: str, *, seed: int = 0) -> Curve:
    """Share of unique rows by the number of columns known: mean, least and greatest over up to
    20 random choices of as many columns."""
    draw = np.random.default_rng([seed, 6])
    columns = points.shape[1]
    counts = range(1, min(columns, _MOST_COLUMNS) + 1)
    shares = [
        [uniqueness(points[:, draw.permutation(columns)[:count]]).estimate for _ in range(_CHOICES)]
        for count in counts
    ]
    return Curve(
        name,
        tuple(float(count) for count in counts),
        tuple(float(np.mean(one)) for one in shares),
        "columns known",
        "share of rows that are unique",
        low=tuple(min(one) for one in shares),
        high=tuple(max(one) for one in shares),
    )
