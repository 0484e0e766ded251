# SPDX-License-Identifier: Apache-2.0
"""The fall-back for a module that uses its parameters in a way that no rule covers.

The module runs under `torch.func.vmap` on one record at a time, each with its own copy of the
parameters: copies that are views, so the forward pass costs little more, but the backward pass
delivers every record's gradient of every parameter of that module. That holds
records x (parameters of the module) x 4 bytes until clipping, and products with the weights become
batched ones: measured 1.1 to 2 times plain training for convolutions and for 64 tokens a record,
and records times as much for a wide layer with one row a record, whose plain product is one. So it
serves small modules, not whole networks.

What one call sees is one record with a row dimension of its own (r rows, mostly 1), so records
cannot mix; a module that mixes them computes something else under it. The first call of every
input shape is therefore compared with the module's ordinary output, without dropout, and a
difference is refused.

Source: https://docs.pytorch.org/docs/stable/generated/torch.func.vmap.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.utils import _pytree as pytree

from polyveil.errors import NotPrivate
from polyveil.learn.rules.elementwise import rows_of, tapped
from polyveil.learn.use import Use

# Two orders of summation in float32 differ by far less; a mixed batch differs by far more.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Call:
    """The arguments of one call, taken apart.

    Attributes:
      leaves: every argument inside the tuples, lists and dicts that hold them.
      structure: those tuples, lists and dicts.
      records: records B in the batch.
      rows: dimension 0 of the arguments that hold rows of records; B * r.
    """

    leaves: list[Any]
    structure: pytree.TreeSpec
    records: int
    rows: int

    def per_record(self) -> list[bool]:
        return [
            isinstance(leaf, Tensor) and leaf.dim() > 0 and leaf.shape[0] == self.rows
            for leaf in self.leaves
        ]

    def split(self) -> list[Tensor]:
        """The arguments with rows, each [records, r, ...]."""
        return [
            leaf.unflatten(0, (self.records, -1))
            for leaf, has_rows in zip(self.leaves, self.per_record(), strict=True)
            if has_rows
        ]

    def filled(self, mine: tuple[Tensor, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """args and kwargs of one record: its own rows, and what all records share."""
        own = iter(mine)
        leaves = [
            next(own) if has_rows else leaf
            for leaf, has_rows in zip(self.leaves, self.per_record(), strict=True)
        ]
        args, kwargs = pytree.tree_unflatten(leaves, self.structure)
        return args, kwargs

    def signature(self) -> str:
        """What decides how the call is taken apart; the number of records is no part of it."""
        leaves = [
            (has_rows, leaf.shape[has_rows:] if isinstance(leaf, Tensor) else leaf)
            for leaf, has_rows in zip(self.leaves, self.per_record(), strict=True)
        ]
        return f"{self.structure} {leaves} {self.rows // self.records}"


class VmapModule:
    """A module run record by record: call it with a use and the module's own arguments.

    Every tensor argument whose dimension 0 equals that of the first tensor argument holds rows
    (record-major, r a record); every other argument is the same for all records. Outputs must
    hold the same rows. Frozen parameters and buffers are shared; a module that updates buffers
    while it trains, or whose code depends on values, is refused.
    """

    def __init__(self, module: nn.Module, name: str = "") -> None:
        """Args: module: at least one trainable parameter; name: what messages call it."""
        self._module = module
        self._name = f"{name or 'a module'} ({type(module).__name__})"
        self._compared: set[str] = set()

    def __call__(self, use: Use, *args: Any, **kwargs: Any) -> Any:
        """The module's output; its parameters' gradients are handed in to `use` as one use.

        Calls the module through `torch.func.functional_call`, so whoever replaced the module's
        forward by this must put the original back meanwhile.

        Raises:
          NotPrivate: the module mixes records, updates buffers, returns something that is not
            one or more rows a record, or does what vmap cannot follow.
        """
        leaves, structure = pytree.tree_flatten((args, kwargs))
        call = _Call(leaves, structure, use.records, self._rows(leaves, use.records))
        if call.signature() not in self._compared:
            self._compare(call)
            self._compared.add(call.signature())
        trainable = self._trainable()
        parameters = tuple(trainable.values())
        copies = tapped(use, parameters, self._copies(use.records))
        return self._mapped(dict(zip(trainable, copies, strict=True)), call)

    def _trainable(self) -> dict[str, nn.Parameter]:
        return {name: one for name, one in self._module.named_parameters() if one.requires_grad}

    def _copies(self, records: int) -> list[Tensor]:
        return [rows_of(one, records, one.dim() + 1) for one in self._trainable().values()]

    def _rows(self, leaves: list[Any], records: int) -> int:
        """Dimension 0 of the first tensor argument that can hold rows of every record."""
        for leaf in leaves:
            if isinstance(leaf, Tensor) and leaf.dim() and leaf.shape[0] % records == 0:
                return leaf.shape[0]
        raise NotPrivate(
            f"{self._name}: no tensor argument has rows of {records} records in dimension 0; "
            "expected the batch there. Pass it so, or compute this in the module that has it."
        )

    def _mapped(self, copies: dict[str, Tensor], call: _Call) -> Any:
        """Runs the module under vmap; `copies` [records, *shape] are every record's parameters."""
        seen: list[tuple[list[Any], pytree.TreeSpec]] = []

        def one_record(own: dict[str, Tensor], *mine: Tensor) -> tuple[Tensor, ...]:
            args, kwargs = call.filled(mine)
            flat, form = pytree.tree_flatten(functional_call(self._module, own, args, kwargs))
            seen.append(([_TENSOR if isinstance(one, Tensor) else one for one in flat], form))
            outputs = [one for one in flat if isinstance(one, Tensor)]
            return tuple(self._checked(one, call.rows // call.records) for one in outputs)

        run = vmap(one_record, randomness="different")
        with self._guarded():
            found = iter(run(copies, *call.split()))
        flat, form = seen[-1]
        filled = [next(found).flatten(0, 1) if one is _TENSOR else one for one in flat]
        return pytree.tree_unflatten(filled, form)

    def _checked(self, output: Tensor, rows_each: int) -> Tensor:
        if output.dim() and output.shape[0] == rows_each:
            return output
        raise NotPrivate(
            f"{self._name}: for one record it returns the shape {tuple(output.shape)}; expected "
            f"{rows_each} in dimension 0, the rows of a record. Return values per record."
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Refuses what vmap cannot follow, and changed buffers; buffers that were put back stay."""
        before = {name: (one, one._version) for name, one in self._module.named_buffers()}
        try:
            yield
        except (RuntimeError, ValueError, TypeError) as error:
            self._put_back(before)
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotPrivate(
                f"{self._name}: its parameters are used in a way that no rule covers, and running "
                f"it record by record failed: {line} Move the operation to a small module of "
                "its own, use torch's own layers, or freeze them with requires_grad_(False)."
            ) from error
        changed = self._put_back(before)
        if changed:
            raise NotPrivate(
                f"{self._name}: the forward pass updates the buffers {', '.join(changed)}, which "
                "would keep what no noise covers. Remove the update, or freeze the module."
            )

    def _put_back(self, before: dict[str, tuple[Tensor, int]]) -> list[str]:
        """Puts back buffers that were replaced; names of those replaced or written to."""
        after = dict(self._module.named_buffers())
        changed = []
        for name, (one, version) in before.items():
            if after.get(name) is not one:
                path, _, last = name.rpartition(".")
                setattr(self._module.get_submodule(path), last, one)
                changed.append(name)
            elif one._version != version:
                changed.append(name)
        return changed

    def _compare(self, call: _Call) -> None:
        """Refuses a module whose output changes when every record runs alone."""
        trainable = self._trainable()
        modes = [(one, one.training) for one in self._module.modules()]
        args, kwargs = pytree.tree_unflatten(call.leaves, call.structure)
        self._module.eval()  # dropout would differ
        try:
            with torch.no_grad():
                copies = dict(zip(trainable, self._copies(call.records), strict=True))
                alone = self._mapped(copies, call)
                values = {name: one.detach() for name, one in trainable.items()}
                together = functional_call(self._module, values, args, kwargs)
        finally:
            for one, training in modes:
                one.training = training
        pairs = zip(pytree.tree_leaves(alone), pytree.tree_leaves(together), strict=True)
        if not all(_agree(first, second) for first, second in pairs):
            raise NotPrivate(
                f"{self._name}: a record's output changes with the other records of the batch, or "
                "an argument that is not per record has as many rows as the batch. Without "
                "per-record outputs there is no per-record gradient to clip."
            )


# Where a tensor stood among a module's outputs.
_TENSOR = object()


def _agree(first: object, second: object) -> bool:
    """Whether two outputs are the same but for rounding; non-finite values agree with anything."""
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return type(first) is type(second)
    if first.shape != second.shape:
        return False
    if not first.is_floating_point() or not first.numel():
        return bool((first == second).all())
    scale = torch.nan_to_num(second, nan=0.0, posinf=0.0, neginf=0.0).abs().max()
    gap = torch.nan_to_num(first - second, nan=0.0, posinf=0.0, neginf=0.0).abs()
    return bool((gap <= _TOLERANCE * (1e-3 + scale)).all())
