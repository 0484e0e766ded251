# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures. Real data is used where it lies beside the clone, else skipped with a reason."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# The same examples everywhere, so that a change is judged by what it changed. To look for new
# ones: HYPOTHESIS_PROFILE=default make test.
settings.register_profile("steady", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

DATA = Path(
    os.environ.get("POLYVEIL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """data(pack) -> folder of a data pack; skips the test where the pack is absent."""

    def pack(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"data pack {name} is not beside this clone (set POLYVEIL_DATA)")
        return DATA / name

    return pack


@pytest.fixture(autouse=True)
def no_socket_outside_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test may reach for the network: principle 6."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        inside = self.family == socket.AF_UNIX or address[0] in {"127.0.0.1", "::1", "localhost"}
        if not inside:
            pytest.fail(f"a socket was opened to {address[0]}; polyveil works offline")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Whoever draws from a global generator draws the same in every run, on every machine."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """URL of a fresh schema in the server that POLYVEIL_TEST_POSTGRESQL names; else skips."""
    given = os.environ.get("POLYVEIL_TEST_POSTGRESQL")
    if not given:
        pytest.skip(
            "no PostgreSQL server: set POLYVEIL_TEST_POSTGRESQL=postgresql://user@host/name"
        )
    psycopg = pytest.importorskip("psycopg", reason="needs pip install 'polyveil[postgresql]'")
    schema = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(given, autocommit=True) as base:
        base.execute(f"CREATE SCHEMA {schema}")
        yield f"{given}?options=-csearch_path%3D{schema}"
        base.execute(f"DROP SCHEMA {schema} CASCADE")


class Enrolments:
    """Stands for ids from the operating system: at the stated rate strangers ARE accepted, so a
    test that draws its templates anew would fail about as often."""

    def __init__(self) -> None:
        self.drawn, self.process = 0, os.getpid()

    def __call__(self) -> str:
        self.drawn += 1
        # Processes that enrol side by side must not draw alike.
        other = 0 if os.getpid() == self.process else os.getpid()
        return hashlib.sha256(b"%d %d" % (self.drawn, other)).hexdigest()[:32]


@pytest.fixture(scope="session")
def enrolments() -> Iterator[Enrolments]:
    drawn = Enrolments()
    with pytest.MonkeyPatch.context() as patch:
        for module in ("gallery", "trials"):
            patch.setattr(f"polyveil.recognize.{module}.new_enrolment", drawn)
        yield drawn


@pytest.fixture
def same_templates(enrolments: Enrolments) -> None:
    """Whichever tests ran before."""
    enrolments.drawn = 0
