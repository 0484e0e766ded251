# SPDX-License-Identifier: Apache-2.0
"""The high-water mark: the furthest state of a ledger that this account has seen.

A chain that was cut short, or an older copy of the whole database, is a perfect chain. So what was
last seen is remembered outside the database, in small files of mode 0600 beside the project key:

- `<ledger id>.mark`: number and hash of the furthest entry, signed. Two copies of one ledger that
  both grew meet here, whatever their paths.
- `at-<hash of the place>.mark`: which ledger was found at a path or URL, so that a fresh, empty
  ledger in its place is noticed.

A mark is written after the entry is in the database, under a lock, and only ever moves forward. A
process killed in between leaves the mark one entry behind, which is sound: a mark is a lower bound.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyveil.errors import LedgerError
from polyveil.privacy.key import ProjectKey, default_key_path

_PURPOSE = "polyveil/ledger-mark"


@dataclass(frozen=True, slots=True)
class Mark:
    """The furthest entry seen; 0 and the header's hash for an empty ledger."""

    sequence: int
    hash: str


class Marks:
    """The folder of marks of one account."""

    def __init__(self, key: ProjectKey, folder: Path | None = None) -> None:
        self._key = key
        self._folder = default_key_path().parent / "ledger-marks" if folder is None else folder
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def lock(self, place: str) -> Iterator[None]:
        """One process of this account at a time; the operating system frees it after a kill."""
        handle = os.open(self._folder / f"{_short(place)}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def ledger_at(self, place: str) -> str | None:
        """Id of the ledger that was last found at a path or URL."""
        found = self._read(self.file_of_place(place), 1)
        return None if found is None else found[0]

    def bind(self, place: str, ledger: str) -> None:
        """Remembers which ledger is at a path or URL."""
        self._write(self.file_of_place(place), ledger)

    def furthest(self, ledger: str) -> Mark | None:
        """The furthest state seen of a ledger.

        Raises:
          LedgerError: the file was changed or is damaged.
        """
        found = self._read(self._file(ledger), 3)
        if found is None:
            return None
        named, sequence, digest = found
        if named != ledger or not sequence.isdecimal():
            raise _changed(self._file(ledger))
        return Mark(int(sequence), digest)

    def advance(self, ledger: str, mark: Mark) -> None:
        """Moves the mark forward; the caller holds the lock and has checked that it is forward."""
        self._write(self._file(ledger), ledger, str(mark.sequence), mark.hash)

    def file_of_place(self, place: str) -> Path:
        """Where the memory of a path or URL is kept."""
        return self._folder / f"at-{_short(place)}.mark"

    def _file(self, ledger: str) -> Path:
        return self._folder / f"{ledger}.mark"

    def _read(self, path: Path, count: int) -> list[str] | None:
        try:
            *parts, mac = path.read_text("ascii").split()
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise _changed(path) from None
        if len(parts) != count or not hmac.compare_digest(mac, self._mac(path, parts)):
            raise _changed(path)
        return parts

    def _write(self, path: Path, *parts: str) -> None:
        """Whole or not at all. Not forced to the disk: the database is, and a mark may lag."""
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(" ".join((*parts, self._mac(path, list(parts)))) + "\n")
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def _mac(self, path: Path, parts: list[str]) -> str:
        return self._key.mac(_PURPOSE, path.name, *parts).hex()


def _short(place: str) -> str:
    return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _changed(path: Path) -> LedgerError:
    return LedgerError(
        f"{path}: this mark of how far the ledger had grown was changed, damaged (a power cut can "
        "do that) or written with another project key. Run `polyveil ledger verify` with a head "
        "that you kept; only if that is fine, delete the file."
    )
