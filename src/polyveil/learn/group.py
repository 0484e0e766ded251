# SPDX-License-Identifier: Apache-2.0
"""Groups of parameters that are clipped together.

A group is what one module owns (a layer's weight and bias), joined with others where one operation
reads parameters of several modules, because a norm over their union is all that it can give.
Flat clipping is the case of one group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that share one threshold.

    Attributes:
      name: of the owning module(s), for tables and errors.
      parameters: trainable, each in exactly one group.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]

    @property
    def size(self) -> int:
        """Number of coordinates d_k that the noise of this group covers."""
        return sum(parameter.numel() for parameter in self.parameters)


class Grouping:
    """Which parameter belongs to which group; may still be joined until it is frozen."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = list(groups)
        self._index = {p: k for k, group in enumerate(groups) for p in group.parameters}
        self.frozen = False

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def index(self, parameter: nn.Parameter) -> int:
        return self._index[parameter]

    def same(self, parameters: Iterable[nn.Parameter]) -> bool:
        """Do these parameters lie in one group?"""
        return len({self._index[parameter] for parameter in parameters}) <= 1

    def join(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make one group of all groups that these parameters lie in."""
        touched = sorted({self._index[parameter] for parameter in parameters})
        if len(touched) <= 1:
            return
        if self.frozen:
            raise RuntimeError("groups are joined before the first release only.")
        parts = [self._groups[k] for k in touched]
        joined = Group(
            " + ".join(part.name for part in parts),
            tuple(parameter for part in parts for parameter in part.parameters),
        )
        rest = [group for k, group in enumerate(self._groups) if k not in touched[1:]]
        rest[touched[0]] = joined
        self._groups = rest
        self._index = {p: k for k, group in enumerate(rest) for p in group.parameters}


def by_module(model: nn.Module) -> Grouping:
    """One group a module that owns trainable parameters; a tied parameter belongs to its first."""
    seen: set[nn.Parameter] = set()
    groups = []
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.requires_grad and p not in seen]
        seen.update(own)
        if own:
            groups.append(Group(name or type(model).__name__, tuple(own)))
    return Grouping(groups)


def all_in_one(model: nn.Module) -> Grouping:
    """Every trainable parameter in one group: flat clipping."""
    trainable = tuple(p for p in model.parameters() if p.requires_grad)
    return Grouping([Group("all parameters", trainable)] if trainable else [])
