# SPDX-License-Identifier: Apache-2.0
"""Statistical tests that a mechanism must pass, and attacks on it: the alarm behind the promise.

A proof holds for the mechanism on paper. Code that draws two thirds of the noise, rounds it, reuses
it, or clips at twice the stated length still prints the same epsilon. Here a mechanism is a
callable: called again and again on public test values, its output has to look like value + noise as
claimed. Passing proves nothing; failing shows a fault, at a stated chance of a false alarm.

Source: Gaussian tests are textbook; lower bounds on epsilon by an attack: Jagielski et al.,
NeurIPS 2020, https://arxiv.org/abs/2006.07709; intervals: Clopper & Pearson 1934.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from polyveil import _validate

Mechanism: TypeAlias = Callable[[Any], ArrayLike]
Floats: TypeAlias = NDArray[np.float64]

SIGNIFICANCE = 1e-6
_POWER = 0.99
_FINEST = 2.0**-16
"""Share of sigma below which a step between neighbouring outputs passes as float32 arithmetic."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a set of tests said about one claim.

    Attributes:
      claim: what was tested, as a sentence.
      p_values: test -> chance of so odd an outcome if the claim is true.
      significance: chance of a false alarm over all tests together.
      samples: numbers or outputs that the tests looked at.
      detects: what the tests would have caught with a chance of 99 %, as a sentence.
    """

    claim: str
    p_values: Mapping[str, float]
    significance: float
    samples: int
    detects: str

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that contradict the claim, each at its Bonferroni share of `significance`."""
        each = self.significance / len(self.p_values)
        return tuple(name for name, p in self.p_values.items() if not p >= each)

    @property
    def rejected(self) -> bool:
        """Whether the claim is contradicted."""
        return bool(self.failed)

    @property
    def sentence(self) -> str:
        """The finding in plain words; never a promise."""
        said = f"contradicted by {', '.join(self.failed)}" if self.failed else "not contradicted"
        return f"{self.claim}: {said} ({self.samples:,} samples). {self.detects}"


@dataclass(frozen=True, slots=True)
class EpsilonBound:
    """A lower bound on epsilon, from an attacker who tells two neighbours apart.

    Attributes:
      epsilon: the mechanism's epsilon is at least this, at `delta`, with `confidence`; >= 0.
      delta: of the claim under attack.
      confidence: chance that such a bound holds.
      samples: outputs of each neighbour that were judged, none of them used to choose the attack.
      caught, false_alarms: how often "neighbour" was said, of outputs that were and were not.
    """

    epsilon: float
    delta: float
    confidence: float
    samples: int
    caught: int
    false_alarms: int

    def contradicts(self, epsilon: float) -> bool:
        """Whether a claimed epsilon is below what the attack has shown."""
        return self.epsilon > epsilon


def check_noise(
    mechanism: Mechanism,
    value: ArrayLike,
    *,
    sigma: float,
    calls: int = 1000,
    significance: float = SIGNIFICANCE,
) -> Finding:
    """Tests that mechanism(value) is value + independent N(0, sigma^2) noise, fresh in each call.

    Args:
      mechanism: noises a float array of the shape of `value`; called `calls` times.
      value: public test value, a number or an array of d numbers.
      sigma: claimed standard deviation, > 0.
      calls: d * calls noised numbers are tested; 20,000 of them catch 0.96 of the noise.

    Raises:
      ValueError: an argument is out of range, or the output has another shape.
    """
    _validate.positive(sigma=sigma, significance=significance)
    _validate.at_least(20, calls=calls)
    noise = _residuals(mechanism, np.atleast_1d(np.asarray(value, dtype=np.float64)), calls) / sigma
    flat = np.sort(noise.ravel())
    tests = {
        "mean": _two_sided(float(flat.sum()) / math.sqrt(flat.size)),
        "scale": _chi_square(float((flat * flat).sum()), flat.size),
        "shape": float(stats.kstest(flat, "norm", method="asymp").pvalue),
        "repeated values": _repeats(flat),
        "successive calls": _lag(noise),
    }
    if noise.shape[1] > 1:
        rows = noise.sum(1) / math.sqrt(noise.shape[1])
        tests["successive coordinates"] = _lag(noise.T)
        tests["coordinates of a call"] = _chi_square(float((rows * rows).sum()), rows.size)
        columns = noise.sum(0) / math.sqrt(noise.shape[0])
        tests["calls of a coordinate"] = _chi_square(float((columns * columns).sum()), columns.size)
    least = _least_ratio(flat.size, significance / len(tests))
    return Finding(
        claim=f"the noise is N(0, {sigma:g}²), independent and fresh",
        p_values=tests,
        significance=significance,
        samples=flat.size,
        detects=f"Noise below {least:.3f} of the claim would be noticed.",
    )


