# SPDX-License-Identifier: Apache-2.0
"""The project key of a gallery: in a file of its own, or in a vault behind a passphrase."""

from __future__ import annotations

import binascii
import secrets
from pathlib import Path

from polyveil.errors import UsageError, VaultError
from polyveil.privacy.key import KEY_BYTES, ProjectKey
from polyveil.privacy.vault import Vault

_NAME = "project key"


def project_key(
    key: str | Path | None = None,
    *,
    vault: str | Path | None = None,
    passphrase: str | None = None,
    create: bool = False,
) -> ProjectKey:
    """The key from a vault if one is named, else from a file.

    Args:
      key: file; None for the account's own. Only where there is no vault.
      vault: encrypted file that holds the key.
      passphrase: of the vault. Secret.
      create: whether a vault and a key are made where there are none; a key file always is.

    Raises:
      UsageError: key file and vault together, a vault without its passphrase, or a key file that
        other accounts can read.
      VaultError: no vault, another passphrase, damaged, or no key in it.
    """
    if vault is None:
        return ProjectKey.load_or_create(None if key is None else Path(key))
    if key is not None:
        raise UsageError("key: expected a key file or a vault that holds the key, not both.")
    if not passphrase:
        raise UsageError("vault: expected its passphrase.")
    path = Path(vault)
    opened = (
        Vault.create(path, passphrase)
        if create and not path.exists()
        else Vault.open(path, passphrase)
    )
    with opened as found:
        if create and found.value(_NAME) is None:
            _put(found)
        return _key(found.value(_NAME), path)


def _put(vault: Vault) -> None:
    with vault.batch():
        if vault.value(_NAME) is None:  # nobody else was first meanwhile
            vault.put_value(_NAME, secrets.token_bytes(KEY_BYTES).hex())


def _key(kept: object, path: Path) -> ProjectKey:
    try:
        return ProjectKey(binascii.unhexlify(str(kept)) if isinstance(kept, str) else b"")
    except (ValueError, UsageError):
        raise VaultError(
            f"{path}: no project key in this vault; `polyveil calibrate --vault` puts one there."
        ) from None
