# SPDX-License-Identifier: Apache-2.0
"""Enrol, verify, identify, revoke: a gallery and a fitted decider at one stated rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.recognize.decision import (
    Decider,
    Identified,
    NotEnrolled,
    Rejected,
    Unknown,
    Verified,
)
from polyveil.recognize.gallery import Gallery
from polyveil.recognize.normalise import Cohort


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Answers with values that tell their threshold and rate, never with a bare score.

    Attributes:
      gallery: of protected templates. Enrol, renew and revoke there.
      decider: fitted on development people, with the same cohort.
      far: chance that a stranger is verified (a comparison) or identified (a search), at most.
      cohort: the background people that the decider's development scores were normalised by.
    """

    gallery: Gallery
    decider: Decider
    far: float
    cohort: Cohort | None = None

    def __post_init__(self) -> None:
        if not 0 < self.far < 1:
            raise UsageError(f"recognizer: expected 0 < far < 1, got {self.far}.")

    def verify(
        self, name: str, probe: Mapping[str, ArrayLike]
    ) -> Verified | Rejected | NotEnrolled:
        """Whether a probe is the named person.

        Args:
          probe: modality -> embedding (dimension,), any subset of modalities. Secret.

        Raises:
          UsageError: an unfit probe, or a rate that development people cannot support.
        """
        comparison = self.gallery.compare(probe, names=[name], cohort=self.cohort)
        return self.decider.verify(comparison, self.gallery.subject(name), far=self.far)

    def identify(self, probe: Mapping[str, ArrayLike]) -> Identified | Unknown:
        """Who of the whole gallery a probe is, or that it is nobody enrolled.

        Raises:
          UsageError: as `verify`; larger galleries need more development people.
        """
        return self.identify_all([probe])[0]

    def identify_all(self, probes: Sequence[Mapping[str, ArrayLike]]) -> list[Identified | Unknown]:
        """Several probes, each searched on its own: faster than one by one.

        Raises:
          UsageError: as `identify`, for any of them.
        """
        found = self.gallery.compare_all(probes, cohort=self.cohort)
        return [self.decider.identify(one, far=self.far) for one in found]
