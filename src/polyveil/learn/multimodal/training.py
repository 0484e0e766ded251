# SPDX-License-Identifier: Apache-2.0
"""Any method on the same records, network sizes, options and budget: what comparisons stand on."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from polyveil.errors import UsageError
from polyveil.learn.modalities import Multimodal
from polyveil.learn.multimodal.accounting import Rounds, plan_rounds
from polyveil.learn.multimodal.method import HeadStep, Method, Setting
from polyveil.learn.multimodal.options import Budget, Options
from polyveil.learn.noise import SECRET_BYTES
from polyveil.learn.plain import NO_GUARANTEE
from polyveil.models.multimodal import ModalityInput, MultimodalClassifier, MultimodalConfig
from polyveil.privacy.guarantee import Guarantee

SCHEMA = "polyveil.multimodal-training/1"
"""Of what `Training.state_dict` gives."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained classifier and what is to be said about it.

    Attributes:
      model: in evaluation mode.
      method: its name.
      rounds: what was done and, under a budget, what is to be charged (`Rounds.events`).
      guarantee: what is proven; None where nothing is.
      no_guarantee: why nothing is proven; None where something is.
      remarks: what else has to be told with any figure of it.
    """

    model: MultimodalClassifier = field(repr=False)
    method: str
    rounds: Rounds
    guarantee: Guarantee | None
    no_guarantee: str | None
    remarks: tuple[str, ...]


class Training:
    """One classifier on its way. Makes no step before it is iterated.

    Iterating does the rounds that are left and yields how many are done.

    Args: as of `train`.

    Attributes:
      method, budget: as given.
      model: in training mode until the last round is done.
      rounds: what is done and, under a budget, what is to be charged.
      remarks: what has to be told with any figure of it.

    Raises:
      NotPrivate: this method or these options cannot keep the budget's promise.
      UsageError: data, sizes or a secret that do not fit.
    """

    def __init__(
        self,
        method: Method,
        data: Multimodal,
        options: Options = Options(),  # noqa: B008 - frozen
        *,
        budget: Budget | None = None,
        network: Mapping[str, Any] | None = None,
        secret: bytes | None = None,
        watch: Callable[[HeadStep], None] = lambda step: None,
    ) -> None:
        self.method, self.budget = method, budget
        self.remarks = method.remarks(options, private=budget is not None)
        self.rounds = plan_rounds(
            len(data),
            batch_size=options.batch_size,
            epochs=options.epochs,
            releases=method.releases(len(data.inputs)),
            epsilon=budget.epsilon if budget else None,
            noise_multiplier=budget.noise_multiplier if budget else 0.0,
            delta=budget.delta if budget else None,
        )
        self.model = fresh(method, data, options.seed, network or {})
        self._setting = Setting(
            model=self.model,
            inputs={name: torch.from_numpy(values) for name, values in data.inputs.items()},
            present=torch.from_numpy(data.present),
            labels=torch.from_numpy(data.labels),
            options=options,
            budget=budget,
            rounds=self.rounds,
            secret=_secret(secret, options.seed, private=budget is not None),
            watch=watch,
        )
        self._course = method.rounds(self._setting)

    @property
    def done(self) -> int:
        """Rounds so far, those of earlier processes included."""
        return self._course.done

    def __iter__(self) -> Iterator[int]:
        for _ in self._course:
            yield self.done
        self.model.zero_grad(set_to_none=True)
        self.model.eval()

    def trained(self) -> Trained:
        """What came of it, once all rounds are done."""
        return Trained(
            model=self.model,
            method=self.method.name,
            rounds=self.rounds,
            guarantee=self.rounds.guarantee(),
            no_guarantee=NO_GUARANTEE if self.budget is None else None,
            remarks=self.remarks,
        )

    def state_dict(self) -> dict[str, Any]:
        """What going on needs beside the arguments; to be taken between two rounds.

        Holds secrets of batches and noise: store it where the data may be stored, mode 0600.
        """
        return {"schema": SCHEMA, "of": self._name(), **self._course.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
          UsageError: it is of another version of this, of another secret or other arguments.
        """
        if state.get("schema") != SCHEMA or state.get("of") != self._name():
            raise UsageError(
                f"checkpoint: not of this training; expected one of {SCHEMA} with the same plan "
                "and secret. Nothing was spent twice. Go on with the version and the plan that it "
                "was begun with, or start a new run in another folder."
            )
        self._course.load_state_dict(state)

    def _name(self) -> bytes:
        """Of the public facts that a step follows from, under the secret that it follows from."""
        made = self._setting
        facts = repr((self.method, made.options, made.budget, made.rounds, self.model.config))
        return hashlib.blake2b(facts.encode(), key=made.secret, digest_size=32).digest()


def train(
    method: Method,
    data: Multimodal,
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    budget: Budget | None = None,
    network: Mapping[str, Any] | None = None,
    secret: bytes | None = None,
    after_round: Callable[[int, MultimodalClassifier], None] | None = None,
    watch: Callable[[HeadStep], None] = lambda step: None,
) -> Trained:
    """Trains a classifier at one go; `Training` is what can be put on a disk in between.

    The same arguments give the same weights: with a budget if `secret` is given too (it must be
    kept as secret as the data), without one always.

    Args:
      method: how; `Alternating()`, `Joint()`, `Late()` or `Modulated()`.
      data: records; rows of what is missing are ignored.
      options: how long and in what steps.
      budget: the promise about one record with all its modalities; None for none.
      network: `width` and `channels` of `MultimodalConfig`, where they shall be others.
      secret: 32 bytes that batches and noise follow from; by default from the operating system. It
        may serve one training: two that share samples cost more than their two budgets.
      after_round: is called with the number of rounds done and the model. Figures of training
        records that are looked at here are covered by no promise.
      watch: is shown every step of a shared head.

    Raises:
      NotPrivate: this method or these options cannot keep the budget's promise.
      UsageError: data, sizes or a secret that do not fit.
    """
    training = Training(
        method, data, options, budget=budget, network=network, secret=secret, watch=watch
    )
    for done in training:
        if after_round is not None:
            after_round(done, training.model)
    return training.trained()


def fresh(
    method: Method, data: Multimodal, seed: int, sizes: Mapping[str, Any]
) -> MultimodalClassifier:
    """The network before training; torch's global generator is left as it was."""
    inputs = tuple(ModalityInput(name, shape) for name, shape in data.shapes.items())
    config = MultimodalConfig(inputs, len(data.classes), method.head, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MultimodalClassifier(config)


def _secret(given: bytes | None, seed: int, *, private: bool) -> bytes:
    if given is not None:
        if len(given) != SECRET_BYTES:
            raise UsageError(
                f"secret: {len(given)} bytes; expected {SECRET_BYTES}, since batches and noise are "
                f"as secret as it is. Use secrets.token_bytes({SECRET_BYTES}), or leave it out."
            )
        return bytes(given)
    if private:
        return secrets.token_bytes(SECRET_BYTES)
    return hashlib.blake2b(b"order %d" % seed, digest_size=SECRET_BYTES).digest()
