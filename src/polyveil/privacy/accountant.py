# SPDX-License-Identifier: Apache-2.0
"""What repeated noisy releases cost together, and how much noise a budget asks for.

Training releases one noised sum a step. Each step sees a Poisson sample of the records, so a record
is mostly absent, which makes a step cheaper than its noise alone says; steps add up. The exact
bookkeeping is a convolution of privacy loss distributions (PLD), here always rounded so that the
answer is an upper bound; Rényi differential privacy (RDP) is the cruder, independent second
opinion. Neighbours differ by one record added or removed.

Source: Google's dp-accounting; Doroshenko et al., PoPETs 2022, https://arxiv.org/abs/2207.04380
(PLD by connecting dots); Mironov et al. 2019, https://arxiv.org/abs/1908.10530 (RDP).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from polyveil import _optional, _validate
from polyveil.errors import NotPrivate
from polyveil.privacy import gaussian

LEAST_NOISE, MOST_NOISE = 0.01, 1e6
"""Noise multipliers between which `noise_multiplier_for` looks."""
_TOLERANCE = 1e-4
_FINEST_SHARE, _COARSEST, _COARSER = 1 / 10, 1e-4, 8.0
_STEP_POINTS, _TOTAL_POINTS = 3e4, 1e6
_RDP_ORDERS = (*range(2, 64), 80, 96, 128, 192, 256, 512, 1024)
_WIDEST = 100.0
"""In nats; e to the width of a grid is taken by dp-accounting, and overflows beyond 709."""


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """Noised sums over Poisson samples: in each step every record takes part with chance `rate`.

    Attributes:
      rate: chance of a record to be in a step's batch, in (0, 1].
      noise_multiplier: noise standard deviation / L2 sensitivity of the sum, > 0.
      steps: number of such releases, >= 0.
    """

    rate: float
    noise_multiplier: float
    steps: int = 1

    def __post_init__(self) -> None:
        _validate.positive(rate=self.rate, noise_multiplier=self.noise_multiplier)
        _validate.probability(rate=self.rate)
        _validate.at_least(0, steps=self.steps)


def epsilon_spent(events: Iterable[SampledGaussian], *, delta: float) -> float:
    """ε in nats that all events together spent, an upper bound, for a stated δ in (0, 1).

    Exact where every record takes part in every step; by PLD elsewhere; by RDP where δ is so small
    that rounding in the PLD's convolutions could hide it. No event costs 0.

    Raises:
      ValueError: δ is out of range.
      MissingExtra: dp-accounting is not installed.
    """
    _check_delta(delta)
    return _epsilon(_merged(events), delta)


def epsilon_by_rdp(events: Iterable[SampledGaussian], *, delta: float) -> float:
    """ε in nats by Rényi differential privacy: a looser upper bound, found another way."""
    _check_delta(delta)
    merged = _merged(events)
    return _by_rdp(merged, delta) if merged else 0.0


def noise_multiplier_for(*, epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The smallest noise multiplier, to 1 part in 10^4, for which `epsilon_spent` <= `epsilon`.

    Rounded up; the returned multiplier was itself put through `epsilon_spent`. Never below
    `LEAST_NOISE`, however much may be spent.

    Args:
      epsilon: what all steps together may spend, in nats, > 0.
      delta: in (0, 1); well below 1 / number of records.
      rate: expected batch / number of records, in (0, 1].
      steps: number of releases, >= 1.

    Raises:
      NotPrivate: no usable amount of noise meets the target; says what to change.
      ValueError: rate, steps or delta is out of range.
    """
    _check_delta(delta)
    _validate.at_least(1, steps=steps)
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise NotPrivate(
            f"expected a target epsilon > 0, got {epsilon}: no finite noise reaches it. "
            "Choose a finite epsilon, e.g. between 0.5 and 8."
        )
    return _smallest_noise(SampledGaussian(rate, LEAST_NOISE, steps), epsilon, delta)


@dataclass(frozen=True, slots=True)
class JointNoise:
    """A noised gradient sum and K noised, centred counts, released together from one batch.

    Count k is the sum over the batch of b_ik - 1/2, b_ik in {0, 1}. It costs what ONE sum with
    multiplier z costs, 1/z^2 = 1/z_g^2 + K / (4 s_b^2). Proof: divide the gradient sum by its noise
    z_g S, S its sensitivity, and each count by s_b. The stack then has noise N(0, I). One record
    more or less moves the first part by at most 1/z_g and each count by exactly 1/(2 s_b), hence
    the stack by at most sqrt(1/z_g^2 + K/(4 s_b^2)) = 1/z in L2. That is the Gaussian mechanism
    with multiplier z; one Poisson sample feeds all parts, so a step is one SampledGaussian(q, z).
    Without the centring an added record moves a count by up to 1, and the counts cost four times.

    Attributes:
      gradient: multiplier z_g of the gradient sum.
      counts: standard deviation s_b of the noise on each count, in records.
      groups: number K of counts.
    """

    gradient: float
    counts: float
    groups: int

    def __post_init__(self) -> None:
        _validate.positive(gradient=self.gradient, counts=self.counts)
        _validate.at_least(1, groups=self.groups)

    @property
    def noise_multiplier(self) -> float:
        """Multiplier z of the joint release: the inverse of `split`."""
        return 1 / math.hypot(1 / self.gradient, math.sqrt(self.groups) / (2 * self.counts))


