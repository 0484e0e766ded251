# SPDX-License-Identifier: Apache-2.0
"""A model for each modality, trained apart; they meet at prediction alone.

The baseline that balanced training has to beat: no modality can drown another that it never meets.
Under privacy it is not free: M models of the same records are M releases a round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from polyveil.learn.multimodal.course import Course
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.options import Options
from polyveil.learn.multimodal.paths import Path
from polyveil.learn.multimodal.steps import Steps


@dataclass(frozen=True, slots=True)
class Late:
    """Training apart; see `polyveil.learn.multimodal.method.Method`."""

    name: ClassVar[str] = "late fusion"
    head: ClassVar[str] = "separate"

    def releases(self, modalities: int) -> int:
        """One for every model's step."""
        return modalities

    def remarks(self, options: Options, *, private: bool) -> tuple[str, ...]:
        """See `Method`."""
        charged = (
            "privacy: the models learn from the same records; their steps are charged together"
        )
        return (charged,) if private else ()

    def rounds(self, setting: Setting) -> Course:
        """See `Method`."""
        everyone = [_alone(name, setting) for name in setting.inputs]

        def once(number: int) -> None:
            for steps in everyone:
                steps.gradient()
                steps.apply()

        return Course(setting, once, everyone)


def _alone(name: str, setting: Setting) -> Steps:
    model = setting.model
    path = Path(model.encoder_of(name), model.head_of(name)).to(setting.labels.device)

    def losses(values: Tensor, present: Tensor, labels: Tensor) -> Tensor:
        return path.losses(values, present, labels)[0]

    return setting.steps(name, path, setting.rows(name), losses)
