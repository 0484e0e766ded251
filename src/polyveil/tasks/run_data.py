# SPDX-License-Identifier: Apache-2.0
"""Which records a training run is about: what they are called, and which of them were held out.

Whoever holds the project key and the data can say so again once the run is done, which is what an
audit needs; whoever lacks the key learns neither from the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polyveil.errors import UsageError
from polyveil.learn.labelled import read_labelled
from polyveil.learn.modalities import Data
from polyveil.learn.plan import Plan
from polyveil.learn.progress import Listener, silence
from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import content_hash


@dataclass(frozen=True, slots=True)
class Sources:
    """Content hashes of the data sets that pay; `other` is of private held-out records."""

    data: str
    other: str | None = None

    @staticmethod
    def of(plan: Plan) -> Sources:
        """Hashes what the plan names.

        Raises:
          UsageError: nothing there, or the held-out records are those that are trained on.
        """
        data = content_hash(plan.data.path)
        if not isinstance(plan.data.validation, Path):
            return Sources(data)
        other = content_hash(plan.data.validation)
        if other == data:
            raise UsageError(
                "[data] validation: these are the records that are trained on; expected others, "
                "or a share such as 0.1."
            )
        return Sources(data, None if plan.data.public_validation else other)

    @property
    def token(self) -> str:
        """What the result calls the data set."""
        return keyed("released name of a data set", self.data)

    def charges(self, plan: Plan) -> dict[str, str]:
        """Data set that pays -> purpose, as the ledger keeps it."""
        names = " and ".join(one.name for one in plan.models)
        paid = {self.data: f"train {names}"}
        return paid if self.other is None else {**paid, self.other: f"measure {names}"}


def keyed(purpose: str, name: str) -> str:
    """A name that may leave with the result: it tells nothing to whoever lacks the project key."""
    return ProjectKey.load_or_create().mac(purpose, name).hex()[:32]


def records(plan: Plan, run: str, on_progress: Listener = silence) -> tuple[Data, Data | None]:
    """(trained on, measured on) in the run of that id.

    Who is held out follows from the run's id under the project key and from the record alone, so
    that the same call says it again after the run has forgotten its own secret.
    """
    key, elsewhere = ProjectKey.load_or_create().mac("held out", run), plan.data.validation
    if plan.data.inputs is not None:
        from polyveil.tasks.modalities import read_modalities  # pictures alone need none of it

        joint = read_modalities(plan, on_progress=on_progress)
        if isinstance(elsewhere, Path):
            other = read_modalities(plan, path=elsewhere, like=joint, on_progress=on_progress)
            return joint, other
        return joint.held_out(elsewhere, key) if elsewhere else (joint, None)
    alone = read_labelled(plan.data)
    if isinstance(elsewhere, Path):
        return alone, read_labelled(plan.data, path=elsewhere, like=alone)
    return alone.held_out(elsewhere, key) if elsewhere else (alone, None)
