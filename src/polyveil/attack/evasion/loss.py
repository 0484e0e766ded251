# SPDX-License-Identifier: Apache-2.0
"""What a search climbs: losses of single records, greater where the model is nearer to an error.

Cross-entropy vanishes in floating point where a model is sure of itself, so that a model can look
robust merely because its logits are large. The margin does not depend on that, and the difference
of logits ratio (DLR) does not even depend on their scale.

Source: margin: Carlini & Wagner, IEEE S&P 2017, https://arxiv.org/abs/1608.04644; DLR, plain and
targeted: Croce & Hein, ICML 2020, https://arxiv.org/abs/2003.01690
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

LossName: TypeAlias = Literal["cross-entropy", "margin", "dlr", "targeted dlr"]
Loss: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (n, classes), labels (n,), rivals (n,)) -> (n,). Rivals matter to targeted losses only:
the class to be pushed to."""
_TINY = 1e-12


def cross_entropy(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """Minus the log-probability of the label."""
    return functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """Best other logit minus the label's: positive exactly where the model errs."""
    of_label = _of(logits, labels)
    others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return others - of_label


def dlr(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """The margin divided by the distance of the greatest to the third greatest logit.

    With two classes there is no third, and the margin itself is returned.
    """
    if logits.shape[1] < 3:
        return margin(logits, labels, rivals)
    first, _, third = logits.topk(3, dim=1).values.unbind(1)
    return margin(logits, labels, rivals) / (first - third + _TINY)


def targeted_dlr(logits: Tensor, labels: Tensor, rivals: Tensor) -> Tensor:
    """Rival minus label, divided by the distance of the greatest to the mean of the third and
    fourth greatest logit; with fewer than four classes undivided."""
    gain = _of(logits, rivals) - _of(logits, labels)
    if logits.shape[1] < 4:
        return gain
    first, _, third, fourth = logits.topk(4, dim=1).values.unbind(1)
    return gain / (first - (third + fourth) / 2 + _TINY)


LOSSES: dict[LossName, Loss] = {
    "cross-entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
    "targeted dlr": targeted_dlr,
}


def check_loss(name: LossName) -> None:
    """Refuses a name that is no loss.

    Raises:
      ValueError: naming those that there are.
    """
    if name not in LOSSES:
        raise ValueError(f"expected loss {', '.join(LOSSES)}, got {name!r}.")


def _of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)
