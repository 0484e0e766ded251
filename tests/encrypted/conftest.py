# SPDX-License-Identifier: Apache-2.0
"""Key pairs for the tests of encrypted matching; skipped with a reason where TenSEAL is absent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from polyveil.encrypted import (
    COMPACT,
    Client,
    EncryptedDatabase,
    KeyHolder,
    Parameters,
    SecretContext,
    Server,
    normalised,
)


@dataclass(frozen=True)
class Parties:
    """Everyone who takes part under one key."""

    secret: SecretContext
    holder: KeyHolder
    client: Client

    def database(self, templates: np.ndarray, prefix: str = "p") -> EncryptedDatabase:
        """A database of the rows, named p0, p1 ..."""
        database = EncryptedDatabase(self.holder.public, dimension=templates.shape[1])
        names = [f"{prefix}{place}" for place in range(len(templates))]
        database.append(names, self.client.encrypt_templates(templates, first=0))
        return database

    def ask(self, database: EncryptedDatabase, probe: np.ndarray) -> np.ndarray:
        """Decrypted scores of the living templates."""
        return self.holder.scores(Server(database).scores(self.client.encrypt_probe(probe))).values


def unit(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Random rows of length 1."""
    return normalised(np.random.default_rng(seed).normal(size=(count, dimension)))


def made(*arguments: object) -> Parties:
    """A fresh key pair and its parties."""
    pytest.importorskip("tenseal", reason="needs the extra encrypt: TenSEAL is not installed")
    secret = SecretContext.generate(*arguments)  # type: ignore[arg-type]
    return Parties(secret, KeyHolder(secret), Client(secret.public))


@pytest.fixture(scope="session")
def parties() -> Parties:
    """Under the standard parameters."""
    return made()


@pytest.fixture(scope="session")
def strangers() -> Parties:
    """Under another key of the same parameters."""
    return made()


@pytest.fixture(scope="session")
def compact() -> Parties:
    """Under the compact parameters."""
    return made(COMPACT)


@pytest.fixture(scope="session")
def coarse() -> Parties:
    """Under parameters whose noise is as large as is admitted."""
    return made(Parameters(degree=4096, prime_bits=(53, 53), scale_bits=25))


@pytest.fixture(scope="session")
def wide() -> Parties:
    """Under the parameters that keep 128 bits against quantum computers."""
    return made(Parameters(degree=8192, prime_bits=(36, 35, 35), scale_bits=32))


@pytest.fixture(scope="session")
def rows():
    """rows(count, dimension, seed) -> random templates of length 1."""
    return unit
