# SPDX-License-Identifier: Apache-2.0
"""Which records a training run is about: what they are called, and which of them were held out.

Whoever holds the project key and the data can say so again once the run is done, which is what an
audit needs; whoever lacks the key learns neither from the result.
"""

from __future__ import annotations

import hashlib
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
    """Content hashes of the data sets that pay; one may lie in several folders, and each pays.

    Attributes:
      trained: of what is trained on, a hash a folder.
      measured: of private records that are only measured on.
    """

    trained: tuple[str, ...]
    measured: tuple[str, ...] = ()

    @staticmethod
    def of(plan: Plan) -> Sources:
        """Hashes what the plan names.

        Raises:
          UsageError: nothing there, or the held-out records are those that are trained on.
        """
        trained, elsewhere = _hashes(plan, plan.data.path), plan.data.validation
        if not isinstance(elsewhere, Path):
            return Sources(trained)
        measured = _hashes(plan, elsewhere)
        if measured[0] == trained[0]:
            raise UsageError(
                "[data] validation: these are the records that are trained on; expected others, "
                "or a share such as 0.1."
            )
        return Sources(trained, () if plan.data.public_validation else measured)

    @property
    def data(self) -> str:
        """Of what is trained on, all of it together."""
        return _together(self.trained)

    @property
    def other(self) -> str | None:
        """Of what is measured on, all of it together; None without any."""
        return _together(self.measured) if self.measured else None

    @property
    def token(self) -> str:
        """What the result calls the data set."""
        return keyed("released name of a data set", self.data)

    def charges(self, plan: Plan) -> dict[str, str]:
        """Data set that pays -> purpose, as the ledger keeps it."""
        names = " and ".join(one.name for one in plan.models)
        trained = dict.fromkeys(self.trained, f"train {names}")
        return trained | {
            one: f"measure {names}" for one in self.measured if one not in self.trained
        }


def _hashes(plan: Plan, path: Path) -> tuple[str, ...]:
    if plan.data.layout is None:
        return (content_hash(path),)
    from polyveil.tasks.data_sets.planned import folders  # pictures alone need none of it

    return tuple(content_hash(folder) for folder in folders(plan, path))


def _together(hashes: tuple[str, ...]) -> str:
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def keyed(purpose: str, name: str) -> str:
    """A name that may leave with the result: it tells nothing to whoever lacks the project key."""
    return ProjectKey.load_or_create().mac(purpose, name).hex()[:32]


def records(plan: Plan, run: str, on_progress: Listener = silence) -> tuple[Data, Data | None]:
    """(trained on, measured on) in the run of that id.

    Who is held out follows from the run's id under the project key and from the record alone, so
    that the same call says it again after the run has forgotten its own secret. Of data in a known
    layout that is one fact of the record, its actor for instance; of others, all that it holds.
    """
    key, elsewhere = ProjectKey.load_or_create().mac("held out", run), plan.data.validation
    if plan.data.layout is not None:
        return _of_layout(plan, key, on_progress)
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


def _of_layout(plan: Plan, key: bytes, on_progress: Listener) -> tuple[Data, Data | None]:
    from polyveil.tasks.data_sets.planned import read

    elsewhere = plan.data.validation
    joint, units = read(plan, plan.data.path, classes=plan.data.classes, on_progress=on_progress)
    if isinstance(elsewhere, Path):
        return joint, read(plan, elsewhere, classes=joint.classes, on_progress=on_progress)[0]
    return joint.held_out(elsewhere, key, units) if elsewhere else (joint, None)
