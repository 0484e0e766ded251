# SPDX-License-Identifier: Apache-2.0
"""All modalities in one step: the usual way, and the first thing to compare with.

One loss of all modalities' features side by side, or of the mean of their logits. One step looks at
a record once, with all it has, so a round is one release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from polyveil.learn.multimodal.course import Course
from polyveil.learn.multimodal.method import Setting
from polyveil.learn.multimodal.options import Options
from polyveil.learn.multimodal.paths import JointPath
from polyveil.learn.multimodal.steps import Steps
from polyveil.models import checks

FUSIONS = ("concatenation", "mean")


@dataclass(frozen=True, slots=True)
class Joint:
    """Training of all together; see `polyveil.learn.multimodal.method.Method`.

    Attributes:
      fusion: "concatenation" (one layer over all features) or "mean" (of the logits of a shared
        head over the modalities that are there).
    """

    fusion: str = "concatenation"
    name: ClassVar[str] = "joint"

    def __post_init__(self) -> None:
        checks.one_of("fusion", self.fusion, FUSIONS)

    @property
    def head(self) -> str:
        """Of the network."""
        return "concatenation" if self.fusion == "concatenation" else "shared"

    def releases(self, modalities: int) -> int:
        """One step, whatever there is in it."""
        return 1

    def remarks(self, options: Options, *, private: bool) -> tuple[str, ...]:
        """Nothing to be told."""
        return ()

    def rounds(self, setting: Setting) -> Course:
        """See `Method`."""
        steps = joint_steps(setting, tells=False)

        def once(number: int) -> None:
            steps.gradient()
            steps.apply()

        return Course(setting, once, [steps])


def joint_steps(setting: Setting, *, tells: bool) -> Steps:
    """The steps of all modalities together."""
    path = JointPath(setting.model, tells=tells).to(setting.labels.device)

    def losses(*rows: Tensor) -> Tensor:
        *values, present, labels = rows
        return path.losses(dict(zip(setting.inputs, values, strict=True)), present, labels)

    rows = (*setting.inputs.values(), setting.present, setting.labels)
    return setting.steps("joint", path, rows, losses)
