# SPDX-License-Identifier: Apache-2.0
"""Templates attacked with their secrets stolen: what comes back, and where does it get in?

Three attackers, each with the template and its secret, or with several of one person:

- `least_squares` puts the mean of every cell back where it came from.
- `informed` also knows people: the mean and covariance of a background population, which say what
  the missing directions probably hold. The strongest of the three where embeddings are alike.
- `climb` knows nothing about the scheme: it needs only somebody who answers with scores.

`judge` tells the cosine to the true embedding, how often the result passes the stolen template
itself (always expected: no scheme that accepts near embeddings can refuse it) and how often it
passes a template of the same person renewed under a fresh secret, which is what renewal is for.

Source: ISO/IEC 30136:2018 (irreversibility, successful attack rate); Dong, Jin & Teoh, A genetic
algorithm enabled similarity-based attack on cancellable biometrics, BTAS 2019; Ledoit & Wolf, A
well-conditioned estimator for large-dimensional covariance matrices, JMVA 88 (2004).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.interval import Interval, bootstrap, clopper_pearson
from polyveil.recognize.scheme import (
    Floats,
    Scheme,
    Subspace,
    cells_of,
    embeddings_of,
    levels,
    similarity,
)
from polyveil.recognize.scoring import scores_under
from polyveil.recognize.template import Template

_FIRST_STEP, _LAST_STEP = 0.3, 0.02


@dataclass(frozen=True, slots=True)
class Stolen:
    """A template with its secret, as an attacker holds it."""

    template: Template
    secret: bytes


@dataclass(frozen=True, slots=True)
class Irreversibility:
    """What inverting stolen templates gave.

    Attributes:
      cosine: between inverted and true embedding; 1 is a full inversion.
      passes_stolen: share that the stolen template accepts.
      passes_renewed: share that a template of the same person under a fresh secret accepts.
      passes_plain: share that a gallery of plain embeddings accepts; None if not asked.
    """

    cosine: Interval
    passes_stolen: Interval
    passes_renewed: Interval
    passes_plain: Interval | None


def least_squares(stolen: Sequence[Stolen]) -> Floats:
    """The most probable embedding if every direction were equally likely: (dimension,), length 1.

    Least squares with the spread within cells as noise; without that, several templates would be
    solved exactly and their rounding blown up.

    Args:
      stolen: templates of one person under different secrets, at least one.

    Raises:
      UsageError: none, or of different schemes.
    """
    dimension = _scheme(stolen).dimension
    return _posterior(stolen, np.zeros(dimension), np.eye(dimension))


def informed(stolen: Sequence[Stolen], background: ArrayLike) -> Floats:
    """The most probable embedding among people like the background: (dimension,), length 1.

    People and the spread within cells are taken as normal (a linear Gaussian model).

    Args:
      stolen: templates of one person under different secrets, at least one.
      background: embeddings (n, dimension) of other people, n >= 2, that the attacker has.

    Raises:
      UsageError: no template, or embeddings of another dimension.
    """
    scheme = _scheme(stolen)
    people = embeddings_of(background, scheme)
    if len(people) < 2:
        raise UsageError("inversion: expected at least 2 background embeddings.")
    people *= np.sqrt(scheme.dimension)  # cells are in units of this
    return _posterior(stolen, people.mean(axis=0), _covariance(people))


def _covariance(people: Floats) -> Floats:
    """Ledoit & Wolf's: few people make the plain one so noisy that it misleads the attacker."""
    centred = people - people.mean(axis=0)
    count, size = centred.shape
    plain = centred.T @ centred / count
    aim = np.trace(plain) / size * np.eye(size)
    away = float(((plain - aim) ** 2).sum())
    noise = float(((centred**2).sum(axis=1) ** 2).sum()) / count**2 - float(
        (plain**2).sum() / count
    )
    share = min(noise, away) / away if away > 0 else 1.0
    return np.asarray(share * aim + (1.0 - share) * plain)


