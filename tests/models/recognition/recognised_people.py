# SPDX-License-Identifier: Apache-2.0
"""A tiny network of three modalities and records of people it can learn."""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.models.recognition import Modality, MultimodalRecogniser, RecogniserConfig

MODALITIES = (
    Modality("face", (1, 16, 16), 0.5),
    Modality("voice", (1, 8, 20), 0.5),
    Modality("keys", (16, 3), 0.5),  # the name of a method of torch's ModuleDict
)
SMALL = {
    "width": 16,
    "latent": 2,
    "vae_widths": (8, 8),
    "sequence_vae_widths": (8,),
    "widths": (16,),
}


def recogniser(
    identities: int = 4, modalities: tuple[Modality, ...] = MODALITIES, **options: object
) -> MultimodalRecogniser:
    torch.manual_seed(0)
    config = RecogniserConfig(modalities, identities, **(SMALL | options))  # type: ignore[arg-type]
    return MultimodalRecogniser(config)


def people(
    each: int = 6, identities: int = 4, modalities: tuple[Modality, ...] = MODALITIES
) -> tuple[dict[str, Tensor], Tensor]:
    """Every person is a fixed smooth pattern a modality, plus noise of every record."""
    draw = torch.Generator().manual_seed(1)
    who = torch.arange(identities).repeat(each)
    inputs = {}
    for one in modalities:
        own = torch.randn(identities, *one.shape, generator=draw).cumsum(-2) / 2
        inputs[one.name] = own[who] + 0.3 * torch.randn(len(who), *one.shape, generator=draw)
    return inputs, who
