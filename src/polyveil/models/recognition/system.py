# SPDX-License-Identifier: Apache-2.0
"""Protected multimodal recognition as one network.

    each modality: input -> autoencoder -> sampled code -> encoder (ODConv; GRU for sequences)
                         -> projection -> embedding of length 1
    all that are there: fusion -> one embedding of length 1 -> closed-set logits

After the code nothing sees the input. A missing modality is a False in a mask, or no tensor at
all; what stands in its place changes nothing. Every record is treated alone, but for the losses
"info-nce" and "margin-as-printed": with another alignment the network trains privately as it is.

    private = PrivateTraining(system, optimizer, data, epsilon=8.0, batch_size=256, epochs=20)
    for face, voice, who in private.batches():
        private.backward(system.losses({"face": face, "voice": voice}, who).total)
        optimizer.step()

The paper draws no network; sizes and the split between autoencoder and encoder are our choice.

Source: Zhu & Shao, "Data security recognition with ODConv and a multimodal CLIP model"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyveil.errors import UsageError
from polyveil.models.recognition.alignment import info_nce, printed_margin
from polyveil.models.recognition.anchors import Anchors
from polyveil.models.recognition.closed_set import ClosedSetHead
from polyveil.models.recognition.config import RecogniserConfig
from polyveil.models.recognition.encoders import PictureEncoder, SequenceEncoder, Stem
from polyveil.models.recognition.modality import Modality, slot
from polyveil.models.recognition.projection import Projection
from polyveil.models.recognition.subset_fusion import SubsetFusion
from polyveil.models.vae import VAE


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the network says of records, for the modalities that were passed.

    Attributes:
      fused: float32 [records, width], length 1. Secret.
      logits: float32 [records, identities] of the closed set.
      embeddings: modality -> float32 [records, width], length 1. Secret.
      codes: modality -> float32 [records, latent, *grid], all that the recogniser saw of the
        input; without an autoencoder the maps of the stem. Secret.
      bounds: modality -> float32 [records], the autoencoder's loss; in training mode alone.
      present: bool [records, modalities passed].
    """

    fused: Tensor = field(repr=False)
    logits: Tensor = field(repr=False)
    embeddings: dict[str, Tensor] = field(repr=False)
    codes: dict[str, Tensor] = field(repr=False)
    bounds: dict[str, Tensor] = field(repr=False)
    present: Tensor = field(repr=False)


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of one batch, each float32 [records].

    Attributes:
      total: identity + alignment_weight * alignment + vae_weight * vae. Train on this.
      identity: cross-entropy of the closed set, nats.
      alignment: of the chosen kind; 0 without.
      vae: sum over the modalities that are there; 0 without.
    """

    total: Tensor = field(repr=False)
    identity: Tensor = field(repr=False)
    alignment: Tensor = field(repr=False)
    vae: Tensor = field(repr=False)


class MultimodalRecogniser(nn.Module):
    """Modality -> float32 [records, *shape], any subset -> `Recognised`.

    In use (`eval()`) codes are sampled too, unless the configuration is deterministic: an attacker
    has to average over calls. Set the temperature of dynamic convolutions by
    `polyveil.models.odconv_attention.anneal` before each epoch.
    """

    def __init__(self, config: RecogniserConfig) -> None:
        super().__init__()
        self.config = config
        self.coders, self.encoders, self.projections = (nn.ModuleDict() for _ in range(3))
        for one in config.modalities:
            self.coders[slot(one.name)] = self._coder(one)
            self.encoders[slot(one.name)] = self._encoder(one)
            self.projections[slot(one.name)] = Projection(config.widths[-1], config.width)
        self.fusion = SubsetFusion(config.names, config.width)
        self.head = ClosedSetHead(config.width, config.identities)
        anchored = config.alignment == "anchors"
        self.anchors = (
            Anchors(config.identities, config.width, seed=config.seed) if anchored else None
        )

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        present: Tensor | None = None,
        noise: Mapping[str, Tensor] | None = None,
    ) -> Recognised:
        """Recognises.

        Args:
          inputs: modality -> float32 [records, *shape]; one or more of the network's.
          present: bool [records, all modalities of the network], in its order; None: all that were
            passed. Rows of missing ones may hold anything.
          noise: modality -> N(0, 1) numbers [records, *code]; None: from torch's global generator.

        Raises:
          UsageError: unknown modality, shape that does not fit, or a record with nothing present.
        """
        names, mask = self._checked(inputs, present)
        codes, bounds = {}, {}
        for name, here in zip(names, mask.unbind(1), strict=True):
            # Before anything else, so that no NaN of a missing row reaches a gradient.
            x = torch.where(here.reshape(-1, *(1,) * (inputs[name].dim() - 1)), inputs[name], 0.0)
            codes[name], bound = self._code(name, x, (noise or {}).get(name))
            if bound is not None:
                bounds[name] = torch.where(here, bound, torch.zeros_like(bound))
        return self._recognised(codes, bounds, mask)

    def recognise(self, codes: Mapping[str, Tensor], present: Tensor) -> Recognised:
        """What follows the codes, alone: for codes that were made, or kept, elsewhere.

        Args:
          codes: modality -> float32 as in `Recognised.codes`, in the network's order.
          present: bool [records, modalities passed].
        """
        return self._recognised(dict(codes), {}, present)

    def losses(
        self,
        inputs: Mapping[str, Tensor],
        identities: Tensor,
        present: Tensor | None = None,
        noise: Mapping[str, Tensor] | None = None,
    ) -> Losses:
        """One loss a record; in training mode, where the autoencoder's part is computed.

        Args:
          inputs, present, noise: as of `forward`.
          identities: int64 [records], in 0..identities - 1.

        Raises:
          UsageError: as `forward`, or identities that are none.
        """
        return self.losses_of(self(inputs, present, noise), identities)

    def losses_of(self, found: Recognised, identities: Tensor) -> Losses:
        """Losses of records that were recognised already; as of `losses`."""
        self._check_identities(identities, found)
        identity = functional.cross_entropy(found.logits, identities, reduction="none")
        zero = torch.zeros_like(identity)
        alignment = self._alignment(found, identities)
        vae = sum(found.bounds.values(), zero)
        weights = self.config.alignment_weight, self.config.vae_weight
        total = identity + weights[0] * alignment + weights[1] * vae
        return Losses(total, identity, alignment, vae)

    def noise(self, records: int, *, generator: torch.Generator) -> dict[str, Tensor]:
        """N(0, 1) numbers for the codes of so many records, to repeat a call exactly."""
        if not self.config.vae:
            return {}
        return {
            one.name: torch.randn(records, *self.config.vae_of(one).code, generator=generator)
            for one in self.config.modalities
        }

    @property
    def samples(self) -> bool:
        """Whether the next call draws codes at random."""
        return any(isinstance(one, VAE) and one.samples for one in self.coders.values())

    def _recognised(
        self, codes: dict[str, Tensor], bounds: dict[str, Tensor], mask: Tensor
    ) -> Recognised:
        embeddings = {
            name: self.projections[slot(name)](self.encoders[slot(name)](code))
            for name, code in codes.items()
        }
        fused = self.fusion(embeddings, mask)
        return Recognised(fused, self.head(fused), embeddings, codes, bounds, mask)

    def _alignment(self, found: Recognised, identities: Tensor) -> Tensor:
        kind = self.config.alignment
        if self.anchors is not None:
            loss: Tensor = self.anchors(found.embeddings, identities, found.present)
            return loss
        if kind == "info-nce":
            return info_nce(found.embeddings, identities, present=found.present)
        if kind == "margin-as-printed":
            return printed_margin(found.embeddings, identities, present=found.present)
        return torch.zeros_like(identities, dtype=found.fused.dtype)

    def _code(self, name: str, x: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the recogniser sees, and in training the autoencoder's loss."""
        coder = self.coders[slot(name)]
        if not isinstance(coder, VAE):
            return coder(x), None
        coded = coder.encode(x, noise)
        if not self.training:
            return coded.code, None
        return coded.code, coder.loss(x, coded, coder.decode(coded.code))

    def _checked(
        self, inputs: Mapping[str, Tensor], present: Tensor | None
    ) -> tuple[list[str], Tensor]:
        """Names that were passed, in order, and their mask."""
        shapes = {one.name: one.shape for one in self.config.modalities}
        unknown = sorted(set(inputs) - set(shapes))
        if unknown or not inputs:
            raise UsageError(
                f"inputs: {', '.join(unknown) or 'none'}; expected one or more of "
                f"{', '.join(shapes)}."
            )
        names = [name for name in shapes if name in inputs]
        records = inputs[names[0]].shape[0]  # len() would fix it in an exported graph
        for name in names:
            shape = tuple(inputs[name].shape)
            if shape[1:] != shapes[name] or shape[0] != records:
                raise UsageError(f"{name}: shape {shape}; expected ({records}, *{shapes[name]}).")
        if present is None:
            every = torch.ones(records, len(names), dtype=torch.bool)
            return names, every.to(inputs[names[0]].device)
        if present.dtype != torch.bool or tuple(present.shape) != (records, len(shapes)):
            raise UsageError(
                f"present: {tuple(present.shape)} {present.dtype}; expected bool "
                f"({records}, {len(shapes)})."
            )
        columns = dict(zip(self.config.names, present.unbind(1), strict=True))
        mask = torch.stack([columns[name] for name in names], 1)
        # An exported graph has no errors to raise: such a record gets an embedding of zeros.
        if not torch.compiler.is_exporting() and not bool(mask.any(1).all()):
            raise UsageError(
                "present: a record without any modality that was passed; expected one or more."
            )
        return names, mask

    def _check_identities(self, identities: Tensor, found: Recognised) -> None:
        expected = (len(found.fused),)
        whole = identities.dtype == torch.int64 and tuple(identities.shape) == expected
        if not whole or bool(((identities < 0) | (identities >= self.config.identities)).any()):
            raise UsageError(
                f"identities: {tuple(identities.shape)} {identities.dtype}; expected int64 "
                f"{expected} in 0..{self.config.identities - 1}."
            )

    def _coder(self, modality: Modality) -> nn.Module:
        config = self.config.vae_of(modality)
        return VAE(config) if self.config.vae else Stem(config)

    def _encoder(self, modality: Modality) -> nn.Module:
        config = self.config.encoder_of(modality)
        return PictureEncoder(config) if len(config.shape) == 3 else SequenceEncoder(config)
