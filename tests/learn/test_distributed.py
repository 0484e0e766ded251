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


def worker(rank: int, folder: str, port: int, noise: float) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    meeting = dist.TCPStore("127.0.0.1", port, is_master=False)
    dist.init_process_group("gloo", store=meeting, rank=rank, world_size=2)
    # The second process starts from other weights and another secret: the first one's count.
    torch.save(train(rank, SECRET if rank == 0 else None, noise), f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()
    # Gloo's threads may abort an interpreter that is being torn down; what is tested is on disk.
    os._exit(0)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_two_processes_release_what_one_would_have(tmp_path: Path, noise: float) -> None:
    # The store lives here and outlasts both, so that neither can take it from under the other.
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    mp.spawn(worker, (str(tmp_path), store.port, noise), nprocs=2)  # type: ignore[no-untyped-call]
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert torch.equal(both[0], both[1])
    if noise == 0:  # sums that differ by rounding get different noise, on purpose
        assert torch.allclose(both[0], train(0, SECRET, noise), atol=1e-5)
