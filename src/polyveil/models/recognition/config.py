# SPDX-License-Identifier: Apache-2.0
"""The whole recognition network as public facts, with a switch for each part that is compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

from polyveil.errors import UsageError
from polyveil.models import checks
from polyveil.models.recognition.alignment import NO_GUARANTEE
from polyveil.models.recognition.encoders import EncoderConfig
from polyveil.models.recognition.modality import Modality
from polyveil.models.vae import VAEConfig

ALIGNMENTS = ("info-nce", "anchors", "margin-as-printed", "none")
MIXES_RECORDS = ("info-nce", "margin-as-printed")
NO_PRIVACY = (
    "VAE: the noise of the code is no differential privacy; nothing bounds what a code tells. "
    "Measure what an attacker rebuilds from it."
)


@dataclass(frozen=True, slots=True)
class RecogniserConfig:
    """Parts and sizes of the network; checked on construction.

    Attributes:
      modalities: one or more, of different names; their order is that of columns in masks.
      identities: people of the closed set.
      vae: the recogniser sees a sampled code; False: the same first half without code and noise.
      odconv: dynamic convolutions in the encoders; False: plain ones.
      alignment: "info-nce" (mixes records), "anchors" (one loss a record, for private training),
        "margin-as-printed" (equation 7, three modalities; mixes records) or "none".
      width: of the common space.
      latent, noise, deterministic: see `VAEConfig`; of every modality.
      vae_widths, sequence_vae_widths: see `VAEConfig`; of pictures and of sequences, whose steps
        are halved but once by default: rhythm does not survive more.
      widths, kernels: see `EncoderConfig`; of every modality.
      alignment_weight, vae_weight: factors on these parts of the loss, >= 0; identity counts 1.
      seed: of the anchors.
    """

    modalities: tuple[Modality, ...]
    identities: int
    vae: bool = True
    odconv: bool = True
    alignment: str = "info-nce"
    width: int = 64
    latent: int = 4
    vae_widths: tuple[int, ...] = (16, 32, 64)
    sequence_vae_widths: tuple[int, ...] = (32,)
    noise: float = 1.0
    deterministic: bool = False
    widths: tuple[int, ...] = (32, 64)
    kernels: int = 1
    alignment_weight: float = 1.0
    vae_weight: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        names = [one.name for one in self.modalities]
        if not names or len(set(names)) < len(names):
            raise UsageError(f"modalities: {names}; expected one or more of different names.")
        checks.at_least("identities", self.identities, 1)
        checks.at_least("width", self.width, 1)
        checks.one_of("alignment", self.alignment, ALIGNMENTS)
        if self.alignment == "margin-as-printed" and len(names) != 3:
            raise UsageError(
                f"alignment: 'margin-as-printed' compares three modalities, got {len(names)}. "
                "Use 'info-nce' or 'anchors'."
            )
        for option in ("alignment_weight", "vae_weight"):
            value = getattr(self, option)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{option}: {value!r}; expected a finite number >= 0.")
        for modality in self.modalities:
            self.encoder_of(modality)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the modalities, in order."""
        return tuple(one.name for one in self.modalities)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever reads a result must be told."""
        mixing = (NO_GUARANTEE,) if self.alignment in MIXES_RECORDS else ()
        code = (NO_PRIVACY, *self.vae_of(self.modalities[0]).remarks) if self.vae else ()
        return (*mixing, *code)

    def vae_of(self, modality: Modality) -> VAEConfig:
        """The autoencoder's shape."""
        sequence = len(modality.shape) == 2
        return VAEConfig(
            modality.shape,
            self.latent,
            self.sequence_vae_widths if sequence else self.vae_widths,
            self.noise,
            modality.spread,
            self.deterministic,
        )

    def encoder_of(self, modality: Modality) -> EncoderConfig:
        """The encoder's shape: over codes, or over the maps of the stem where there is no VAE."""
        before = self.vae_of(modality)
        shape = before.code if self.vae else (before.widths[-1], *before.grids[-1])
        return EncoderConfig(shape, self.widths, self.odconv, self.kernels)
