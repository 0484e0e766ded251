# SPDX-License-Identifier: Apache-2.0
"""Training a recogniser of people from several modalities: identity, alignment and autoencoders.

Under a budget every loss is of one record: people are drawn to fixed anchors. The contrastive loss
compares the records of a batch with each other; it is the default only where no promise is made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from polyveil.errors import NotPrivate, UsageError
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.plan import RECOGNISER, ModelPlan, Plan
from polyveil.learn.rows import AT_ONCE
from polyveil.learn.sessions import as_another_session
from polyveil.models.odconv_attention import anneal
from polyveil.models.recognition.alignment import NO_GUARANTEE
from polyveil.models.recognition.config import MIXES_RECORDS, RecogniserConfig
from polyveil.models.recognition.modality import Modality
from polyveil.models.recognition.subset_fusion import random_subsets
from polyveil.models.recognition.system import MultimodalRecogniser

HIDDEN = 0.2
"""Chance of a modality to be hidden from a step, so that none is leaned on."""


class Recognition:
    """A recogniser and its people; see `polyveil.learn.objective.Objective`."""

    model: MultimodalRecogniser
    network: MultimodalRecogniser
    rows: tuple[Tensor, ...]
    views: int = 1

    def __init__(self, model: MultimodalRecogniser, data: Multimodal) -> None:
        # Convolutions over few channels take half the time in this order.
        self.model = self.network = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._names, self._kinds = tuple(data.inputs), data.kinds
        values = [torch.from_numpy(one) for one in data.inputs.values()]
        mask, labels = torch.from_numpy(data.present), torch.from_numpy(data.labels)
        self.rows = (*values, mask, labels)
        # Hides nothing drawn from the records: the masks follow from the step alone.
        self._hiding = torch.Generator()

    def begin(self, epoch: float) -> None:
        """Dynamic convolutions start soft and grow decided."""
        anneal(self.model, epoch)

    def losses(self, *rows: Tensor) -> Tensor:
        """Identity, alignment and autoencoders together, nats."""
        *values, present, labels = rows
        self._hiding.manual_seed(int(torch.randint(2**62, ())))
        kept = random_subsets(len(labels), len(self._names), missing=HIDDEN, generator=self._hiding)
        shown = present & kept
        # Whoever would be left with nothing keeps what there is.
        shown = torch.where(shown.any(1, keepdim=True), shown, present)
        inputs = {
            name: as_another_session(self._kinds.get(name, ""), one)
            for name, one in zip(self._names, values, strict=True)
        }
        return self.model.losses(inputs, labels, shown).total

    @torch.no_grad()
    def scores(self, data: Data) -> Tensor:
        """See `Objective`. Codes are sampled, as in use."""
        if not isinstance(data, Multimodal):
            raise TypeError("expected records of several modalities.")
        parts = []
        for start in range(0, len(data), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            inputs = {name: torch.from_numpy(one[part]) for name, one in data.inputs.items()}
            parts.append(self.model(inputs, torch.from_numpy(data.present[part])).logits)
        return torch.cat(parts)


def recogniser(plan: ModelPlan, data: Data) -> MultimodalRecogniser:
    """A freshly initialised recogniser for these people; draws from torch's global generator.

    Raises:
      UsageError: pictures alone, or an option that it does not have.
    """
    if not isinstance(data, Multimodal):
        raise UsageError(
            '[model] name: a recogniser reads modalities; expected [data] inputs, e.g. ["face", '
            '"voice"].'
        )
    modalities = tuple(
        Modality(name, shape, **({"spread": data.spreads[name]} if name in data.spreads else {}))
        for name, shape in data.shapes.items()
    )
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plan.options.items()
    }
    try:
        config = RecogniserConfig(modalities, len(data.classes), **options)
    except TypeError:
        known = [one for one in RecogniserConfig.__slots__ if one not in _GIVEN]
        unknown = sorted(set(options) - set(known))
        raise UsageError(
            f"[model] recogniser: unknown option {', '.join(unknown)}; it has {', '.join(known)}."
        ) from None
    return MultimodalRecogniser(config)


_GIVEN = ("modalities", "identities")


def with_alignment(plan: Plan) -> Plan:
    """The plan with each recogniser's alignment stated.

    Raises:
      NotPrivate: a loss that mixes records under a budget.
    """
    if all(one.name != RECOGNISER for one in plan.models):
        return plan
    private = plan.privacy.mode != "none"
    models = []
    for one in plan.models:
        default = "anchors" if private else "info-nce"
        options = {"alignment": default, **one.options} if one.name == RECOGNISER else one.options
        if private and options.get("alignment") in MIXES_RECORDS:
            raise NotPrivate(
                f'[model] {NO_GUARANTEE} Or set [privacy] mode = "none" to train without one.'
            )
        models.append(ModelPlan(one.name, options))
    return replace(plan, models=tuple(models))