def check_sensitivity(
    mechanism: Mechanism,
    data: Any,
    neighbour: Any,
    *,
    sensitivity: float,
    calls: int = 1000,
    significance: float = SIGNIFICANCE,
) -> Finding:
    """Tests that two neighbours' outputs lie at most `sensitivity` apart in L2, on average.

    The first half of the outputs says in which direction they differ, the second by how much.

    Args:
      mechanism: noises a statistic of data sets such as `data`; called 2 * calls times.
      data, neighbour: differ by one unit, at best the most harmful one that is known.
    """
    _validate.positive(sensitivity=sensitivity, significance=significance)
    _validate.at_least(20, calls=calls)
    here, there = _outputs(mechanism, data, calls), _outputs(mechanism, neighbour, calls)
    along_here, along_there = _projected(here, there)
    error = math.sqrt((along_here.var(ddof=1) + along_there.var(ddof=1)) / along_here.size)
    gap = float(along_there.mean() - along_here.mean()) - sensitivity
    # A statistic without any noise has no error, and then every excess counts.
    p = float(stats.norm.sf(gap / error)) if error > 0 else float(gap <= 1e-9 * sensitivity)
    reach = sensitivity + error * float(stats.norm.isf(significance) + stats.norm.isf(1 - _POWER))
    return Finding(
        claim=f"one unit moves the statistic by at most {sensitivity:g}",
        p_values={"distance of neighbours": p},
        significance=significance,
        samples=2 * calls,
        detects=f"Between these neighbours a distance above {reach:.4g} would be noticed.",
    )


def check_sampling(
    batches: Sequence[ArrayLike],
    *,
    records: int,
    rate: float,
    significance: float = SIGNIFICANCE,
) -> Finding:
    """Tests that each record was in each batch independently, with chance `rate` in (0, 1)."""
    _validate.positive(rate=rate, rest=1 - rate)
    _validate.at_least(2, batches=len(batches), records=records)
    chosen = np.zeros((len(batches), records), dtype=bool)
    for row, batch in zip(chosen, batches, strict=True):
        row[np.asarray(batch, dtype=np.int64)] = True
    repeated = sum(np.asarray(batch).size for batch in batches) - int(chosen.sum())
    spread = math.sqrt(rate * (1 - rate))
    centred = (chosen - rate) / spread
    sizes, counts = centred.sum(1) / math.sqrt(records), centred.sum(0) / math.sqrt(len(batches))
    tests = {
        "rate": _binomial(int(chosen.sum()), chosen.size, rate),
        "batch sizes": _chi_square(float((sizes * sizes).sum()), sizes.size),
        "records' counts": _chi_square(float((counts * counts).sum()), counts.size),
        "successive batches": _lag(centred),
        "successive records": _lag(centred.T),
        "records twice in a batch": 0.0 if repeated else 1.0,
    }
    reach = float(stats.norm.isf(significance / 12) + stats.norm.isf(1 - _POWER))
    off = reach * math.sqrt((1 - rate) / (rate * chosen.size))
    return Finding(
        claim=f"each record is in each batch with chance {rate:g}, on its own",
        p_values=tests,
        significance=significance,
        samples=chosen.size,
        detects=f"A rate that is off by {off:.2%} of itself would be noticed.",
    )


