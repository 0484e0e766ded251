# SPDX-License-Identifier: Apache-2.0
"""A ledger in a temporary folder, with a key and a memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from polyveil.privacy.key import ProjectKey
from polyveil.privacy.ledger import Ledger

KEY = ProjectKey(b"a test key that has 32 bytes ...")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Ledger]:
    """opened(place="ledger.db", marks="marks", key=KEY) -> Ledger."""

    def open_ledger(
        place: str = "ledger.db", *, marks: str = "marks", key: ProjectKey = KEY
    ) -> Ledger:
        where = place if "://" in place else tmp_path / place
        return Ledger.open(where, key=key, marks=tmp_path / marks)

    return open_ledger