def split(noise_multiplier: float, *, groups: int, share: float) -> JointNoise:
    """Noise for the gradient and for `groups` counts that together cost one `noise_multiplier`.

    Args:
      noise_multiplier: z of the joint release, > 0.
      groups: number K of counts, >= 1.
      share: part r of 1/z^2 that the counts take, in (0, 1); .01 costs .5 % more gradient noise.

    Returns:
      z_g = z / sqrt(1 - r) and s_b = z sqrt(K) / (2 sqrt(r)); see `JointNoise` for the proof.

    Raises:
      ValueError: naming the argument that is out of range.
    """
    _validate.positive(noise_multiplier=noise_multiplier)
    _validate.at_least(1, groups=groups)
    if not 0 < share < 1:
        raise ValueError(f"expected 0 < share < 1, got {share}.")
    return JointNoise(
        gradient=noise_multiplier / math.sqrt(1 - share),
        counts=noise_multiplier * math.sqrt(groups) / (2 * math.sqrt(share)),
        groups=groups,
    )


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise ValueError(f"expected 0 < delta < 1, got {delta}.")


def _merged(events: Iterable[SampledGaussian]) -> tuple[SampledGaussian, ...]:
    """Equal mechanisms as one event, unsampled ones as one exact Gaussian, free ones left out."""
    steps: dict[tuple[float, float], int] = {}
    precision = 0.0
    for event in events:
        if event.rate == 1:
            precision += event.steps / event.noise_multiplier**2
        elif event.steps:
            key = (event.rate, event.noise_multiplier)
            steps[key] = steps.get(key, 0) + event.steps
    sampled = tuple(SampledGaussian(q, z, n) for (q, z), n in sorted(steps.items()))
    whole = (SampledGaussian(1.0, 1 / math.sqrt(precision)),) if precision else ()
    return sampled + whole


@lru_cache(maxsize=4096)
def _epsilon(events: tuple[SampledGaussian, ...], delta: float, coarser: float = 1.0) -> float:
    ceiling = _without_sampling(events, delta)
    if not events or events[0].rate == 1:
        return ceiling
    # A convolution by FFT is off by about one rounding a step: that much of delta is given away.
    lost = 1e-14 + 2.3e-16 * sum(event.steps for event in events)
    epsilon = _by_pld(events, delta - lost, coarser) if lost < delta / 100 else math.inf
    return min(epsilon if math.isfinite(epsilon) else _by_rdp(events, delta), ceiling)


def _without_sampling(events: tuple[SampledGaussian, ...], delta: float) -> float:
    """ε if every record took part in every step: exact for rate 1, an upper bound below it."""
    precision = sum(event.steps / event.noise_multiplier**2 for event in events)
    return gaussian.epsilon_for(1 / math.sqrt(precision), delta=delta) if events else 0.0


def _by_pld(events: tuple[SampledGaussian, ...], delta: float, coarser: float) -> float:
    grid = coarser * _grid(events)
    if grid > _WIDEST:
        return math.inf
    total: Any = None
    # Should a power in the FFT overflow, the check at the end fails, and RDP serves instead.
    with np.errstate(over="ignore", invalid="ignore"):
        for event in events:
            one = _one_step(event.rate, event.noise_multiplier, grid)
            many = one if event.steps == 1 else one.self_compose(event.steps)
            total = many if total is None else total.compose(many)
        epsilon = float(total.get_epsilon_for_delta(delta))
        holds = math.isfinite(epsilon) and total.get_delta_for_epsilon(epsilon) <= 1.0001 * delta
    return epsilon if holds else math.inf


@lru_cache(maxsize=32)
def _one_step(rate: float, noise_multiplier: float, grid: float) -> Any:
    distributions = _optional.require(
        "dp_accounting.pld.privacy_loss_distribution", extra="train", purpose="Privacy accounting"
    )
    return distributions.from_gaussian_mechanism(
        noise_multiplier,
        sampling_prob=rate,
        pessimistic_estimate=True,
        value_discretization_interval=grid,
        use_connect_dots=True,
    )


def _grid(events: tuple[SampledGaussian, ...]) -> float:
    """Width of the PLD's grid, in nats; 1e-4 times a power of √2, so that caches are met again.

    A wider grid is as safe but looser. It is fine against one step's loss, within what a second of
    time allows, and within what doubles do: on too fine a grid negative masses, of about rounding
    size over width squared, are set to 0, which adds mass and so only ever loosens the bound.
    """
    finest = min(_FINEST_SHARE * _deviation(event) for event in events)
    reach = max(_reach(event) for event in events)
    steps = sum(event.steps for event in events)
    spread = 16 * math.sqrt(sum(event.steps * _deviation(event) ** 2 for event in events))
    allowed = (
        reach / _STEP_POINTS,
        (spread + reach) / _TOTAL_POINTS,
        1e-8 * (reach * steps) ** 0.5,
    )
    wanted = max(min(finest, _COARSEST), *allowed)
    return float(_COARSEST * 2.0 ** (math.ceil(2 * math.log2(wanted / _COARSEST)) / 2))


