# SPDX-License-Identifier: Apache-2.0
"""The two sides of the accuracy comparison: one private run under Opacus, one under polyveil.

Both get the same records, the same network with the same first weights, Poisson sampling at the
same rate, the same number of steps, the same optimizer and the same running mean of weights. Views
(a picture and its mirror image) are averaged within the record before clipping on both sides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from polyveil.learn.averaging import WeightAverage

PIECE = 256


@dataclass(frozen=True)
class Recipe:
    """What both sides are told.

    Attributes:
      batch, epochs: expected records a step; expected passes over the records.
      rate: learning rate of SGD with momentum .9, for gradients clipped to length 1 (divided by
        `clip` for other lengths), or of Adam.
      clip: bound on the whole gradient's norm where thresholds are fixed.
      optimizer: "sgd" or "adam".
      averaging: decay of the running mean of weights.
      ghost: Opacus's mode, the faster one for this network: ghost clipping, or hooks.
    """

    batch: int
    epochs: int
    rate: float
    clip: float
    optimizer: str = "sgd"
    averaging: float = 0.95
    ghost: bool = False

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The same on both sides."""
        if self.optimizer == "adam":
            return torch.optim.Adam(model.parameters(), lr=self.rate)
        return torch.optim.SGD(model.parameters(), lr=self.rate / self.clip, momentum=0.9)


@dataclass(frozen=True)
class Split:
    """Records to train on, with views (records, views, ...), and records to measure on."""

    train: Tensor
    train_labels: Tensor
    held: Tensor
    held_labels: Tensor


def losses(scores: Tensor, labels: Tensor, views: int) -> Tensor:
    """One loss a record: the mean over its views; scores (records * views, classes)."""
    each = functional.cross_entropy(scores, labels.repeat_interleave(views), reduction="none")
    return each.view(-1, views).mean(1)


def share_right(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Top-1 accuracy in evaluation mode; inputs without views."""
    model.eval()
    with torch.no_grad():
        right = sum(
            int((model(some.float()[:, None]).argmax(1) == classes).sum())
            for some, classes in zip(inputs.split(500), labels.split(500), strict=True)
        )
    model.train()
    return right / len(labels)


def opacus_side(
    make: Callable[[], nn.Module], split: Split, recipe: Recipe, epsilon: float, seed: int
) -> dict[str, Any]:
    """Flat clipping at a fixed bound."""
    from opacus import PrivacyEngine
    from opacus.utils.batch_memory_manager import BatchMemoryManager
    from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping

    torch.manual_seed(seed)
    model = make()
    optimizer = recipe.make_optimizer(model)
    loader = DataLoader(_Whole(split), batch_size=recipe.batch, collate_fn=_as_is)
    noise = opacus_noise(epsilon, 1 / len(loader), recipe.epochs)
    wrapped, optimizer, *_, loader = PrivacyEngine().make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        criterion=nn.CrossEntropyLoss(),
        noise_multiplier=noise,
        max_grad_norm=recipe.clip,
        grad_sample_mode="ghost" if recipe.ghost else "hooks",
    )
    mean = WeightAverage(model, recipe.averaging)
    views = split.train.shape[1]
    start = time.process_time()
    with BatchMemoryManager(
        data_loader=loader, max_physical_batch_size=PIECE, optimizer=optimizer
    ) as pieces:
        for _ in range(recipe.epochs):
            for inputs, labels in pieces:
                each = losses(wrapped(inputs.float()), labels, views)
                if recipe.ghost:
                    DPTensorFastGradientClipping(wrapped, optimizer, each).backward()
                else:
                    each.mean().backward()
                optimizer.step()
                optimizer.zero_grad()
                if not optimizer._is_last_step_skipped:
                    mean.update()
    seconds = time.process_time() - start
    with mean.applied():
        right = share_right(model, split.held, split.held_labels)
    return {"accuracy": right, "seconds": seconds, "noise_multiplier": noise}


@lru_cache
def opacus_noise(epsilon: float, rate: float, epochs: int) -> float:
    """The multiplier that Opacus's own accountant asks for."""
    from opacus.accountants.utils import get_noise_multiplier

    return float(
        get_noise_multiplier(
            target_epsilon=epsilon,
            target_delta=1e-5,
            sample_rate=rate,
            epochs=epochs,
            accountant="prv",
        )
    )


def our_side(
    make: Callable[[], nn.Module],
    split: Split,
    recipe: Recipe,
    epsilon: float,
    seed: int,
    *,
    clipping: str,
    quantile: float | None,
) -> dict[str, Any]:
    """Per-layer or flat clipping at a fixed bound, or at a private quantile that starts there."""
    from polyveil.learn import PrivateTraining
    from polyveil.learn.threshold import PrivateQuantile

    torch.manual_seed(seed)
    model = make()
    optimizer = recipe.make_optimizer(model)
    bound = recipe.clip
    private = PrivateTraining(
        model,
        optimizer,
        (split.train, split.train_labels),
        batch_size=recipe.batch,
        epochs=recipe.epochs,
        epsilon=epsilon,
        delta=1e-5,
        clipping=clipping,
        thresholds=bound if quantile is None else PrivateQuantile(quantile=quantile, start=bound),
        physical_batch=PIECE,
    )
    mean = WeightAverage(model, recipe.averaging)
    views = split.train.shape[1]
    done, start = 0, time.process_time()
    for inputs, labels in private.batches():
        if recipe.optimizer == "sgd":
            # The rate is stated for gradients of length 1; thresholds are released, so public.
            optimizer.param_groups[0]["lr"] = recipe.rate / whole_length(private, bound)
        private.backward(losses(model(inputs.float()), labels, views))
        optimizer.step()
        optimizer.zero_grad()
        if private.steps_done > done:
            done = private.steps_done
            mean.update()
    seconds = time.process_time() - start
    with mean.applied():
        right = share_right(model, split.held, split.held_labels)
    return {
        "accuracy": right,
        "seconds": seconds,
        "noise_multiplier": private.schedule.noise_multiplier,
        "epsilon_spent": private.guarantee().epsilon,
        "thresholds": private.thresholds,
    }


def whole_length(private: Any, start: float) -> float:
    """The bound on the whole gradient's norm that the layers' thresholds amount to."""
    thresholds = private.thresholds.values()
    return math.hypot(*thresholds) if private.steps_done else start


class _Whole(Dataset):
    """Hands out a whole batch at once, which saves Opacus's loader the collation."""

    def __init__(self, split: Split) -> None:
        self._split = split

    def __len__(self) -> int:
        return len(self._split.train_labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._split.train[index], self._split.train_labels[index]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        rows = torch.tensor(indices, dtype=torch.int64)
        return self._split.train[rows], self._split.train_labels[rows]


def _as_is(batch: Any) -> Any:
    return batch
