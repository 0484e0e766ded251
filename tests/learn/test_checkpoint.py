# SPDX-License-Identifier: Apache-2.0
"""A checkpoint is given back as it was written, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from polyveil.errors import UsageError
from polyveil.learn.checkpoint import read_checkpoint, write_checkpoint

STATE: dict[str, Any] = {
    "w": torch.arange(12, dtype=torch.float32).view(3, 4),
    "moments": [torch.ones(5, dtype=torch.float64), torch.tensor(True), torch.zeros(0)],
    "steps": 3,
    "secret": bytes(range(32)),
    "preceding": "image",
}


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path, place: float, bit: int) -> None:
    path = tmp_path / "state"
    write_checkpoint(path, STATE)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        found = read_checkpoint(path)
    except UsageError as error:
        assert "checkpoint" in str(error) and "backup" in str(error)
    else:
        # Padding and the names of fields that nothing reads may change without any harm.
        assert found is not None and found["secret"] == STATE["secret"]
        assert torch.equal(found["w"], STATE["w"]) and found["steps"] == 3


def test_one_without_a_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_file({"0": torch.ones(2)}, path, {"tree": json.dumps({"pairs": []})})
    with pytest.raises(UsageError, match="checkpoint"):
        read_checkpoint(path)


def test_tensors_lie_as_torch_lays_them(tmp_path: Path) -> None:
    """Products of the same numbers round otherwise where operands begin elsewhere in a line."""
    path = tmp_path / "state"
    write_checkpoint(path, {str(size): torch.ones(size) for size in range(1, 40)})
    found = read_checkpoint(path)
    assert found is not None
    assert all(value.data_ptr() % 64 == 0 for value in found.values())
