# SPDX-License-Identifier: Apache-2.0
"""The project key comes from a file or from a vault, never from both, and stays the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyveil.errors import UsageError, VaultError
from polyveil.privacy.vault import Vault
from polyveil.tasks.recognising.keys import project_key

WORD = "a long passphrase"


def test_a_vault_keeps_the_key(tmp_path: Path) -> None:
    vault = tmp_path / "vault.db"
    made = project_key(vault=vault, passphrase=WORD, create=True)
    assert project_key(vault=vault, passphrase=WORD) == made
    assert project_key(vault=vault, passphrase=WORD, create=True) == made
    with pytest.raises(VaultError):
        project_key(vault=vault, passphrase="another passphrase")


def test_what_cannot_be_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not both"):
        project_key(tmp_path / "key", vault=tmp_path / "vault.db", passphrase=WORD)
    with pytest.raises(UsageError, match="passphrase"):
        project_key(vault=tmp_path / "vault.db")
    with pytest.raises(VaultError, match="no vault"):
        project_key(vault=tmp_path / "vault.db", passphrase=WORD)
    Vault.create(tmp_path / "empty.db", WORD, cost=2**14)
    with pytest.raises(VaultError, match="no project key"):
        project_key(vault=tmp_path / "empty.db", passphrase=WORD)
    assert project_key(tmp_path / "key") == project_key(tmp_path / "key")
