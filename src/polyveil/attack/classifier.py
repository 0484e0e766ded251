# SPDX-License-Identifier: Apache-2.0
"""A classifier under attack: any torch module, of one input or of several, or any function.

The attacker's access is what the object offers: `logits` is a query and is counted; `scored` keeps
the graph and is what a white-box attacker differentiates. The module is used in evaluation mode and
is left as it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from polyveil.attack.examples import Examples, Inputs
from polyveil.errors import UsageError

Call: TypeAlias = Callable[[nn.Module, Inputs], Tensor]
BATCH = 256


def call(module: nn.Module, inputs: Inputs) -> Tensor:
    """The usual ways to call a module: one input by position, several by name."""
    if len(inputs) == 1:
        (values,) = inputs.values()
        output = module(values)
    else:
        output = module(**inputs)
    return logits_of(output)


class Classifier:
    """A target that answers with one logit a class.

    Args:
      module: maps inputs to logits [records, classes].
      calling: how; by default one input by position, several by keyword.
      batch: records at once.

    Attributes:
      module, calling: as given.
      queries: records that went through so far.
    """

    def __init__(self, module: nn.Module, *, calling: Call = call, batch: int = BATCH) -> None:
        self.module = module
        self.calling, self._batch = calling, batch
        self.queries = 0

    def scored(self, inputs: Inputs) -> Tensor:
        """Logits [records, classes] with their graph, of all records at once."""
        self.queries += _count(inputs)
        with evaluating(self.module):
            return self.calling(self.module, inputs)

    @torch.no_grad()
    def logits(self, inputs: Inputs) -> Tensor:
        """Logits [records, classes], float64, without a graph, in batches.

        Raises:
          UsageError: no logits a record, or one that is not a number.
        """
        count = _count(inputs)
        found = [
            self.scored({name: values[at : at + self._batch] for name, values in inputs.items()})
            for at in range(0, count, self._batch)
        ]
        logits = torch.cat(found).to(torch.float64)
        if logits.ndim != 2 or len(logits) != count or logits.shape[1] < 2:
            raise UsageError(
                f"model: output {tuple(logits.shape)} for {count} records; expected "
                "(records, classes) with two classes or more."
            )
        if not bool(torch.isfinite(logits).all()):
            raise UsageError("model: a logit is not a finite number; nothing can be concluded.")
        return logits

    def correct(self, examples: Examples) -> Tensor:
        """bool (n,): the most likely class is the label."""
        return self.logits(examples.inputs).argmax(1) == examples.labels

    def is_random(self, inputs: Inputs) -> bool:
        """Whether two passes over the same records differ: then one must average."""
        few = {name: values[:8] for name, values in inputs.items()}
        return not torch.equal(self.logits(few), self.logits(few))


def _count(inputs: Inputs) -> int:
    return len(next(iter(inputs.values())))


def logits_of(output: object) -> Tensor:
    """What a module answered, or its `logits` where it answers more than that.

    Raises:
      UsageError: neither is a tensor.
    """
    found = getattr(output, "logits", output)
    if not isinstance(found, Tensor):
        raise UsageError(
            f"model: output is a {type(output).__name__}; expected logits as a tensor. Pass "
            "calling=lambda module, inputs: ... that returns them."
        )
    return found


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; every submodule's own mode afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    if not any(mode for _, mode in modes):
        yield
        return
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
