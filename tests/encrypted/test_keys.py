# SPDX-License-Identifier: Apache-2.0
"""The secret key leaves in two ways only: a file of mode 0600, or sealed by the project key."""

from __future__ import annotations

import copy
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest

from polyveil.encrypted import PublicContext, SecretContext
from polyveil.errors import UsageError, VaultError
from polyveil.privacy.key import ProjectKey


def test_the_public_half_holds_no_secret_and_no_evaluation_keys(parties):
    context = parties.secret.public.context
    assert parties.secret.context.is_private()
    assert context.is_public() and not context.is_private()
    assert not context.has_secret_key()
    assert not context.has_galois_keys() and not context.has_relin_keys()


def test_public_round_trip(parties, tmp_path: Path):
    public = parties.secret.public
    public.save(tmp_path / "public.ckks")
    again = PublicContext.load(tmp_path / "public.ckks")
    assert (again.id, again.parameters) == (public.id, public.parameters)
    assert not again.context.is_private()


def test_a_context_with_a_secret_key_is_refused_as_public(parties):
    with pytest.raises(UsageError, match="holds a secret key"):
        PublicContext(parties.secret.public.parameters, parties.secret._data)


def test_a_public_context_is_refused_as_secret(parties):
    public = parties.secret.public
    with pytest.raises(UsageError, match="got a public one"):
        SecretContext(public, public._data)


def test_halves_of_two_pairs_are_refused(parties, strangers):
    with pytest.raises(UsageError, match="does not belong"):
        SecretContext(parties.secret.public, strangers.secret._data)


def test_stated_parameters_must_be_those_of_the_key(parties, compact):
    with pytest.raises(UsageError, match="parameters that it states"):
        PublicContext(compact.secret.public.parameters, parties.secret.public._data)


def test_the_secret_file_has_mode_0600_and_reads_back(parties, rows, tmp_path: Path):
    path = tmp_path / "secret.ckks"
    parties.secret.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret.ckks"]
    again = SecretContext.load(path)
    assert again.id == parties.secret.id and again.context.is_private()


def test_a_secret_file_is_never_overwritten(parties, tmp_path: Path):
    path = tmp_path / "secret.ckks"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="there already"):
        parties.secret.save(path)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660])
def test_a_secret_file_that_others_may_read_is_refused(parties, tmp_path: Path, mode: int):
    path = tmp_path / "secret.ckks"
    parties.secret.save(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        SecretContext.load(path)


def test_sealed_by_the_project_key(parties):
    key = ProjectKey.ephemeral()
    sealed = parties.secret.sealed(key)
    assert parties.secret._data not in sealed
    assert SecretContext.from_sealed(key, sealed).id == parties.secret.id
    with pytest.raises(VaultError):
        SecretContext.from_sealed(ProjectKey.ephemeral(), sealed)
    with pytest.raises(VaultError):
        SecretContext.from_sealed(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_neither_pickled_nor_copied_nor_shown(parties):
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(UsageError, match="not pickled"):
            way(parties.secret)
    assert repr(parties.secret) == f"SecretContext(id={parties.secret.id})"


def test_flipped_bytes_and_truncation_are_noticed(parties, tmp_path: Path):
    data = parties.secret.public.to_bytes()
    for place in np.linspace(0, len(data) - 1, 40, dtype=int):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(UsageError):
            PublicContext.from_bytes(bytes(broken))
    path = tmp_path / "secret.ckks"
    parties.secret.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match="changed or are missing"):
        SecretContext.load(path)


def test_garbage_for_the_library_is_a_usage_error(parties):
    for garbage in (b"", b"x" * 100, parties.secret.public._data[:1000]):
        with pytest.raises(UsageError, match="expected a"):
            PublicContext(parties.secret.public.parameters, garbage)
