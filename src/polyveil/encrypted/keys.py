# SPDX-License-Identifier: Apache-2.0
"""The key pair: a public context that encrypts and computes, a secret one that decrypts.

The two are different types. The server and the clients are built from a `PublicContext`, and one
that turns out to hold a secret key is refused. The secret key reaches the disk in two ways only: in
a file of mode 0600, or sealed by the project key.
"""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import numpy as np

from polyveil import _disk
from polyveil.encrypted import envelope, scheme
from polyveil.encrypted.parameters import STANDARD, Parameters
from polyveil.errors import UsageError
from polyveil.privacy.key import ProjectKey

_PUBLIC, _SECRET = "public context", "secret context"
_PURPOSE = "polyveil/encrypted-matching"


class PublicContext:
    """What everyone may have: encrypts, and computes on ciphertexts. Decrypts nothing.

    Attributes:
      parameters: of the scheme.
      id: 32 hex digits of the SHA-256 of the public key; every ciphertext carries it.
      context: the tenseal context, without a secret key.
    """

    def __init__(self, parameters: Parameters, data: bytes) -> None:
        self.parameters = parameters
        self._data = bytes(data)
        self.id = hashlib.sha256(self._data).hexdigest()[:32]
        self.context = scheme.load_context(self._data)
        if self.context.is_private():
            raise UsageError(
                "expected a public context, got one that holds a secret key. Hand out "
                "SecretContext.public instead, and replace that key if it left its machine."
            )
        if self.context.global_scale != parameters.scale:
            raise UsageError("expected a public context with the parameters that it states.")

    def to_bytes(self) -> bytes:
        """The context as a message."""
        return envelope.seal(_PUBLIC, self.parameters.facts(), [self._data])

    @classmethod
    def from_bytes(cls, data: bytes, *, where: str = "public context") -> PublicContext:
        """What `to_bytes` gave. Raises UsageError: damaged, of another kind, or secret."""
        facts, blobs = envelope.open_(_PUBLIC, data, where=where)
        return cls(Parameters.from_facts(facts), _only(blobs, 1)[0])

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all."""
        _disk.write_whole(path, self.to_bytes(), mode=0o644)

    @classmethod
    def load(cls, path: Path) -> PublicContext:
        """Reads the file. Raises UsageError: damaged, of another kind, or secret."""
        return cls.from_bytes(envelope.read(path), where=str(path))

    def expect(self, key_id: str, what: str) -> None:
        """Raises UsageError unless `what` was made under this key."""
        if key_id != self.id:
            raise UsageError(
                f"{what}: made under key {key_id}, expected {self.id}. "
                "Encrypt again with the public context of this database."
            )

    def __repr__(self) -> str:
        return f"PublicContext(id={self.id})"


class SecretContext:
    """The key holder's: decrypts. Its repr shows the public id only; it cannot be pickled.

    A pair whose halves do not belong together is refused when it is made or read.

    Attributes:
      public: the public half, to hand out.
      context: the tenseal context with the secret key. Secret.
    """

    def __init__(self, public: PublicContext, data: bytes) -> None:
        self.public = public
        self._data = bytes(data)
        self.context = scheme.load_context(self._data)
        if not self.context.is_private():
            raise UsageError("expected a context with a secret key, got a public one.")
        self._check_pair()

    @classmethod
    def generate(cls, parameters: Parameters = STANDARD) -> SecretContext:
        """A fresh key pair, from the operating system's randomness."""
        context = scheme.new_context(parameters)
        public = PublicContext(parameters, scheme.dump_context(context, secret=False))
        return cls(public, scheme.dump_context(context, secret=True))

    @property
    def id(self) -> str:
        """The id of the key pair, as in PublicContext. Public."""
        return self.public.id

    def save(self, path: Path) -> None:
        """Writes a new file of mode 0600, whole or not at all.

        Raises:
          UsageError: a file is there already; replacing it could make a database unreadable.
        """
        if path.exists():
            raise UsageError(f"{path}: a file is there already. Choose another name.")
        _disk.write_whole(path, self._message(), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> SecretContext:
        """Reads the file. Raises UsageError: other accounts may read it, or it is damaged."""
        data = envelope.read(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise UsageError(
                f"{path}: mode {mode:04o} lets other accounts read the secret key; "
                f"expected 0600. Run: chmod 600 {path}"
            )
        return cls._from_message(data, where=str(path))

    def sealed(self, key: ProjectKey) -> bytes:
        """The key pair as bytes that only `from_sealed` with the same project key reads."""
        return key.seal(_PURPOSE, self._message())

    @classmethod
    def from_sealed(cls, key: ProjectKey, sealed: bytes) -> SecretContext:
        """What `sealed` gave. Raises VaultError: another project key, or a changed byte."""
        return cls._from_message(key.open(_PURPOSE, sealed), where="sealed secret context")

    def _check_pair(self) -> None:
        """What the public half encrypts, the secret half must read; otherwise it reads noise."""
        parameters = self.public.parameters
        values = np.linspace(-1, 1, parameters.slots)
        data = scheme.dump(scheme.encrypt(self.public.context, values))
        read = scheme.load(self.context, data, slots=parameters.slots, polynomials=(2,))
        if np.abs(scheme.decrypt(self.context, read) - values).max() > parameters.error_bound():
            raise UsageError("the secret key does not belong to the public context beside it.")

    def _message(self) -> bytes:
        return envelope.seal(_SECRET, {}, [self.public.to_bytes(), self._data])

    @classmethod
    def _from_message(cls, data: bytes, *, where: str) -> SecretContext:
        _, blobs = envelope.open_(_SECRET, data, where=where)
        public, secret = _only(blobs, 2)
        return cls(PublicContext.from_bytes(public, where=where), secret)

    def __repr__(self) -> str:
        return f"SecretContext(id={self.id})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise UsageError("a secret context is not pickled. Use save() or sealed().")


def _only(blobs: list[bytes], count: int) -> list[bytes]:
    if len(blobs) != count:
        raise UsageError(f"expected {count} part(s) in the message, got {len(blobs)}.")
    return blobs