def _deviation(event: SampledGaussian) -> float:
    """Rough standard deviation of one step's privacy loss, in nats; steers the grid only."""
    q, inverse = event.rate, 1 / event.noise_multiplier**2
    rare = q * q * math.expm1(min(inverse, 50.0))
    return math.sqrt(min(rare, inverse + q * inverse**2 / 4))


def _reach(event: SampledGaussian) -> float:
    """Rough width of one step's privacy loss distribution, in nats; steers the grid only."""
    top = 0.5 / event.noise_multiplier**2 + 10 / event.noise_multiplier
    return math.log(event.rate) + top if top > 30 else math.log1p(event.rate * math.expm1(top))


def _by_rdp(events: tuple[SampledGaussian, ...], delta: float) -> float:
    accounting = _optional.require("dp_accounting", extra="train", purpose="Privacy accounting")
    rdp = _optional.require("dp_accounting.rdp", extra="train", purpose="Privacy accounting")
    accountant = rdp.RdpAccountant(_RDP_ORDERS)
    for event in events:
        noise = accounting.GaussianDpEvent(event.noise_multiplier)
        accountant.compose(accounting.PoissonSampledDpEvent(event.rate, noise), event.steps)
    # A step's divergence is known up to rounding only: a faint extra Gaussian pays for that.
    rounding = 2e-14 * sum(event.steps for event in events)
    accountant.compose(accounting.GaussianDpEvent(1 / math.sqrt(rounding)))
    return float(accountant.get_epsilon(delta))


def _smallest_noise(event: SampledGaussian, epsilon: float, delta: float) -> float:
    """First on a coarse grid, where a look is nearly free, then on the true one close by."""

    def excess(log_noise: float, coarser: float = 1.0) -> float:
        tried = replace(event, noise_multiplier=math.exp(log_noise))
        spent = _epsilon(_merged([tried]), delta, coarser)
        return math.log(max(spent, 1e-300) / epsilon) if math.isfinite(spent) else 700.0

    least, most = math.log(LEAST_NOISE), math.log(MOST_NOISE)
    high = min(max(_guess(event, epsilon, delta) + 0.05, least), most)
    while high < most and excess(high, _COARSER) > 0:
        high = min(high + 0.2, most)
    near = _bracketed(lambda x: excess(x, _COARSER), least, high, 1e-3, first=0.1)
    steepness = (excess(near - 0.01, _COARSER) - excess(near + 0.01, _COARSER)) / 0.02
    for _ in range(6):
        found = excess(near)
        if -0.5 * _TOLERANCE * steepness < found <= 0 or (near == least and found <= 0):
            return math.exp(near)
        move = found / max(steepness, 0.1) + 0.25 * _TOLERANCE
        near = min(max(near + min(max(move, -0.2), 0.2), least), most)
    step = 1e-3
    while excess(near) > 0:
        if near >= most:
            raise _unreachable(event, epsilon, delta)
        near, step = min(near + step, most), 2 * step
    return math.exp(_bracketed(excess, least, near, _TOLERANCE, first=2e-3))


def _guess(event: SampledGaussian, epsilon: float, delta: float) -> float:
    """ln of a likely noise multiplier: many rare steps are one Gaussian, in the limit.

    Its multiplier is 1 / (q sqrt(T (e^(1/z²) - 1))); Bu et al. 2020, arXiv:1911.11607.
    """
    one = gaussian.noise_multiplier_for(epsilon=epsilon, delta=delta)
    return -0.5 * math.log(math.log1p((1 / (one * event.rate)) ** 2 / event.steps))


def _bracketed(
    excess: Callable[[float], float], least: float, high: float, tolerance: float, *, first: float
) -> float:
    """The x in [least, high], within tolerance and from above, where a falling excess reaches 0."""
    above, step = excess(high), first
    low, below = high, above
    while below <= 0:
        if low <= least:
            return least
        high, above = low, below
        low, step = max(low - step, least), min(2 * step, math.log(2))
        below = excess(low)
    looks = 0
    while high - low > tolerance:
        # Secant, kept off both ends by half a tolerance: then the second look from a near root
        # already closes the bracket. Every third look halves, wherever the curve is far from one.
        guess = low + (high - low) * below / (below - above)
        guess = min(max(guess, low + 0.5 * tolerance), high - 0.5 * tolerance)
        guess, looks = (0.5 * (low + high) if looks % 3 == 2 else guess), looks + 1
        found = excess(guess)
        if found > 0:
            low, below = guess, found
        else:
            high, above = guess, found
    return high


def _unreachable(event: SampledGaussian, epsilon: float, delta: float) -> NotPrivate:
    return NotPrivate(
        f"epsilon {epsilon:g} at delta {delta:g} cannot be met by {event.steps} steps at sampling "
        f"rate {event.rate:g}: even a noise multiplier of {MOST_NOISE:g} spends more. "
        "Allow a larger epsilon or delta, fewer epochs, or a smaller batch."
    )
