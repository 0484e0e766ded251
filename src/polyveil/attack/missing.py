# SPDX-License-Identifier: Apache-2.0
"""Records that lack a modality: who has what is an input of its own, which no attack changes.

Beside a modality `voice` the inputs may hold `has_voice`, boolean (records,). Where it is False the
row of `voice` is filler (zeros) that the model must ignore. The flag is part of the record: its
digest covers it, shadow models and copies are trained with it, a mark or a change of an input falls
only on what is there. Taking a modality away from a record is another attack, which is not made.
"""

from __future__ import annotations

import torch
from torch import Tensor

from polyveil.attack.examples import Examples, Inputs

_FLAG = "has_"


def flag(modality: str) -> str:
    """What the input is called that says which records have a modality."""
    return _FLAG + modality


def there(inputs: Inputs, modality: str) -> Tensor | None:
    """bool (records,): which of them have the modality; None where nothing is said: all do."""
    found = inputs.get(flag(modality))
    return found if found is not None and _is_flag(found) else None


def modalities(inputs: Inputs) -> tuple[str, ...]:
    """Names of the inputs that are no flags, in order."""
    return tuple(
        name
        for name, values in inputs.items()
        if not (_is_flag(values) and name.removeprefix(_FLAG) in inputs and name.startswith(_FLAG))
    )


def where_there(inputs: Inputs, modality: str, changed: Tensor) -> Tensor:
    """`changed` (records, ...) in rows that have the modality, what was there in the others."""
    has = there(inputs, modality)
    if has is None:
        return changed
    return torch.where(has.view(-1, *([1] * (changed.ndim - 1))), changed, inputs[modality])


def rows_there(inputs: Inputs, modality: str) -> Tensor:
    """The modality's values of those records that have it."""
    has = there(inputs, modality)
    return inputs[modality] if has is None else inputs[modality][has]


def complete(examples: Examples) -> Examples:
    """The records that lack nothing, without flags."""
    names = modalities(examples.inputs)
    whole = torch.ones(len(examples), dtype=torch.bool)
    for name in names:
        has = there(examples.inputs, name)
        whole &= True if has is None else has
    some = examples.at(whole)
    return Examples({name: some.inputs[name] for name in names}, some.labels)


def _is_flag(values: Tensor) -> bool:
    return values.dtype == torch.bool and values.ndim == 1
