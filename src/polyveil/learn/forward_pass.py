# SPDX-License-Identifier: Apache-2.0
"""One forward and backward pass: which uses of parameters are still waiting for their gradient.

A parameter that is used twice has one gradient, the sum of both, and its norm is that of the sum.
So a group is handed on only when every use of it has been reached by the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polyveil.errors import NotPrivate
from polyveil.learn.contribution import Contribution
from polyveil.learn.group import Grouping

# on_group(index of the group, contributions with disjoint parameters)
GroupDone = Callable[[int, list[Contribution]], None]


class PassUse:
    """One use of parameters of one group; implements `polyveil.learn.use.Use`."""

    __slots__ = ("_owner", "group")

    def __init__(self, owner: ForwardPass, group: int) -> None:
        self._owner = owner
        self.group = group

    @property
    def records(self) -> int:
        return self._owner.records

    @property
    def anchor(self) -> Tensor:
        return self._owner.anchor

    def add(self, contribution: Contribution) -> None:
        self._owner.arrived(self, contribution)


class ForwardPass:
    """Uses of one physical batch, from the forward pass to the last contribution.

    Attributes:
      records: number of records in the physical batch.
      anchor: the scalar that makes every use part of the graph.
      used: parameters seen so far.
      probe: where contributions go instead of being clipped, while it is set.
    """

    def __init__(self, grouping: Grouping, records: int, on_group: GroupDone) -> None:
        self.records = records
        self.anchor = torch.zeros((), requires_grad=True)
        self.used: set[nn.Parameter] = set()
        self.probe: Callable[[int, Contribution], None] | None = None
        self._grouping = grouping
        self._on_group = on_group
        self._waiting: dict[int, int] = {}
        self._held: dict[int, list[Contribution]] = {}

    def use(self, parameters: Sequence[nn.Parameter]) -> PassUse:
        """Register one use; its contribution is awaited from now on."""
        if not self._grouping.same(parameters):
            if self._grouping.frozen:
                raise NotPrivate(
                    "an operation read parameters of several layers together, which it did not "
                    "in the first batch, when the groups to clip were settled. Let the forward "
                    "pass do the same for every batch, or use clipping='flat'."
                )
            self._grouping.join(parameters)
        self.used.update(parameters)
        group = self._grouping.index(parameters[0])
        self._waiting[group] = self._waiting.get(group, 0) + 1
        return PassUse(self, group)

    def withdraw(self, use: PassUse) -> None:
        """This use does not take place after all."""
        self._waiting[use.group] -= 1

    def arrived(self, use: PassUse, contribution: Contribution) -> None:
        """The backward pass reached one use."""
        if self.probe is not None:
            self.probe(use.group, contribution)
            return
        held = self._held.setdefault(use.group, [])
        _take_in(held, contribution)
        self._waiting[use.group] -= 1
        if self._waiting[use.group] == 0:
            self._on_group(use.group, self._held.pop(use.group))

    def finish(self) -> None:
        """Hand on the groups of which some use did not take part in the loss."""
        for group in sorted(self._held):
            self._on_group(group, self._held[group])
        self._held.clear()
        self._waiting.clear()


def _take_in(held: list[Contribution], new: Contribution) -> None:
    """Keep contributions disjoint: those that share a parameter become one."""
    shared = [one for one in held if not set(one.parameters).isdisjoint(new.parameters)]
    for one in shared:
        held.remove(one)
        new = one.joined(new)
    held.append(new)
