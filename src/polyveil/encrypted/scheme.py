# SPDX-License-Identifier: Apache-2.0
"""The few calls into TenSEAL that matching needs; no other file of this room knows the library.

TenSEAL's automatic steps are off: with one product and sums there is nothing to rescale, and a
reply of three polynomials decrypts like one of two, so nothing is relinearised either.
Vectors always fill every slot, because TenSEAL repeats shorter ones through the free slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil._optional import require
from polyveil.encrypted.parameters import Parameters
from polyveil.errors import UsageError

Context = Any
"""A tenseal.Context."""

Ciphertext = Any
"""A tenseal.CKKSVector of one ciphertext."""

_BROKEN = (RuntimeError, ValueError, TypeError, IndexError, MemoryError)


def tenseal() -> Any:
    """The library. Raises MissingExtra with the pip line."""
    return require("tenseal", extra="encrypt", purpose="Encrypted matching")


def new_context(parameters: Parameters) -> Context:
    """A context with a fresh key pair, from the operating system's randomness."""
    library = tenseal()
    context = library.context(
        library.SCHEME_TYPE.CKKS,
        poly_modulus_degree=parameters.degree,
        coeff_mod_bit_sizes=list(parameters.prime_bits),
        n_threads=1,
    )
    context.global_scale = parameters.scale
    return _manual(context)


def dump_context(context: Context, *, secret: bool) -> bytes:
    """The context as bytes: public key always, evaluation keys never, secret key if asked."""
    return bytes(
        context.serialize(
            save_public_key=True,
            save_secret_key=secret,
            save_galois_keys=False,
            save_relin_keys=False,
        )
    )


def load_context(data: bytes) -> Context:
    """The context of `dump_context`. Raises UsageError if the bytes hold none."""
    library = tenseal()
    try:
        return _manual(library.context_from(data, 1))
    except _BROKEN as error:
        raise UsageError(f"expected a key of encrypted matching; {_first_line(error)}.") from None


def encrypt(context: Context, values: NDArray[np.float64]) -> Ciphertext:
    """One ciphertext of as many numbers as there are slots."""
    library = tenseal()
    return library.ckks_vector(context, library.plain_tensor(values.tolist(), dtype="float"))


def dump(ciphertext: Ciphertext) -> bytes:
    """The ciphertext as bytes."""
    return bytes(ciphertext.serialize())


def load(context: Context, data: bytes, *, slots: int, polynomials: tuple[int, ...]) -> Ciphertext:
    """The ciphertext of `dump`, checked for the context.

    Args:
      slots: as many numbers as it must hold.
      polynomials: admissible sizes: (2,) when fresh, (2, 3) for a reply.

    Raises:
      UsageError: the bytes are no ciphertext for this context.
    """
    try:
        ciphertext = tenseal().ckks_vector_from(context, data)
        parts = ciphertext.ciphertext()
        fits = len(parts) == 1 and parts[0].size() in polynomials and ciphertext.size() == slots
    except _BROKEN as error:
        raise UsageError(
            f"expected a ciphertext under this key and its parameters; {_first_line(error)}. "
            "Send it again, encrypted with the public context of this database."
        ) from None
    if not fits:
        raise UsageError(
            f"expected one ciphertext of {slots} numbers, got one of another form. Send it again."
        )
    return ciphertext


def decrypt(context: Context, ciphertext: Ciphertext) -> NDArray[np.float64]:
    """float64 (slots,); approximate, and secret: see polyveil.encrypted.match."""
    return np.asarray(ciphertext.decrypt(context.secret_key()), dtype=np.float64)


def _manual(context: Context) -> Context:
    context.auto_relin = False
    context.auto_rescale = False
    context.auto_mod_switch = False
    return context


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
