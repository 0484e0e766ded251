# SPDX-License-Identifier: Apache-2.0
"""Who is in a reconstruction? A matcher that knows nothing of the system under attack.

It learned to tell people apart from people of the attacker's own, and looks for ANOTHER record of
the same person: that a reconstruction resembles its own original is what RE says already.

Source: Belhumeur et al., TPAMI 1997 (principal components, then discriminants)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from polyveil.attack.inversion.reconstruction import nearest

Floats = NDArray[np.floating]
People = NDArray[np.int64]
COMPONENTS = 60


@dataclass(frozen=True)
class Matcher:
    """Compares records with reconstructions of others; trained apart from the system.

    Attributes:
      features: (n, ...) -> (n, f); centre: what people in general look like, in features.
    """

    name: str
    features: Callable[[Floats], Floats] = field(repr=False)
    centre: Floats = field(repr=False)

    def hits(self, shown: Floats, originals: Floats, people: People) -> Floats:
        """1 where the nearest original but the record's own is of the same person. People with a
        single record have no other: their own original is what is looked for."""
        seen, held = self.features(shown), self.features(originals)
        found = people[nearest(seen, held, self.centre, apart=True)] == people
        alone = np.isin(people, _single(people))
        if alone.any():
            every = nearest(seen, held, self.centre)
            found = np.where(alone, every == np.arange(len(people)), found)
        return found.astype(float)


def chance(people: People) -> float:
    """What a blind guess hits, by the rules of `Matcher.hits`."""
    _, whose, counts = np.unique(people, return_inverse=True, return_counts=True)
    others = counts[whose] - 1
    blind = np.where(others > 0, others / max(len(people) - 1, 1), 1 / len(people))
    return float(blind.mean())


def chosen_matcher(original: Floats, who: People, out: People, rebuilt: Floats) -> Matcher:
    """Of the values themselves and discriminant features learned on four fifths of the attacker's
    people, the one that knows more of the reconstructions of the last fifth, row `out`."""
    learn = np.setdiff1d(np.arange(len(who)), out)
    plain = Matcher("values", _flat, _flat(original[learn]).mean(0))
    kinds = [plain]
    if len(np.unique(who[learn])) >= 3 and len(_single(who[learn])) < len(np.unique(who[learn])):
        kinds.append(_discriminant(original[learn], who[learn]))
    scores = [one.hits(rebuilt, original[out], who[out]).mean() for one in kinds]
    return kinds[int(np.argmax(scores))]


def _discriminant(original: Floats, who: People) -> Matcher:
    """Principal components, then what tells people apart."""
    several = ~np.isin(who, _single(who))
    values, who = _flat(original)[several], who[several]
    parts = PCA(min(COMPONENTS, len(values) - 1, values.shape[1]), random_state=0).fit(values)
    axes = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    axes.fit(parts.transform(values), who)

    def features(records: Floats) -> Floats:
        return np.asarray(axes.transform(parts.transform(_flat(records))))

    return Matcher("discriminant features", features, features(values).mean(0))


def _single(people: People) -> People:
    names, counts = np.unique(people, return_counts=True)
    return names[counts == 1]


def _flat(values: Floats) -> Floats:
    return np.asarray(values, np.float64).reshape(len(values), -1)
