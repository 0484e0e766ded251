# SPDX-License-Identifier: Apache-2.0
"""Rounds of one training, one after the other; between two of them it can be put on a disk.

Whatever a later round depends on is in the state: the network, every path's optimizer, engine
(steps done, secret, thresholds) and what a method remembers. Everything else follows from the
arguments and a round's number: samples and noise from secret and step, draws of torch's global
generator (dropout) from seed and round. Ways of computing that are else chosen by timing are fixed.
So a round that is done again after a kill is the same round, bit for bit, under the same noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch

from polyveil.learn import choice
from polyveil.learn.multimodal.steps import Steps

if TYPE_CHECKING:
    from polyveil.learn.multimodal.method import Setting

_PINNED = ("gram", "large groups", "streamed")
"""What is usually fastest for small encoders; the last that an operation has is taken."""


class Stateful(Protocol):
    """What a later round depends on."""

    def state_dict(self) -> dict[str, Any]:
        """Numbers, texts, bytes and tensors, in dictionaries and lists."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        ...


class Course:
    """An iterator that does one round for each `next`, those that are left.

    Args:
      setting: what is trained, and how many rounds.
      a_round: does the round of this number, from 0 on.
      steps: of all paths; they are let go of after the last round.
      remembers: name -> what else has state.

    Attributes:
      done: rounds so far, those of earlier processes included.
    """

    def __init__(
        self,
        setting: Setting,
        a_round: Callable[[int], None],
        steps: Sequence[Steps],
        remembers: Mapping[str, Stateful] | None = None,
    ) -> None:
        self._setting, self._round, self._steps = setting, a_round, tuple(steps)
        self._remembers = dict(remembers or {})
        self.done = 0

    def __iter__(self) -> Iterator[None]:
        return self

    def __next__(self) -> None:
        if self.done >= self._setting.rounds.rounds:
            for steps in self._steps:
                steps.detach()
            raise StopIteration
        with _repeatable(self._setting.options.seed, self.done):
            self._round(self.done)
        self.done += 1

    def state_dict(self) -> dict[str, Any]:
        """Of everything, the network included; to be taken between two rounds.

        Holds secrets of batches and noise: store it where the data may be stored, mode 0600.
        """
        return {
            "rounds": self.done,
            "model": self._setting.model.state_dict(),
            "steps": [one.state_dict() for one in self._steps],
            "remembers": {name: one.state_dict() for name, one in self._remembers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken, of a course with the same arguments."""
        self.done = int(state["rounds"])
        self._setting.model.load_state_dict(state["model"])
        for one, kept in zip(self._steps, state["steps"], strict=True):
            one.load_state_dict(kept)
        for name, memory in self._remembers.items():
            memory.load_state_dict(state["remembers"][name])


@contextmanager
def _repeatable(seed: int, number: int) -> Iterator[None]:
    """Inside, a round comes out the same whenever it is done; torch's generator is put back."""
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        digest = hashlib.sha256(f"round|{seed}|{number}".encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:7], "big"))
        for name in _PINNED:
            stack.enter_context(choice.pinned(name))
        yield
