# SPDX-License-Identifier: Apache-2.0
"""The oracle of private training: every record alone, through an untouched copy of the model.

Slow, and as plain as the definition: copy the model, run one record with ordinary autograd, keep
its gradients, go to the next. Nothing of polyveil takes part.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

# model, the tensors of some records -> one loss a record.
Loss = Callable[..., Tensor]


def per_record_gradients(
    model: nn.Module, loss: Loss, tensors: Sequence[Tensor], *, records: int | None = None
) -> dict[str, Tensor]:
    """Parameter name -> every record's gradient [records, *shape], in the model's own precision.

    Args:
      model: left as it is; tied parameters count under their first name.
      loss: loss(model, *tensors of one record) -> [1].
      tensors: batches; record i owns rows i*r .. (i+1)*r - 1 of each.
      records: how many; all rows are records unless stated.
    """
    twin = copy.deepcopy(model)
    records = records or tensors[0].shape[0]
    names = {name: one for name, one in twin.named_parameters() if one.requires_grad}
    kept: dict[str, list[Tensor]] = {name: [] for name in names}
    for record in range(records):
        twin.zero_grad(set_to_none=True)
        mine = []
        for tensor in tensors:
            rows = tensor.shape[0] // records
            mine.append(tensor[record * rows : (record + 1) * rows])
        loss(twin, *mine).sum().backward()
        for name, one in names.items():
            gradient = torch.zeros_like(one) if one.grad is None else one.grad.detach().clone()
            kept[name].append(gradient)
    return {name: torch.stack(gradients) for name, gradients in kept.items()}


def norms(gradients: Mapping[str, Tensor], names: Iterable[str] | None = None) -> Tensor:
    """L2 norm of every record's gradient over the named parameters (all unless stated)."""
    chosen = [gradients[name].reshape(len(gradients[name]), -1) for name in (names or gradients)]
    return torch.cat(chosen, dim=1).double().norm(dim=1)


def clipped_sums(
    gradients: Mapping[str, Tensor], groups: Sequence[tuple[Sequence[str], float]]
) -> dict[str, Tensor]:
    """Parameter name -> sum over records of the gradient, each group clipped to its threshold.

    Args:
      gradients: of `per_record_gradients`.
      groups: (parameter names, threshold), together every parameter exactly once. A record whose
        group holds an infinity or a NaN counts as zero in that group.
    """
    sums: dict[str, Tensor] = {}
    for names, threshold in groups:
        length = norms(gradients, names)
        weight = torch.where(
            torch.isfinite(length), (threshold / length.clamp_min(1e-30)).clamp(max=1.0), 0.0
        )
        for name in names:
            known = torch.nan_to_num(gradients[name].double(), posinf=0.0, neginf=0.0)
            sums[name] = torch.einsum("b,b...->...", weight, known)
    assert sorted(sums) == sorted(gradients), "the groups do not cover every parameter once"
    return sums


def flat(gradients: Mapping[str, Tensor], threshold: float) -> dict[str, Tensor]:
    """The sums of flat clipping: one group of everything."""
    return clipped_sums(gradients, [(list(gradients), threshold)])


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Largest difference over the largest expected value; 0 where both are zero."""
    gap = (found.double() - expected.double()).abs().max().item()
    return gap / max(expected.double().abs().max().item(), 1e-12) if gap else 0.0
