# SPDX-License-Identifier: Apache-2.0
"""The tie between a user's own model and the engine, and what the first pass settles.

While a forward pass runs in training mode, torch's own attention and recurrent modules are run by
rewrites whose rows are record-major, and modules whose parameters no rule covers are run record
by record. Before and after, the model is untouched: it can be copied, saved and evaluated.

The first pass settles which modules need the fall-back, which layers are clipped together, and
that every trainable parameter is covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.utils.parametrize import ParametrizationList

from polyveil.errors import NotPrivate
from polyveil.learn import rewrites
from polyveil.learn.fallback import VmapModule
from polyveil.learn.forward_pass import ForwardPass
from polyveil.learn.group import Grouping
from polyveil.learn.rules.registry import RULES as OPERATIONS
from polyveil.learn.watch import Uncovered, Watch

RULES = {**OPERATIONS, **rewrites.RULES}
_MIXING = (nn.modules.batchnorm._BatchNorm,)


class Attachment:
    """Watches the forward passes of one model.

    Args:
      model: must have trainable parameters; stays the user's own object.
      grouping: of its parameters; settled and frozen by the first pass.
      open_pass: called at the beginning of every forward pass in training mode; gives the pass
        that uses are to be registered with, the same one until the backward pass is done.
    """

    def __init__(
        self, model: nn.Module, grouping: Grouping, open_pass: Callable[[], ForwardPass]
    ) -> None:
        _refuse_mixing_modules(model)
        self._model = model
        self._grouping = grouping
        self._open_pass = open_pass
        self._trainable = [p for p in model.parameters() if p.requires_grad]
        self._fallbacks: dict[nn.Module, VmapModule] = {}
        self._rewritten = [
            m for m in model.modules() if m is not model and type(m) in rewrites.REWRITES
        ]
        self._inside = False  # a module that falls back as a whole calls itself again
        # A bound method: a deep copy of the model gets one bound to the copy, which is not ours.
        model.__dict__["forward"] = MethodType(self._entry(), model)

    def detach(self) -> None:
        """Let go of the model."""
        self._model.__dict__.pop("forward", None)

    def _entry(self) -> Callable[..., Any]:
        def forward(model: nn.Module, *args: Any, **kwargs: Any) -> Any:
            plain = type(model).forward
            ours = model is self._model and not self._inside
            if not ours or not model.training or not torch.is_grad_enabled():
                return plain(model, *args, **kwargs)
            watched = self._open_pass()
            if not self._grouping.frozen:
                self._settle(watched.records, args, kwargs)
            return self._run(watched, args, kwargs)

        return forward

    def _run(self, watched: ForwardPass, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The forward pass, watched; the model is untouched before and after."""
        whole = self._fallbacks.get(self._model)
        self._inside = True
        self._patch(watched)
        try:
            if whole is not None:
                return whole(watched.use(self._trainable), *args, **kwargs)
            own = rewrites.REWRITES.get(type(self._model), type(self._model).forward)
            with Watch(RULES, self._trainable, watched):
                return own(self._model, *args, **kwargs)
        finally:
            self._unpatch()
            self._inside = False

    def _patch(self, watched: ForwardPass) -> None:
        inside = {one for module in self._fallbacks for one in module.modules()}
        for module in self._rewritten:
            if module not in inside:
                _replace_forward(module, rewrites.REWRITES[type(module)].__get__(module))
        for module, run in self._parts():
            _replace_forward(module, _with_use(run, module, watched))

    def _unpatch(self) -> None:
        for module in (*self._rewritten, *(part for part, _ in self._parts())):
            module.__dict__.pop("forward", None)

    def _parts(self) -> list[tuple[nn.Module, VmapModule]]:
        """Modules that fall back, but for the model as a whole."""
        return [pair for pair in self._fallbacks.items() if pair[0] is not self._model]

    def _settle(self, records: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Find what needs the fall-back by trying; then check that everything is covered."""
        before = {name: one._version for name, one in _state(self._model)}
        while True:
            trial = ForwardPass(self._grouping, records, lambda group, parts: None)
            stack: list[nn.Module] = [self._model]
            try:
                # A trial draws nothing from the user's generator: dropout and sampled codes of a
                # resumed run would else not be those of one that was never stopped.
                with _noting_modules(stack), torch.random.fork_rng(self._graphics()):
                    self._run(trial, args, kwargs)
                break
            except Uncovered as error:
                self._fall_back(_reader(stack, error.parameters), error)
        self._check_untouched(before)
        self._check_covered(trial)
        self._grouping.frozen = True

    def _graphics(self) -> list[int]:
        """Numbers of the graphics cards that the model is on."""
        devices = {one.device for one in self._trainable if one.device.type == "cuda"}
        return [one.index for one in devices]

    def _fall_back(self, module: nn.Module, error: Uncovered) -> None:
        name = self._name(module)
        if module in self._fallbacks:
            raise NotPrivate(
                f"{name}: {error.function}() reads a trainable parameter in a way that neither a "
                "rule nor running record by record covers. Use torch's own layers there, or freeze "
                "the parameter with requires_grad_(False)."
            ) from error
        parts = set(module.modules())
        outside = {one: run for one, run in self._fallbacks.items() if one not in parts}
        self._fallbacks = {**outside, module: VmapModule(module, name)}

    def _check_untouched(self, before: dict[str, int]) -> None:
        changed = [name for name, one in _state(self._model) if one._version != before.get(name)]
        if changed:
            raise NotPrivate(
                f"{', '.join(changed)}: the forward pass changes this state from the batch, which "
                "would leave the training without noise. Use a layer without running statistics "
                "(GroupNorm for BatchNorm, track_running_stats=False)."
            )

    def _check_covered(self, trial: ForwardPass) -> None:
        names = {p: name for name, p in self._model.named_parameters()}
        missing = [names[p] for p in self._trainable if p not in trial.used]
        if missing:
            raise NotPrivate(
                f"{', '.join(missing)}: trainable, but the forward pass does not use it, so its "
                "gradient would be noise alone. Freeze it with requires_grad_(False), or let "
                "forward() use it."
            )

    def _name(self, module: nn.Module) -> str:
        names = {one: name for name, one in self._model.named_modules()}
        return names.get(module) or type(module).__name__


def _with_use(run: VmapModule, module: nn.Module, watched: ForwardPass) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        own = [p for p in module.parameters() if p.requires_grad]
        # The fall-back calls the module itself; that must be the module's own forward.
        patched = module.__dict__.pop("forward")
        try:
            return run(watched.use(own), *args, **kwargs)
        finally:
            _replace_forward(module, patched)

    return forward


def _replace_forward(module: nn.Module, forward: Callable[..., Any]) -> None:
    module.__dict__["forward"] = forward


def _state(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


@contextmanager
def _noting_modules(stack: list[nn.Module]) -> Iterator[None]:
    """Keep `stack` so that its last entry is the module whose forward is running."""
    enter = register_module_forward_pre_hook(lambda module, args: stack.append(module))
    leave = register_module_forward_hook(lambda module, args, output: _pop(stack))
    try:
        yield
    finally:
        enter.remove()
        leave.remove()


def _reader(stack: list[nn.Module], parameters: tuple[nn.Parameter, ...]) -> nn.Module:
    """The innermost running module that holds these parameters and is called with data."""
    wanted = set(parameters)
    for module in reversed(stack):
        if not isinstance(module, ParametrizationList) and wanted <= set(module.parameters()):
            return module
    return stack[0]


def _pop(stack: list[nn.Module]) -> None:
    stack.pop()


def _refuse_mixing_modules(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, _MIXING):
            raise NotPrivate(
                f"{name or type(module).__name__} ({type(module).__name__}): batch statistics mix "
                "records, so no clipping bounds what one record can do. Replace it by "
                f"GroupNorm, e.g. nn.GroupNorm({_groups(module.num_features)}, "
                f"{module.num_features})."
            )


def _groups(channels: int) -> int:
    return next(n for n in (32, 16, 8, 4, 2, 1) if channels % n == 0)
