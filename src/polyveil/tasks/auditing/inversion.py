# SPDX-License-Identifier: Apache-2.0
"""The step that rebuilds records from the vectors that leave of them."""

from __future__ import annotations

import time

import numpy as np

from polyveil.attack.audited_model import AuditedModel
from polyveil.attack.inversion.decoder import Decoder, Ridge
from polyveil.attack.inversion.embedding import THREAT, EmbeddingInversion
from polyveil.attack.inversion.encoder import Embed, Encoder
from polyveil.attack.inversion.network import Perceptron
from polyveil.attack.protocol import carry_out
from polyveil.tasks.auditing.battery import Step
from polyveil.tasks.auditing.kept import Found

_KNOWN, _VICTIMS = 1000, 200
"""The attacker's records and the victims', at most."""
_LINEAR: tuple[Decoder, ...] = (Ridge(),)
_LEARNED: tuple[Decoder, ...] = (Ridge(), Perceptron())


def inversion_step(
    model: AuditedModel, embed: Embed, *, seed: int, by_person: bool = False
) -> Step:
    """See the module. The victims are members; the attacker has records that no one trained on.

    Args:
      by_person: labels are people; without it each record is somebody's own.
    """
    rows = np.random.default_rng(seed).permutation(len(model.members))[:_VICTIMS]
    victims, known = model.members.at(np.sort(rows)), model.others.at(slice(0, _KNOWN))
    vectors = Encoder(embed)

    def attack(decoders: tuple[Decoder, ...]) -> Found:
        one = EmbeddingInversion(
            known=known,
            victims=victims,
            known_people=known.labels.numpy() if by_person else None,
            victim_people=victims.labels.numpy() if by_person else None,
            decoders=decoders,
            seed=seed,
        )
        return Found((carry_out(one, vectors),))

    def run(seconds: float) -> Found:
        begun = time.monotonic()
        linear = attack(_LINEAR)
        left = seconds - (time.monotonic() - begun)
        # A perceptron is trained for the target and for both controls.
        return attack(_LEARNED) if left > _seconds(model, len(known)) else linear

    return Step("embedding inversion", (THREAT,), 1.0, lambda: 0.0, run)


def _seconds(model: AuditedModel, records: int) -> float:
    """Of learned decoders, about: three trainings of up to 200 passes, each value of a record
    reached from 384 hidden ones, at ten thousand million operations a second."""
    values = sum(one[0].numel() for one in model.members.inputs.values())
    return 3 * 200 * records * 6 * 384 * (384 + values) / 1e10
