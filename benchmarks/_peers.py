# SPDX-License-Identifier: Apache-2.0
"""One training step of a network, plainly and under every private peer: what speed compares.

Each contestant turns a network and a batch size into a function that does one whole step: forward,
backward, clipping, noise, SGD. All clip at 1 in all, add noise of the same multiplier and take the
physical batch for the logical one; drawing the batch is left out of everybody's time.

fastDP is no package: the environment variable POLYVEIL_FASTDP names a folder with its source.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

NOISE = 1.0
CLIP = 1.0
RATE = 0.05

Step: TypeAlias = Callable[[Tensor, Tensor], None]
Maker: TypeAlias = Callable[[nn.Module, int], Step]


def plain(model: nn.Module, batch: int) -> Step:
    """Ordinary training, without any promise."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    def step(inputs: Tensor, labels: Tensor) -> None:
        functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def opacus_hooks(model: nn.Module, batch: int) -> Step:
    """Opacus, per-record gradients from hooks."""
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    wrapped = GradSampleModule(model)
    optimizer = DPOptimizer(
        torch.optim.SGD(model.parameters(), lr=RATE),
        noise_multiplier=NOISE,
        max_grad_norm=CLIP,
        expected_batch_size=batch,
    )

    def step(inputs: Tensor, labels: Tensor) -> None:
        functional.cross_entropy(wrapped(inputs), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def opacus_ghost(model: nn.Module, batch: int) -> Step:
    """Opacus, ghost clipping: two backward passes, no per-record gradients."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    wrapped = GradSampleModuleFastGradientClipping(model, max_grad_norm=CLIP)
    optimizer = DPOptimizerFastGradientClipping(
        torch.optim.SGD(model.parameters(), lr=RATE),
        noise_multiplier=NOISE,
        max_grad_norm=CLIP,
        expected_batch_size=batch,
    )
    criterion = DPLossFastGradientClipping(wrapped, optimizer, nn.CrossEntropyLoss())

    def step(inputs: Tensor, labels: Tensor) -> None:
        criterion(wrapped(inputs), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def vmapped(model: nn.Module, batch: int) -> Step:
    """vmap(grad) of torch.func, clipped by hand."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    names = dict(model.named_parameters())

    def loss(values: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        scores = torch.func.functional_call(model, values, (one[None],))
        return functional.cross_entropy(scores, label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0), randomness="different")

    def step(inputs: Tensor, labels: Tensor) -> None:
        each = gradients({name: value.detach() for name, value in names.items()}, inputs, labels)
        squares = torch.stack([one.flatten(1).square().sum(1) for one in each.values()])
        weights = (CLIP / squares.sum(0).sqrt().clamp(min=1e-12)).clamp(max=1.0)
        for name, value in names.items():
            total = torch.tensordot(weights, each[name], dims=1)
            value.grad = total.add_(torch.randn_like(total), alpha=NOISE * CLIP).div_(batch)
        optimizer.step()
        optimizer.zero_grad()

    return step


def fastdp(model: nn.Module, batch: int) -> Step:
    """fastDP, MixOpt, with its trick of asking autograd for one parameter's gradient only."""
    engine = fastdp_module().PrivacyEngine
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    first = next(name for name, module in model.named_modules() if _has_bias(module))
    with contextlib.redirect_stdout(io.StringIO()):
        engine(
            model,
            batch_size=batch,
            sample_size=1000 * batch,
            noise_multiplier=NOISE,
            max_grad_norm=CLIP,
            epochs=1,
            clipping_mode="MixOpt",
            clipping_fn="Abadi",
            origin_params=[f"{first}.bias"],
        ).attach(optimizer)

    def step(inputs: Tensor, labels: Tensor) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
        if "not supported" in said.getvalue():
            print(f"fastDP leaves out: {said.getvalue().strip()[:300]}", file=sys.stderr)

    return step


def fastdp_module() -> ModuleType:
    """fastDP from the folder POLYVEIL_FASTDP.

    Raises:
      ModuleNotFoundError: the variable is unset, or names a folder without fastDP.
    """
    folder = os.environ.get("POLYVEIL_FASTDP")
    if folder is None:
        raise ModuleNotFoundError("POLYVEIL_FASTDP names no folder with fastDP's source")
    if folder not in sys.path:
        sys.path.append(folder)
    if importlib.util.find_spec("fastDP") is None:
        raise ModuleNotFoundError("the folder that POLYVEIL_FASTDP names holds no fastDP")
    return importlib.import_module("fastDP")


def _has_bias(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None


def quiet() -> None:
    """The peers' warnings about PyTorch's hooks say nothing about a figure."""
    warnings.filterwarnings("ignore", message=".*non-full backward hook.*")
    warnings.filterwarnings("ignore", message=".*Full backward hook is firing.*")
    warnings.filterwarnings("ignore", module="opacus.*")
    logging.getLogger("opacus").setLevel(logging.ERROR)


PEERS: dict[str, Maker] = {
    "plain": plain,
    "Opacus hooks": opacus_hooks,
    "Opacus ghost": opacus_ghost,
    "vmap(grad)": vmapped,
    "fastDP MixOpt": fastdp,
}
