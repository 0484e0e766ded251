# SPDX-License-Identifier: Apache-2.0
"""Messages of the client: round trips, fresh randomness, nothing encrypted of what is no vector."""

from __future__ import annotations

import numpy as np
import pytest

from polyveil.encrypted import EncryptedProbe, EncryptedScores, EncryptedTemplates, Server
from polyveil.errors import UsageError


def test_messages_round_trip(parties, rows):
    probe = parties.client.encrypt_probe(rows(1, 3)[0])
    assert EncryptedProbe.from_bytes(probe.to_bytes()) == probe
    templates = parties.client.encrypt_templates(rows(3, 3), first=2047)
    assert EncryptedTemplates.from_bytes(templates.to_bytes()) == templates
    assert [len(chunk) for chunk in templates.chunks] == [3, 3]
    reply = Server(parties.database(rows(2, 3))).scores(probe)
    assert EncryptedScores.from_bytes(reply.to_bytes()) == reply


def test_two_encryptions_of_one_vector_have_nothing_in_common(parties, rows):
    vector = rows(1, 4)[0]
    first, second = (parties.client.encrypt_probe(vector).coordinates for _ in range(2))
    assert not {*first} & {*second}
    assert len({*first}) == 4


def test_a_message_shows_no_ciphertext(parties, rows):
    assert repr(parties.client.encrypt_probe(rows(1, 2)[0])) == (
        f"EncryptedProbe(key_id='{parties.secret.id}')"
    )


@pytest.mark.parametrize("bad", [[np.nan, 1], [0.5, 0.5], [[1.0, 0.0]], [], [3.0, 4.0]])
def test_a_bad_probe_is_refused(parties, bad):
    with pytest.raises(UsageError):
        parties.client.encrypt_probe(bad)


@pytest.mark.parametrize("bad", [[[np.nan, 1]], [[0.5, 0.5]], [1.0, 0.0], [[]]])
def test_bad_templates_are_refused(parties, bad):
    with pytest.raises(UsageError):
        parties.client.encrypt_templates(bad, first=0)


def test_a_negative_column_is_refused(parties, rows):
    with pytest.raises(UsageError, match="column >= 0"):
        parties.client.encrypt_templates(rows(1, 2), first=-1)


def test_flipped_and_missing_bytes_are_noticed(parties, rows):
    data = parties.client.encrypt_probe(rows(1, 2)[0]).to_bytes()
    for place in np.linspace(0, len(data) - 1, 60, dtype=int):
        broken = bytearray(data)
        broken[place] ^= 0x80
        with pytest.raises(UsageError):
            EncryptedProbe.from_bytes(bytes(broken))
        with pytest.raises(UsageError):
            EncryptedProbe.from_bytes(data[:place])
    with pytest.raises(UsageError, match="expected templates"):
        EncryptedTemplates.from_bytes(data)
