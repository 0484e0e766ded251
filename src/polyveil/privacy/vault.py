# SPDX-License-Identifier: Apache-2.0
"""The vault: the encrypted memory of who became whom, from which texts can be turned back.

One SQLite file of sealed rows. SQLite, because a job of a million records needs bounded memory,
look-up by record, writers that may be killed at any moment, and a change of passphrase in one
transaction; an own format would have to earn all four again. What SQLite sees is ciphertext:

- scrypt (N = 2^17) turns the passphrase into a key that wraps a random data key; the wrapping
  authenticates the header. A new passphrase re-wraps that one row.
- Every row is AES-256-GCM with its number and its look-up tag as associated data, so that rows can
  be neither swapped nor renumbered. Look-up tags are HMACs: no id of a record or person shows.
- A sealed head holds the number of rows and a running MAC over all of them; it is checked when the
  vault is opened, so that a missing, changed or added row is noticed. The whole file put back to an
  older state is noticed by whoever kept `head` elsewhere and hands it to `open`.

Sources: scrypt, RFC 7914; AES-GCM, NIST SP 800-38D.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from polyveil.errors import VaultError
from polyveil.privacy.key import KEY_BYTES, encode

COST = 2**17
"""Memory and time of scrypt: 128 MiB, about half a second."""

_COSTS = (2**14, 2**20)
_FORMAT = "polyveil vault 1"
_NONCE = 12
_SCHEMA = """
CREATE TABLE header (one INTEGER PRIMARY KEY CHECK (one = 1), format TEXT, id BLOB, cost INTEGER,
  salt BLOB, wrapped BLOB, head BLOB);
