# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures. Real data is used where it lies beside the clone, else skipped with a reason."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from steady import Steady, start_again

# The same examples and the same secrets everywhere, so that a change is judged by what it changed.
# To look for new ones: HYPOTHESIS_PROFILE=default make test.
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "steady")
settings.register_profile("steady", derandomize=True)
settings.load_profile(PROFILE)

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


DRAWS = Steady()


@pytest.fixture(scope="session", autouse=True)
def steady_secrets() -> Iterator[None]:
    """What is drawn as a secret is drawn alike in every run; see `Steady`."""
    with pytest.MonkeyPatch.context() as patch:
        if PROFILE == "steady":
            patch.setattr(secrets, "token_bytes", DRAWS.token_bytes)
            patch.setattr(secrets, "randbelow", DRAWS.randbelow)
        yield


@pytest.fixture(autouse=True)
def same_draws(request: pytest.FixtureRequest) -> None:
    """Every test draws the same, whichever tests ran before it and on whichever worker."""
    start_again()
    DRAWS.start(request.node.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Iterator[None]:
    """What several tests share draws the same, whichever of them asks for it first."""
    if fixturedef.scope == "function":
        return (yield)
    with DRAWS.apart(f"{fixturedef.baseid} {fixturedef.argname} {getattr(request, 'param', '')}"):
        return (yield)


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
