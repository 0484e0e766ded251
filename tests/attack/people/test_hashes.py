# SPDX-License-Identifier: Apache-2.0
"""Unkeyed pseudonyms are guessed, keyed ones are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import pytest

from polyveil.attack.people.hashes import HashDictionary

NAMES = [[f"Person Number{at}"] for at in range(200)]
LIST = HashDictionary.of(NAMES)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b"])
@pytest.mark.parametrize("length", [8, 12, 32])
@pytest.mark.parametrize("form", ["Person Number7", "person number7", "Person_Number7"])
def test_hashes_of_names_are_guessed(algorithm: str, length: int, form: str) -> None:
    token = hashlib.new(algorithm, form.encode()).hexdigest()[:length]
    assert LIST.read([f"patient {token}, seen twice"]) == {7}
    assert LIST.read([f"{token.upper()}.jpg"]) == {7}


def test_weak_keys_and_other_alphabets() -> None:
    name = b"Person Number9"
    assert LIST.read([hmac.new(b"secret", name, hashlib.sha256).hexdigest()]) == {9}
    assert LIST.read([hashlib.sha256(b"salt" + name).hexdigest()]) == {9}
    assert LIST.read([base64.urlsafe_b64encode(hashlib.sha256(name).digest()).decode()]) == {9}


def test_a_secret_key_withstands() -> None:
    tokens = [hmac.new(secrets.token_bytes(32), name.encode(), hashlib.sha256).hexdigest()[:12]
              for (name,) in NAMES]  # fmt: skip
    assert LIST.read(tokens) == set() and LIST.guesses > 50_000
    assert LIST.read(["the deadbeef decade", "12345678", ""]) == set()