CREATE TABLE sealed (number INTEGER PRIMARY KEY, tag BLOB NOT NULL, body BLOB NOT NULL);
CREATE INDEX by_tag ON sealed (tag);
"""

Reversals = Mapping[tuple[str | int, ...], tuple[str, Sequence[tuple[int, int, str]]]]
"""Path -> (string as released, its (start, end, original) spans in order)."""


class Vault:
    """An open vault. Use as a context manager; `batch` makes many entries one transaction."""

    def __init__(self, path: Path, base: sqlite3.Connection, data_key: bytes) -> None:
        self._path, self._base, self._data_key = path, base, data_key
        self._cipher = AESGCM(data_key)
        self._count, self._chain = 0, b""
        self._depth = 0

    @classmethod
    def create(
        cls, path: Path, passphrase: str, *, outside: Path | None = None, cost: int = COST
    ) -> Vault:
        """A new, empty vault with mode 0600; it appears under its name only when it is whole.

        Args:
          path: the file; must not exist.
          passphrase: of at least 8 characters. Secret.
          outside: the folder of the output; a vault in it would travel with what it protects.
          cost: of scrypt; smaller than the default only in tests.

        Raises:
          VaultError: the file exists, lies in the output folder, or the passphrase is too short.
        """
        _check_place(path, outside)
        if path.exists():
            raise VaultError(f"{path}: a file is there already. Open it, or choose another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with contextlib.closing(_connect(draft)) as base:
                base.executescript(_SCHEMA)
                vault = cls(path, base, secrets.token_bytes(KEY_BYTES))
                vault._write_header(secrets.token_bytes(16), passphrase, cost)
            os.link(draft, path)
        except FileExistsError:
            raise VaultError(f"{path}: another process made a vault there just now.") from None
        finally:
            draft.unlink(missing_ok=True)
        return cls.open(path, passphrase, outside=outside)

    @classmethod
    def open(
        cls,
        path: Path,
        passphrase: str,
        *,
        outside: Path | None = None,
        expected_head: str | None = None,
    ) -> Vault:
        """An existing vault, every row of it authenticated.

        Args:
          expected_head: what `head` was; a vault that is not at or beyond that state is refused.

        Raises:
          VaultError: no vault, wrong passphrase, a changed or missing byte, or an older state.
        """
        _check_place(path, outside)
        if not path.is_file():
            raise VaultError(f"{path}: there is no vault. Check the path.")
        if path.stat().st_mode & 0o077:
            raise VaultError(f"{path}: other accounts may read it; run: chmod 600 {path}")
        base = _connect(path)
        try:
            vault = cls(path, base, _data_key(base, path, passphrase))
            vault._check_rows(expected_head)
        except (sqlite3.Error, ValueError, TypeError):
            base.close()
            raise _damaged(path) from None
        except VaultError:
            base.close()
            raise
        return vault

    @property
    def head(self) -> str:
        """Row count and running MAC, as text: keep it elsewhere to notice a vault put back."""
        return f"{self._count}:{self._chain.hex()}"

    def put_person(self, person: str, persona: Mapping[str, Any]) -> None:
        """Remembers which persona a person has; the last entry for a person counts."""
        self._put(("person", person), {"person": person, "persona": dict(persona)})

    def persona(self, person: str) -> dict[str, Any] | None:
        """The persona of a person, as it was put; None if there is none."""
        body = self._get(("person", person))
        return None if body is None else dict(body["persona"])

    def persons(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every person with the persona put last, streamed."""
        for number, tag, body in self._rows():
            entry = self._opened(number, tag, body)
            if "persona" in entry and self._last(tag) == number:
                yield entry["person"], dict(entry["persona"])

    def put_texts(self, record: str, texts: Reversals) -> None:
        """Remembers how to turn the released strings of a record back.

        Args:
          record: key of the released record, e.g. its random name.
          texts: path -> (released string, (start, end, original) spans in it).
        """
        entries = [
            {
                "path": list(path),
                "mac": self._text_mac(record, text),
                "spans": [list(span) for span in spans],
            }
            for path, (text, spans) in texts.items()
        ]
        self._put(("record", record), {"texts": entries})

    def knows(self, record: str) -> bool:
        """Whether texts of this released record were put."""
        return self._get(("record", record)) is not None

    def restore_text(self, record: str, text: str, path: tuple[str | int, ...] = ()) -> str:
        """The original of a released string, to the character.

        Raises:
          VaultError: the record or path is unknown, or the string was changed since its release.
        """
        body = self._get(("record", record))
        entries = [] if body is None else [e for e in body["texts"] if e["path"] == list(path)]
        if not entries:
            raise VaultError(
                f"record {record}: the vault {self._path} knows no such text. "
                "Use the vault of the job that wrote it."
            )
        if not hmac.compare_digest(entries[0]["mac"], self._text_mac(record, text)):
            raise VaultError(
                f"record {record}: the text was changed since it was released, so its stand-ins "
                "are not where the vault remembers them. Restore from the released copy."
            )
        for start, end, original in reversed(entries[0]["spans"]):
            text = text[:start] + original + text[end:]
        return text

    def put_value(self, name: str, value: Any) -> None:
        """Remembers any JSON value under a name, such as a persona registry."""
        self._put(("value", name), {"value": value})

    def value(self, name: str) -> Any:
        """The value put last under a name; None if there is none."""
        body = self._get(("value", name))
        return None if body is None else body["value"]

    @contextlib.contextmanager
    def batch(self) -> Iterator[Vault]:
        """All entries within become one transaction: all of them are kept, or none."""
        before = self._count, self._chain
        if self._depth == 0:
            self._begin()
        self._depth += 1
        try:
            yield self
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._base.execute("ROLLBACK")
                self._count, self._chain = before
            raise
        self._depth -= 1
        if self._depth == 0:
            self._save_head()
            self._base.execute("COMMIT")

    def rotate(self, passphrase: str, *, cost: int = COST) -> None:
        """Changes the passphrase in one transaction: after a crash the old one or the new holds."""
        with self.batch():
            row = self._base.execute("SELECT id FROM header").fetchone()
            self._write_header(row[0], passphrase, cost)

    def close(self) -> None:
        """Closes the file."""
        self._base.close()

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Vault({str(self._path)!r}, {self._count} entries)"

    def _put(self, key: tuple[str, str], entry: Mapping[str, Any]) -> None:
        with self.batch():
            number, tag = self._count + 1, self._tag(*key)
            nonce = secrets.token_bytes(_NONCE)
            plain = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode()
            body = nonce + self._cipher.encrypt(nonce, plain, _bound(number, tag))
            self._base.execute("INSERT INTO sealed VALUES (?, ?, ?)", (number, tag, body))
            self._count, self._chain = number, self._link(number, tag, body)

    def _get(self, key: tuple[str, str]) -> dict[str, Any] | None:
        tag = self._tag(*key)
        try:
            row = self._base.execute(
                "SELECT number, body FROM sealed WHERE tag = ? ORDER BY number DESC LIMIT 1", (tag,)
            ).fetchone()
        except sqlite3.Error:
            raise _damaged(self._path) from None
        return None if row is None else self._opened(row[0], tag, row[1])

    def _opened(self, number: int, tag: bytes, body: bytes) -> dict[str, Any]:
        try:
            plain = self._cipher.decrypt(body[:_NONCE], body[_NONCE:], _bound(number, tag))
        except (InvalidTag, ValueError):
            raise _damaged(self._path) from None
        entry: dict[str, Any] = json.loads(plain)
        return entry

    def _rows(self) -> Iterator[tuple[int, bytes, bytes]]:
        query = "SELECT number, tag, body FROM sealed NOT INDEXED ORDER BY number"
        try:
            yield from self._base.execute(query)
        except sqlite3.Error:
            raise _damaged(self._path) from None

    def _last(self, tag: bytes) -> int:
        row = self._base.execute("SELECT max(number) FROM sealed WHERE tag = ?", (tag,)).fetchone()
        return int(row[0])

    def _check_rows(self, expected_head: str | None) -> None:
        """Walks the chain; compares it with the sealed head and with one kept elsewhere."""
        seen = expected_head is None or expected_head == self.head
        for number, tag, body in self._rows():
            if number != self._count + 1:
                raise _damaged(self._path)
            self._count, self._chain = number, self._link(number, tag, body)
            seen = seen or self.head == expected_head
        sealed = self._base.execute("SELECT head FROM header").fetchone()[0]
        try:
            head = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"head")
        except InvalidTag:
            raise _damaged(self._path) from None
        if head.decode() != self.head or not _indexed(self._base, self._count):
            raise _damaged(self._path)
        if not seen:
            raise VaultError(
                f"{self._path}: the vault is in an older state than the one you expect, or another "
                "vault. Somebody may have put an old copy back."
            )

    def _link(self, number: int, tag: bytes, body: bytes) -> bytes:
        digest = hashlib.sha256(_bound(number, tag) + body).digest()
        return self._mac("chain", self._chain + digest)

    def _begin(self) -> None:
        """Opens a transaction at the newest state, so that several processes may write in turn."""
        self._base.execute("BEGIN IMMEDIATE")
        sealed = self._base.execute("SELECT head FROM header").fetchone()[0]
        count, _, chain = (
            self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"head").decode().partition(":")
        )
        self._count, self._chain = int(count), bytes.fromhex(chain)

    def _save_head(self) -> None:
        self._base.execute("UPDATE header SET head = ?", (self._sealed_head(),))

    def _sealed_head(self) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, self.head.encode(), b"head")

    def _write_header(self, vault_id: bytes, passphrase: str, cost: int) -> None:
        if len(passphrase) < 8:
            raise VaultError("expected a passphrase of at least 8 characters; choose a longer one.")
        salt = secrets.token_bytes(16)
        nonce = secrets.token_bytes(_NONCE)
        wrap = AESGCM(_derived(passphrase, salt, cost))
        wrapped = nonce + wrap.encrypt(nonce, self._data_key, _header(vault_id, cost, salt))
        self._base.execute(
            "INSERT OR REPLACE INTO header VALUES (1, ?, ?, ?, ?, ?, ?)",
            (_FORMAT, vault_id, cost, salt, wrapped, self._sealed_head()),
        )

    def _tag(self, kind: str, name: str) -> bytes:
        return self._mac("tag", encode(kind, name))

    def _text_mac(self, record: str, text: str) -> str:
        return self._mac("text", encode(record, text)).hex()

    def _mac(self, purpose: str, message: bytes) -> bytes:
        key = hmac.new(self._data_key, encode("vault", purpose), hashlib.sha256).digest()
        return hmac.new(key, message, hashlib.sha256).digest()


