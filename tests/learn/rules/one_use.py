# SPDX-License-Identifier: Apache-2.0
"""The least engine around one rule, and its naive twin: every record alone."""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode


class OneUse:
    """Keeps what is handed in."""

    def __init__(self, records):
        self.records = records
        self.anchor = torch.zeros((), requires_grad=True)
        self.contributions = []

    def add(self, contribution):
        self.contributions.append(contribution)


class Rules(TorchFunctionMode):
    """Sends every operation that reads a trainable parameter to its rule."""

    def __init__(self, rules, use):
        super().__init__()
        self.rules, self.use = rules, use

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        values = (*args, *kwargs.values())
        reads = any(isinstance(v, torch.nn.Parameter) and v.requires_grad for v in values)
        if reads and func in self.rules:
            return self.rules[func](self.use, func, args, kwargs)
        return func(*args, **kwargs)


def watched(rules, layer, data, records, factor=None):
    """(the use, output, input gradient) of one pass; the loss is sum(output * factor)."""
    use = OneUse(records)
    leaf = data.detach().clone(memory_format=torch.preserve_format)
    if leaf.is_floating_point():
        leaf.requires_grad_()
    with Rules(rules, use):
        output = layer(leaf)
    output.backward(pull(output) if factor is None else factor)
    return use, output.detach(), leaf.grad


def pull(output):
    """A random gradient for this output, always the same."""
    generator = torch.Generator().manual_seed(output.numel())
    return torch.randn(output.shape, generator=generator).to(output.dtype)


def alone(layer, data, records):
    """Every record's gradient by autograd on that record alone, and the plain input gradient."""
    leaf = data.detach().clone(memory_format=torch.preserve_format)
    if leaf.is_floating_point():
        leaf.requires_grad_()
    output = layer(leaf)
    factor = pull(output)
    output.backward(factor)
    trainable = [one for one in layer.parameters() if one.requires_grad]
    rows = data.shape[0] // records
    gradients = []
    for record in range(records):
        own = slice(record * rows, (record + 1) * rows)
        gradients.append(torch.autograd.grad(layer(data[own]), trainable, factor[own]))
    layer.zero_grad()
    return tuple(torch.stack(parts) for parts in zip(*gradients, strict=True)), leaf.grad


def close(got, wanted, tolerance=2e-5, scale=0.0):
    """Equal up to rounding, relative to the largest entry, of `wanted` or of what it sums."""
    wanted = wanted.float()
    assert got.dtype == torch.float32
    assert got.shape == wanted.shape
    scale = max(scale, float(wanted.abs().max())) + 1e-6
    assert float((got - wanted).abs().max()) <= tolerance * scale


def fixed(threshold):
    """Clipping at a threshold, element by element, as the engine does it."""

    def rule(squared_norms):
        weights = (threshold / squared_norms.sqrt()).clamp(max=1.0)
        return torch.where(torch.isfinite(squared_norms), weights, 0.0)

    return rule


def agrees(contribution, expected, tolerance=2e-5):
    """Norms, weighted sums, clipping in one pass and gradients are those expected."""
    records = expected[0].shape[0]
    assert contribution.records == records
    norms = sum(one.float().flatten(1).square().sum(1) for one in expected)
    close(contribution.squared_norms(), norms, 4 * tolerance)
    largest = max(float(one.abs().max()) for one in expected)
    weights = torch.rand(records, generator=torch.Generator().manual_seed(records))
    for got, wanted in zip(contribution.weighted_sum(weights), expected, strict=True):
        close(got, torch.einsum("b,b...->...", weights, wanted.float()), tolerance, largest)
    rule = fixed(float(norms.median().sqrt()) + 1e-6)
    got_norms, totals = contribution.clipped(rule)
    close(got_norms, norms, 4 * tolerance)
    for got, wanted in zip(totals, expected, strict=True):
        close(got, torch.einsum("b,b...->...", rule(norms), wanted.float()), 4 * tolerance, largest)
    for got, wanted in zip(contribution.per_record(), expected, strict=True):
        close(got, wanted, tolerance)
