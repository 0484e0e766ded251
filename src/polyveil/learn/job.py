# SPDX-License-Identifier: Apache-2.0
"""One network and everything that its training follows from, and the name of all of it.

A state fits the very same records alone. A picture that was moved to the folder of another class
meanwhile is the same picture for the ledger, but who is held out may be others: a record would
have paid for weights, and then for figures.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polyveil.learn.history import Meter
from polyveil.learn.modalities import Data, Multimodal
from polyveil.learn.plan import ModelPlan, Plan
from polyveil.learn.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Job:
    """One network and everything that its training follows from.

    Attributes:
      number: 1 or 2, of the network in its run.
      plan, model, schedule: public facts.
      train, held_out: records; held_out None where nothing is measured.
      measured_at: steps after which held-out records are looked at.
      meter: tells held-out figures.
      secret: of the run; this network's own is derived from it.
      checkpoint: where its state is kept.
    """

    number: int
    plan: Plan
    model: ModelPlan
    schedule: Schedule
    train: Data
    held_out: Data | None
    measured_at: frozenset[int]
    meter: Meter
    secret: bytes
    checkpoint: Path

    @property
    def own_secret(self) -> bytes:
        """No two networks may share samples or noise."""
        name = f"model {self.number}".encode()
        return hashlib.blake2b(name, key=self.secret, digest_size=32).digest()

    def name(self) -> bytes:
        """Of everything that a step and a figure follow from, records and all; takes a moment."""
        told = self.number, sorted(self.measured_at), self.meter.deviations
        facts = repr((self.plan, self.model, self.schedule, told))
        digest = hashlib.blake2b(facts.encode(), key=self.own_secret, digest_size=32)
        for part in (self.train, self.held_out):
            digest.update(b"none" if part is None else _content(part))
        return digest.digest()


def _content(data: Data) -> bytes:
    """Of all records in their order."""
    digest = hashlib.sha256(repr(data.classes).encode())
    if isinstance(data, Multimodal):
        arrays = {**data.inputs, "present": data.present, "labels": data.labels}
    else:
        arrays = {"images": data.images, "labels": data.labels}
    for name, values in arrays.items():
        digest.update(f"|{name}|{values.dtype}|{values.shape}|".encode())
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.digest()