def _connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, isolation_level=None, timeout=60)
    # Overwritten rows are zeroed: after a rotation no page keeps the old wrapping.
    for pragma in ("secure_delete = ON", "synchronous = FULL", "temp_store = MEMORY"):
        with contextlib.suppress(sqlite3.DatabaseError):
            base.execute(f"PRAGMA {pragma}")
    return base


def _data_key(base: sqlite3.Connection, path: Path, passphrase: str) -> bytes:
    header = base.execute("SELECT format, id, cost, salt, wrapped FROM header").fetchone()
    if header is None or header[0] != _FORMAT or not _COSTS[0] <= header[2] <= _COSTS[1]:
        raise _damaged(path)
    _, vault_id, cost, salt, wrapped = header
    try:
        cipher = AESGCM(_derived(passphrase, salt, cost))
        return cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _header(vault_id, cost, salt))
    except InvalidTag:
        raise VaultError(
            f"{path}: the passphrase does not open this vault, or its header was changed. "
            "Nothing was read."
        ) from None


def _derived(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=cost, r=8, p=1).derive(passphrase.encode())


def _header(vault_id: bytes, cost: int, salt: bytes) -> bytes:
    return encode(_FORMAT, vault_id.hex(), str(cost), salt.hex())


def _bound(number: int, tag: bytes) -> bytes:
    return number.to_bytes(8, "big") + tag


def _indexed(base: sqlite3.Connection, count: int) -> bool:
    """Whether the index, by which rows are looked up, agrees with the rows."""
    return bool(base.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok") and (
        base.execute("SELECT count(*) FROM sealed").fetchone()[0] == count
    )


def _check_place(path: Path, outside: Path | None) -> None:
    if outside is not None and path.resolve().is_relative_to(outside.resolve()):
        raise VaultError(
            f"{path}: lies in the output folder {outside}, so it would travel with what it "
            "protects. Choose a place elsewhere."
        )


def _damaged(path: Path) -> VaultError:
    return VaultError(
        f"{path}: expected a whole vault; bytes of it were changed or are missing. "
        "Nothing was restored. Use a backup."
    )
