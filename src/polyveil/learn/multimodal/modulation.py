# SPDX-License-Identifier: Apache-2.0
"""Joint training that slows down the modality which is ahead: on-the-fly gradient modulation.

With s_m the sum over the batch of modality m's own probability of the true class, its ratio to the
others is rho_m = s_m / mean of the others' s, and gradients of its encoder are multiplied by

    k_m = 1 - tanh(alpha rho_m)  where rho_m > 1,   else 1,

plus normal noise as large as the gradient's own spread ("generalisation enhancement"), which keeps
the noise of stochastic steps that a smaller k_m would take away. For two modalities rho_m is the
published ratio; that of more is ours. The published code modulates convolution weights alone; here
every weight of an encoder with two dimensions or more.

The scores s_m are sums over the batch. Under privacy they are released with the gradients, clipped
and noised (one group of the same mechanism), and k_m follows from what was released; taken from the
batch itself they would carry around the noise.

Adam divides by the size of past gradients, so a factor that stays the same cancels: use "sgd".

Source: Peng et al., CVPR 2022, https://arxiv.org/abs/2203.15332, equations 8 to 12; the code of
GeWu-Lab/OGM-GE_CVPR2022, main.py, read in November 2026.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from polyveil import _validate
from polyveil.learn.multimodal.course import Course
from polyveil.learn.multimodal.draws import Draws
from polyveil.learn.multimodal.joint import joint_steps
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.options import Options

_LEAST = 1e-3
"""A noised score may be 0 or below; no mean probability that is this small is told apart."""


@dataclass(frozen=True, slots=True)
class Modulated:
    """Joint training with modulated gradients; see `polyveil.learn.multimodal.method.Method`.

    Attributes:
      alpha: > 0, how strongly whoever is ahead is slowed down.
      enhance: add the noise of generalisation enhancement.
      until: share of the rounds, in [0, 1], that are modulated; from the first on.
    """

    alpha: float = 0.3
    enhance: bool = True
    until: float = 1.0
    head: ClassVar[str] = "concatenation"

    def __post_init__(self) -> None:
        _validate.positive(alpha=self.alpha)
        _validate.probability(until=self.until)

    @property
    def name(self) -> str:
        """As the source names it."""
        return "OGM-GE" if self.enhance else "OGM"

    def releases(self, modalities: int) -> int:
        """One: scores are released together with the gradients."""
        return 1

    def remarks(self, options: Options, *, private: bool) -> tuple[str, ...]:
        """See `Method`."""
        noised = (
            "modulation: coefficients follow from clipped, noised scores that are released with "
            "the gradients and charged with them, not from the batch's own scores as published"
        )
        idle = "modulation: Adam cancels a factor that stays the same; use optimizer = 'sgd'"
        adam = (idle,) if options.optimizer == "adam" else ()
        return (*((noised,) if private else ()), *adam)

    def rounds(self, setting: Setting) -> Course:
        """See `Method`."""
        steps = joint_steps(setting, tells=True)
        draws = Draws(setting.options.seed)
        last = self.until * setting.rounds.rounds

        def once(number: int) -> None:
            steps.gradient()
            told = steps.told
            if told is not None and number < last:
                factors = coefficients(told.tolist(), self.alpha)
                for name, factor in zip(setting.inputs, factors, strict=True):
                    self._modulate(setting.model.encoder_of(name), factor, draws)
            steps.apply()

        return Course(setting, once, [steps], {"draws": draws})

    @torch.no_grad()
    def _modulate(self, encoder: torch.nn.Module, factor: float, draws: Draws) -> None:
        for value in encoder.parameters():
            gradient = value.grad
            if gradient is None or gradient.dim() < 2:
                continue
            spread = float(gradient.std()) if gradient.numel() > 1 else 0.0
            gradient.mul_(factor)
            if self.enhance:
                noise = draws.normal(gradient.shape).to(gradient.device)
                gradient.add_(noise, alpha=spread + 1e-8)


def coefficients(scores: Sequence[float], alpha: float) -> list[float]:
    """k_m of every modality.

    Args:
      scores: mean (or sum) of each modality's probability of the true class; what noise brought
        below `_LEAST` counts as that.
      alpha: > 0.

    Returns:
      numbers in (0, 1]; 1 for whoever is not ahead of the mean of the others, and for one alone.
    """
    floored = [max(score, _LEAST) for score in scores]
    found = []
    for at, score in enumerate(floored):
        others = [one for other, one in enumerate(floored) if other != at]
        ratio = score * len(others) / math.fsum(others) if others else 0.0
        found.append(1 - math.tanh(alpha * ratio) if ratio > 1 else 1.0)
    return found
