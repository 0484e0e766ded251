# SPDX-License-Identifier: Apache-2.0
"""What a recogniser of the benchmarks is made of, and how long and how it is trained.

Settings were chosen on development users alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig

VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "without alignment": {"alignment": "none"},
    "without VAE": {"vae": False},
    "without ODConv": {"odconv": False},
    "anchors for InfoNCE": {"alignment": "anchors"},
    "margin as printed": {"alignment": "margin-as-printed"},
}
MODALITIES = ("face", "voice", "behaviour")


@dataclass(frozen=True)
class Recipe:
    """How long and how; chosen on development users.

    Attributes:
      background_steps, steps: of the two trainings.
      background_batch, batch: records of a step.
      background_rate, rate: highest learning rate of AdamW, falling to 0 along a cosine.
      decay: weight decay.
      missing: probability that a modality is left out of a training record.
      augmented: codes made of each enrolment sample.
      network: options of `RecogniserConfig` beyond the variant's.
    """

    background_steps: int = 500
    background_batch: int = 64
    background_rate: float = 3e-3
    background_vae_weight: float = 1.0
    steps: int = 80
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.05
    missing: float = 0.2
    augmented: int = 6
    network: tuple[tuple[str, Any], ...] = ()


RECIPE = Recipe()


def configuration(
    modalities: tuple[Modality, ...], identities: int, variant: str, recipe: Recipe = RECIPE
) -> RecogniserConfig:
    """Of a variant by name; unimodal networks have nothing to align."""
    options = dict(recipe.network) | VARIANTS[variant]
    if len(modalities) == 1:
        options["alignment"] = "none"
    return RecogniserConfig(modalities, identities, **options)


def untrained(config: RecogniserConfig, seed: int) -> MultimodalRecogniser:
    """A fresh network; the global random state stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MultimodalRecogniser(config)


def optimizing(system: nn.Module, rate: float, steps: int, decay: float) -> Any:
    """AdamW and its rate, up over a fifth of the steps and down again."""
    weights = [weight for weight in system.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.2
    )
    return optimizer, schedule


def descend(loss: Tensor, system: nn.Module, optimizer: Any, schedule: Any) -> None:
    """One step; gradients longer than 5 are cut to it."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(system.parameters(), 5.0)
    optimizer.step()
    schedule.step()
