# SPDX-License-Identifier: Apache-2.0
"""Several processes together release what one process alone would have released."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from polyveil.learn.private import PrivateTraining

SECRET = bytes(range(32))


def train(seed: int, secret: bytes | None, noise: float) -> Tensor:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))
    inputs = torch.randn(60, 5, generator=torch.Generator().manual_seed(1))
    labels = (inputs[:, 0] > 0).long()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    private = PrivateTraining(
        model, optimizer, (inputs, labels), noise_multiplier=noise, batch_size=12, epochs=1,
        physical_batch=5, secret=secret,
    )  # fmt: skip
    for rows, classes in private.batches():
        private.backward(F.cross_entropy(model(rows), classes, reduction="none"))
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def worker(rank: int, folder: str, noise: float) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    # The second process starts from other weights and another secret: the first one's count.
    torch.save(train(rank, SECRET if rank == 0 else None, noise), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_two_processes_release_what_one_would_have(tmp_path: Path, noise: float) -> None:
    mp.spawn(worker, (str(tmp_path), noise), nprocs=2)  # type: ignore[no-untyped-call]
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert torch.equal(both[0], both[1])
    if noise == 0:  # sums that differ by rounding get different noise, on purpose
        assert torch.allclose(both[0], train(0, SECRET, noise), atol=1e-5)