def climb(stolen: Sequence[Stolen], *, seed: int, questions: int = 4000) -> Floats:
    """A search that only asks for scores and knows nothing else: (dimension,), length 1.

    Half of the questions are random directions; their mean, weighted by the answers, points to the
    template. The rest is a (1+1) evolution strategy from there.

    Args:
      stolen: templates of one person; an answer is the mean of their scores.
      questions: how many scores are asked for, at least 2.
    """
    ask = _oracle(stolen)
    dimension = _scheme(stolen).dimension
    draw = np.random.default_rng(seed)
    asked = embeddings_of(draw.normal(size=(max(1, questions // 2), dimension)))
    best: Floats = embeddings_of(ask(asked) @ asked)[0]
    score, step = ask(best[None])[0], _FIRST_STEP
    for _ in range(questions - len(asked) - 1):
        noise = draw.normal(size=dimension) / np.sqrt(dimension)
        candidate: Floats = embeddings_of(best + step * noise)[0]
        reached = ask(candidate[None])[0]
        # One success in five keeps the step (Rechenberg).
        step *= 1.5 if reached > score else 1.5**-0.25
        if reached > score:
            best, score = candidate, reached
        if step < _LAST_STEP:
            step = _FIRST_STEP  # smaller than a cell: stuck, so look wider again
    return best


def _oracle(stolen: Sequence[Stolen]) -> Callable[[Floats], Floats]:
    """Candidates (n, dimension) -> mean score of each, (n,)."""
    scheme = _scheme(stolen)
    ways = [Subspace.of(one.secret, scheme) for one in stolen]
    aims = [one.template.cells for one in stolen]

    def ask(candidates: Floats) -> Floats:
        answers = [
            similarity(cells_of(candidates, way, scheme), aim, scheme)
            for way, aim in zip(ways, aims, strict=True)
        ]
        return np.asarray(np.mean(answers, axis=0))

    return ask


def judge(
    attack: Callable[[Sequence[Stolen]], Floats],
    originals: ArrayLike,
    stolen: Sequence[Sequence[Stolen]],
    renewed: Sequence[Stolen],
    *,
    threshold: float,
    seed: int,
    plain_threshold: float | None = None,
) -> Irreversibility:
    """Inverts what was stolen of each person and tries the result at every door.

    Args:
      attack: e.g. `least_squares`, or the others with their arguments bound.
      originals: the true embeddings (people, dimension), in the same order as `stolen`.
      stolen: what the attacker has of each person.
      renewed: a template of each person under a fresh secret, best of another sample.
      threshold: of template similarity, in [-1, 1]; a score above it is accepted. Chosen on
        development people.
      plain_threshold: of cosine, for a gallery without protection; None leaves that door out.
      seed: of the bootstrap of the cosine.

    Raises:
      UsageError: lengths that differ.
    """
    truth = embeddings_of(originals)
    if not len(truth) == len(stolen) == len(renewed):
        raise UsageError(
            f"inversion: expected one original, theft and renewal a person, got {len(truth)}, "
            f"{len(stolen)} and {len(renewed)}."
        )
    found = np.stack([attack(theft) for theft in stolen])
    cosine = (found * truth).sum(axis=1)
    own = [_score(guess, theft[0]) for guess, theft in zip(found, stolen, strict=True)]
    fresh = [_score(guess, one) for guess, one in zip(found, renewed, strict=True)]
    return Irreversibility(
        bootstrap(cosine, seed=seed),
        _share(np.array(own), threshold),
        _share(np.array(fresh), threshold),
        None if plain_threshold is None else _share(cosine, plain_threshold),
    )


def _score(guess: Floats, one: Stolen) -> float:
    return float(scores_under(guess, [one.secret], [one.template])[0, 0])


def _share(scores: Floats, threshold: float) -> Interval:
    """Exact: one trial a person, and none or all of them are frequent answers here."""
    return clopper_pearson(int((scores > threshold).sum()), len(scores))


def _scheme(stolen: Sequence[Stolen]) -> Scheme:
    """The one scheme of all stolen templates."""
    schemes = {one.template.scheme for one in stolen}
    if len(schemes) != 1:
        raise UsageError(
            f"inversion: expected templates of one scheme, at least one, got {len(schemes)} schemes"
        )
    return schemes.pop()


def _equations(stolen: Sequence[Stolen]) -> tuple[Floats, Floats, Floats]:
    """Directions seen (rows, dimension), mean of the cell in each, and variance within it."""
    scheme = _scheme(stolen)
    seen = np.concatenate([Subspace.of(one.secret, scheme).rows() for one in stolen])
    cells = np.concatenate([one.template.cells for one in stolen])
    edges, means = levels(scheme)
    # Of a standard normal between a and b: 1 + (a p(a) - b p(b)) / P - mean^2.
    moments = edges * np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi)
    ends = np.concatenate([[0.0], moments, [0.0]])
    variances = 1.0 + (ends[:-1] - ends[1:]) * scheme.cells - means**2
    return seen, means[cells], variances[cells]


def _posterior(stolen: Sequence[Stolen], mean: Floats, spread: Floats) -> Floats:
    """Mean of a normal embedding given the cells, to length 1."""
    seen, values, noise = _equations(stolen)
    known = seen @ spread @ seen.T + np.diag(noise)
    found = mean + spread @ seen.T @ np.linalg.solve(known, values - seen @ mean)
    return np.asarray(embeddings_of(found)[0])
