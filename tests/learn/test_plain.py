# SPDX-License-Identifier: Apache-2.0
"""Training without a promise: every record once a pass, equal to torch's own loop."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from polyveil.learn.plain import PlainTraining
from polyveil.learn.schedule import Schedule

RECORDS, BATCHES = 23, 4
SCHEDULE = Schedule(RECORDS, 1 / BATCHES, 2 * BATCHES, 0.0, 1e-5)


def training(secret: bytes = bytes(32)) -> tuple[nn.Linear, torch.optim.Optimizer, PlainTraining]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, values = nn.Linear(3, 2), torch.randn(RECORDS, 3)
    rows = (values, torch.arange(RECORDS))
    adjusts = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, adjusts, PlainTraining(model, adjusts, rows, schedule=SCHEDULE, secret=secret)


def loss(model: nn.Linear, values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(values), which % 2, reduction="none")


def test_every_record_comes_once_in_each_pass() -> None:
    model, adjusts, plain = training()
    seen = []
    for values, which in plain.batches():
        seen.append(which)
        plain.backward(loss(model, values, which))
        adjusts.step()
    assert len(seen) == SCHEDULE.steps
    for start in (0, BATCHES):
        assert torch.cat(seen[start : start + BATCHES]).sort()[0].tolist() == list(range(RECORDS))
    assert not torch.equal(seen[0], seen[BATCHES])


def test_a_step_is_torchs_own() -> None:
    model, adjusts, plain = training()
    twin, own, _ = training()
    for values, which in plain.batches():
        plain.backward(loss(model, values, which))
        adjusts.step()
        own.zero_grad()
        loss(twin, values, which).mean().backward()
        own.step()
    assert torch.equal(model.weight, twin.weight) and torch.equal(model.bias, twin.bias)


def test_it_goes_on_where_it_was_stopped() -> None:
    _, _, plain = training()
    batches = []
    for _, which in plain.batches():
        batches.append(which)
        plain.steps_done += 1
    _, _, resumed = training(bytes([1]) * 32)
    resumed.load_state_dict({"steps_done": 3, "secret": bytes(32)})
    _, first = next(iter(resumed.batches()))
    assert torch.equal(first, batches[3])


def test_it_promises_nothing() -> None:
    assert "nothing bounds" in training()[2].no_guarantee and training()[2].thresholds == {}