def distinguish(
    mechanism: Mechanism,
    data: Any,
    neighbour: Any,
    *,
    delta: float,
    calls: int = 2000,
    confidence: float = 0.95,
) -> EpsilonBound:
    """Attacks a mechanism by telling two neighbours apart; a lower bound on its epsilon.

    The first half of the outputs chooses a direction and a threshold, the second is judged. Since
    P(out in A | D) <= e^ε P(out in A | D') + δ, the rates, each bounded by Clopper and Pearson at
    (1 - confidence) / 4, give ε >= ln((caught - δ) / false alarms), and likewise for the rest.
    """
    _validate.probability(delta=delta, confidence=confidence)
    _validate.at_least(20, calls=calls)
    here, there = _outputs(mechanism, data, calls), _outputs(mechanism, neighbour, calls)
    half = calls // 2
    direction = there[:half].mean(0) - here[:half].mean(0)
    scores = [here @ direction, there @ direction]
    risk = (1 - confidence) / 4

    def bound(threshold: float, part: slice) -> tuple[float, int, int]:
        said = [int((one[part] > threshold).sum()) for one in scores]
        judged = scores[0][part].size
        return _epsilon_of(said[1], said[0], judged, delta, risk), said[1], said[0]

    seen = np.concatenate([one[:half] for one in scores])
    candidates = np.unique(np.quantile(seen, np.linspace(0.005, 0.995, 199)))
    best = max(candidates, key=lambda threshold: bound(threshold, slice(half))[0])
    epsilon, caught, false_alarms = bound(float(best), slice(half, None))
    return EpsilonBound(epsilon, delta, confidence, calls - half, caught, false_alarms)


def _epsilon_of(caught: int, false_alarms: int, judged: int, delta: float, risk: float) -> float:
    """The better of both sides; every one of the four rates is off with chance at most `risk`."""
    sides = ((caught, false_alarms), (judged - false_alarms, judged - caught))
    found = 0.0
    for hits, errors in sides:
        least = float(stats.beta.ppf(risk, hits, judged - hits + 1)) if hits else 0.0
        most = (
            float(stats.beta.ppf(1 - risk, errors + 1, judged - errors)) if errors < judged else 1.0
        )
        if least > delta:
            found = max(found, math.log((least - delta) / most))
    return found


def _outputs(mechanism: Mechanism, value: Any, calls: int) -> Floats:
    rows = [np.atleast_1d(np.asarray(mechanism(value), dtype=np.float64)) for _ in range(calls)]
    return np.stack([row.ravel() for row in rows])


def _residuals(mechanism: Mechanism, value: Floats, calls: int) -> Floats:
    first = np.atleast_1d(np.asarray(mechanism(value.copy())))
    if first.shape != value.shape:
        raise ValueError(f"expected an output of shape {value.shape}, got {first.shape}.")
    return _outputs(lambda one: mechanism(one.copy()), value, calls) - value.ravel()


def _projected(here: Floats, there: Floats) -> tuple[Floats, Floats]:
    half = len(here) // 2
    direction = there[:half].mean(0) - here[:half].mean(0)
    length = float(np.linalg.norm(direction))
    direction = direction / length if length > 0 else np.eye(1, here.shape[1])[0]
    return here[half:] @ direction, there[half:] @ direction


def _two_sided(z: float) -> float:
    return 2 * float(stats.norm.sf(abs(z)))


def _chi_square(total: float, freedom: int) -> float:
    tails = stats.chi2.cdf(total, freedom), stats.chi2.sf(total, freedom)
    both = 2 * float(min(tails))
    return 1.0 if both > 1 else both  # NaN stays NaN, and fails


def _binomial(successes: int, trials: int, chance: float) -> float:
    tails = (
        stats.binom.cdf(successes, trials, chance),
        stats.binom.sf(successes - 1, trials, chance),
    )
    return min(1.0, 2 * float(min(tails)))


def _lag(rows: Floats) -> float:
    """Whether each row tells something about the next: products have mean 0 and variance 1."""
    products = rows[1:] * rows[:-1]
    return _two_sided(float(products.sum()) / math.sqrt(products.size))


def _repeats(ordered: Floats) -> float:
    """Whether more values are equal than on a grid of 2^-16 sigma: rounded or cached noise."""
    _, sizes = np.unique(ordered, return_counts=True)
    pairs = int((sizes * (sizes - 1) // 2).sum())
    # Two normal numbers fall into one cell of width w with chance about w / (2 sqrt(pi)).
    expected = ordered.size * (ordered.size - 1) / 2 * _FINEST / (2 * math.sqrt(math.pi))
    return float(stats.poisson.sf(pairs - 1, expected)) if pairs else 1.0


def _least_ratio(samples: int, significance: float) -> float:
    """The ratio of true to claimed sigma below which the scale test fails with `_POWER`."""
    quantiles = stats.chi2.ppf([significance / 2, _POWER], samples)
    return math.sqrt(float(quantiles[0] / quantiles[1]))
