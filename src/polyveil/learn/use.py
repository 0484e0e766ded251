# SPDX-License-Identifier: Apache-2.0
"""One use of parameters in a forward pass, waiting for its gradient, and the rules that serve it.

The engine watches the forward pass (`watch`). Where an operation reads a trainable parameter, a
rule runs it on the parameter's value, cut off from the graph, so that autograd computes input
gradients alone; when the gradient of the output arrives, the rule hands in a `Contribution`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from torch import Tensor

from polyveil.learn.contribution import Contribution


class Use(Protocol):
    """One use: what a rule needs to know of the pass, and where it hands in its result.

    Attributes:
      records: number of records B in the physical batch.
      anchor: a scalar that requires grad. A rule's autograd function takes it as an input (and
        returns None for it), so that it is reached also where no other input requires grad.
    """

    @property
    def records(self) -> int: ...

    @property
    def anchor(self) -> Tensor: ...

    def add(self, contribution: Contribution) -> None:
        """Hand in this use's contribution; called exactly once, in the backward pass."""
        ...


# rule(use, func, args, kwargs) -> the operation's output. `args` and `kwargs` are those of the
# torch function; at least one is a trainable Parameter. Rows are record-major: dimension 0 of the
# data operand is B * r, record i owning rows i*r .. (i+1)*r - 1.
Rule: TypeAlias = Callable[[Use, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
