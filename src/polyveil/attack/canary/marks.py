# SPDX-License-Identifier: Apache-2.0
"""Canaries with a mark: each pulls at one parameter of its own in every layer, and at nothing else.

A guarantee holds for every record that could be, also for one whose gradient is as long as clipping
allows and unlike all others. Such records are not found among pictures, but they can be built: each
layer gets one more parameter a canary, which only that canary's output depends on, and whose value
changes no output at all. Canary i then adds exactly its clipped length to coordinate i, through the
very sampling, clipping, summing and noising that every record goes through, and the rest of the
network is trained as if there were no canaries. Coordinate i of what is released is that, or noise.

This is the strongest attacker that a training can meet, so its bound comes closest to the truth,
and it costs next to nothing. What it cannot see is a fault in how one kind of layer takes its own
gradients' norms: for that, `observer` watches the gradients of the layers themselves.

Source: the "Dirac canaries" of Nasr et al., S&P 2021, https://arxiv.org/abs/2101.04535, and of
Steinke et al., NeurIPS 2023, made into records that go through the training like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from polyveil.attack.canary.observer import Losses
from polyveil.attack.examples import Examples, Inputs
from polyveil.errors import UsageError

Floats: TypeAlias = NDArray[np.float32]

NAME = "canary_mark"
"""What the additional parameter of every layer is called."""
PULL = 100.0
"""Length of a canary's gradient, in lengths of one logit's; above any threshold in use, so that
missing clipping shows."""


class Marked(nn.Module):
    """A model whose layers have a mark for each canary; train it in place of the model.

        marked = Marked(model, canaries.examples)       # before the optimizer is made
        watch = MarkObserver(marked)
        for inputs, labels in private.batches():        # real records and canaries.members
            private.backward(F.cross_entropy(marked(inputs), labels, reduction="none"))
            watch.observe()
            optimizer.step()

    Canaries are recognised by their content, so they must reach the model as they were made; a
    loop that augments its records passes `which` instead.

    Args:
      model: gets a parameter `canary_mark` [canaries, 1] in every module that owns trainable ones;
        see `unmark`. Its output must be logits [records, classes], one row a record.
      canaries: all of them, whether the training sees them or not.
    """

    def __init__(self, model: nn.Module, canaries: Examples) -> None:
        super().__init__()
        self.canaries = canaries
        self._places = {digest: at for at, digest in enumerate(row_digests(canaries.inputs))}
        if len(self._places) != len(canaries):
            raise UsageError("canaries: two have the same inputs; expected different ones.")
        self._owners = add_marks(model, len(canaries))
        self.model = model
        self._sampled = np.zeros(len(canaries), dtype=np.int64)
        self._classes = 0

    @property
    def marks(self) -> tuple[nn.Parameter, ...]:
        """One parameter [canaries, 1] a layer."""
        return marks_of(self._owners)

    def forward(self, *args: Any, which: Tensor | None = None, **kwargs: Any) -> Tensor:
        """The model's logits; those of canaries are 0, with their marks' gradient behind them.

        Args:
          which: int64 [records], place of each canary, -1 for others; None: recognise them.
        """
        logits: Tensor = self.model(*args, **kwargs)
        self._classes = logits.shape[1]
        if which is None:
            which = self.places(dict(enumerate(args)) | kwargs)
        which = which.to(logits.device)
        is_canary = which >= 0
        if self.training and torch.is_grad_enabled():
            np.add.at(self._sampled, which[is_canary].cpu().numpy(), 1)
        pulled = pull(self.marks, which).to(logits.dtype)
        first = torch.zeros(logits.shape[1], dtype=logits.dtype, device=logits.device)
        first[0] = 1.0
        return torch.where(is_canary[:, None], pulled[:, None] * first, logits)

    def sampled(self) -> NDArray[np.int64]:
        """How often each canary went through in training since this was last asked; [m]."""
        found, self._sampled = self._sampled, np.zeros_like(self._sampled)
        return found

    def places(self, inputs: Any) -> Tensor:
        """Which canary each record is, by its content; -1 for none; int64 [records]."""
        found = [self._places.get(digest, -1) for digest in row_digests(inputs)]
        return torch.tensor(found, dtype=torch.int64)

    def signs(self, losses: Losses) -> Floats:
        """See `polyveil.attack.canary.mark_observer.Pulling`; they pull through their first logit.

        Raises:
          UsageError: a canary that does not pull at all.
        """
        labels = self.canaries.labels
        logits = torch.zeros(len(labels), self._classes, requires_grad=True)
        (slope,) = torch.autograd.grad(losses(logits, labels).sum(), logits)
        signs = np.sign(slope[:, 0].numpy())
        if not np.all(signs):
            raise UsageError("canaries: the loss of one does not depend on its logits.")
        return np.asarray(signs, np.float32)

    def unmark(self) -> nn.Module:
        """The model as it was given, with the weights it has now."""
        for module in self._owners:
            if NAME in module._parameters:
                del module._parameters[NAME]
        return self.model


def add_marks(model: nn.Module, canaries: int) -> tuple[nn.Module, ...]:
    """Gives every module that owns trainable parameters its marks; those modules, in order.

    A module that has marks already, as a part of another path has them, keeps its own.

    Raises:
      UsageError: nothing in the model is trainable.
    """
    owners = tuple(
        module
        for module in model.modules()
        if any(one.requires_grad for one in module.parameters(recurse=False))
    )
    if not owners:
        raise UsageError("canaries: expected a model with trainable parameters, got none.")
    for module in owners:
        if NAME not in module._parameters:
            like = next(module.parameters(recurse=False))
            mark = nn.Parameter(torch.zeros(canaries, 1, device=like.device))
            module.register_parameter(NAME, mark)
    return owners


def marks_of(owners: Sequence[nn.Module]) -> tuple[nn.Parameter, ...]:
    """Their marks."""
    return tuple(getattr(module, NAME) for module in owners)


def pull(marks: Sequence[nn.Parameter], which: Tensor) -> Tensor:
    """Zero for every record, with the gradient of canaries behind it; [records].

    Args:
      which: int64 [records], place of each canary; of a record that is none, the result is to be
        left aside.
    """
    place = which.clamp(min=0)
    pulled = torch.zeros(len(which), device=which.device)
    for mark in marks:
        own = functional.embedding(place, mark)[:, 0]
        # Its value never counts, so that the pull stays what it is while the mark moves.
        pulled = pulled + PULL * (own - own.detach())
    return pulled


def row_digests(inputs: Any) -> list[bytes]:
    """One short digest a record over all of its inputs."""
    values: Inputs | dict[Any, Tensor] = inputs
    tensors = [one for _, one in sorted(values.items(), key=lambda item: str(item[0]))]
    arrays = [one.detach().cpu().contiguous().numpy() for one in tensors]
    return [
        hashlib.blake2b(b"".join(one[row].tobytes() for one in arrays), digest_size=16).digest()
        for row in range(len(arrays[0]))
    ]
