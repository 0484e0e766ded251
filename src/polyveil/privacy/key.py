# SPDX-License-Identifier: Apache-2.0
"""The project key: 32 secret bytes from which every stand-in of a project follows.

Why a key: an unkeyed hash of a name is undone by hashing every name there is. With the key the
same person gets the same stand-in in every run; without it nothing in the output can be recomputed.
Sources: HMAC, RFC 2104; HKDF, RFC 5869; AES-GCM, NIST SP 800-38D.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from polyveil.errors import UsageError, VaultError

KEY_BYTES = 32
_NONCE_BYTES = 12


def default_key_path() -> Path:
    """$XDG_STATE_HOME/polyveil/project.key, or ~/.local/state/polyveil/project.key."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state and Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "polyveil" / "project.key"


def encode(*parts: str) -> bytes:
    """Parts as bytes, each behind its length: ("ab", "c") and ("a", "bc") never meet."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return len(encoded).to_bytes(4, "big") + b"".join(
        len(part).to_bytes(8, "big") + part for part in encoded
    )


class ProjectKey:
    """The secret of one project. Never printed: its repr shows the public fingerprint only."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise UsageError(f"a project key has {KEY_BYTES} bytes, got {len(secret)}.")
        self._secret = bytes(secret)

    @classmethod
    def ephemeral(cls) -> ProjectKey:
        """A key that lives in memory alone: what it makes can never be made again."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def load_or_create(cls, path: Path | None = None) -> ProjectKey:
        """The key in a file of mode 0600; a fresh one is written there if there is none.

        Raises:
          UsageError: other accounts may read the file, or it holds no key.
        """
        path = default_key_path() if path is None else path
        if not path.exists():
            _create(path)
        return cls(_read(path))

    @property
    def id(self) -> str:
        """Public fingerprint, 16 hex digits: tells two keys apart, says nothing about either."""
        return self.mac("polyveil/key-id")[:8].hex()

    def mac(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA-256 of the parts, in a domain of its own for each purpose; 32 bytes."""
        return hmac.new(self._secret, encode("mac", purpose, *parts), hashlib.sha256).digest()

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypted and authenticated bytes that only `open` with the same purpose reads."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._sealing_key(purpose)).encrypt(nonce, plain, None)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """The bytes that were sealed.

        Raises:
          VaultError: another key, another purpose, or a changed byte.
        """
        try:
            return AESGCM(self._sealing_key(purpose)).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None
            )
        except (InvalidTag, ValueError):
            raise VaultError(
                f"sealed {purpose}: expected bytes sealed by project key {self.id}; these were "
                "changed or sealed by another key. Use the key file of the job that made them."
            ) from None

    def _sealing_key(self, purpose: str) -> bytes:
        return HKDFExpand(hashes.SHA256(), KEY_BYTES, encode("seal", purpose)).derive(self._secret)

    def __repr__(self) -> str:
        return f"ProjectKey(id={self.id})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProjectKey):
            return NotImplemented
        return hmac.compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        return hash(self.id)


def _create(path: Path) -> None:
    """Writes a fresh key beside its place, then links it there: whole or absent, never over one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)  # fails if another process was first; its key is then used
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if mode & 0o077:
            raise UsageError(
                f"{path}: mode {mode:04o} lets other accounts read the project key; "
                f"expected 0600. Run: chmod 600 {path}"
            )
        secret = stream.read(KEY_BYTES + 1)
    if len(secret) != KEY_BYTES:
        raise UsageError(
            f"{path}: expected a project key of {KEY_BYTES} bytes, got {len(secret)} or more. "
            "Restore the file from a backup, or move it away to start a new project."
        )
    return secret
