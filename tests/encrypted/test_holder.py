# SPDX-License-Identifier: Apache-2.0
"""Only the right key decrypts; repacking leaves the revoked behind and changes the key."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polyveil.encrypted import COMPACT, STANDARD, SecretContext, Server
from polyveil.encrypted.client import Client
from polyveil.errors import UsageError


def reply_of(parties, rows, count: int = 3):
    """A reply over random templates."""
    database = parties.database(rows(count, 2))
    return Server(database).scores(parties.client.encrypt_probe(rows(1, 2, seed=1)[0]))


def test_another_key_is_refused_by_its_id(parties, strangers, rows):
    with pytest.raises(UsageError, match="made under key"):
        strangers.holder.scores(reply_of(parties, rows))


@pytest.mark.parametrize("count", [1, 3, 2048])
def test_another_key_reads_nothing_even_under_a_forged_id(parties, strangers, rows, count: int):
    forged = dataclasses.replace(reply_of(parties, rows, count), key_id=strangers.secret.id)
    with pytest.raises(UsageError, match="no cosines"):
        strangers.holder.scores(forged)


def test_vectors_of_another_length_are_noticed_when_decrypted(parties):
    """A client that skips the check cannot pass a score beyond 1 for a match."""
    database = parties.database(np.eye(2))
    long = parties.client._columns(np.array([[3.0, 0.0]]), 2)
    database.append(["long"], long)
    reply = Server(database).scores(parties.client.encrypt_probe(np.eye(2)[0]))
    with pytest.raises(UsageError, match="no cosines"):
        parties.holder.scores(reply)


@pytest.mark.parametrize(
    "change",
    [
        {"names": ("a",) * 2049},
        {"names": (), "chunks": (), "encryptions": ()},
        {"encryptions": (1, 1)},
        {"encryptions": (10**9,)},
        {"chunks": (b"x",)},
    ],
)
def test_a_reply_of_another_form_is_refused(parties, rows, change: dict):
    with pytest.raises(UsageError, match=r"expected|holds no scores"):
        parties.holder.scores(dataclasses.replace(reply_of(parties, rows), **change))


def test_repacked_under_a_new_key_without_the_revoked(parties, strangers, rows):
    templates, probe = rows(5, 3), rows(1, 3, seed=1)[0]
    database = parties.database(templates)
    database.revoke("p0")
    database.revoke("p3")
    fresh = parties.holder.repacked(database, strangers.secret.public)
    assert fresh.names == ("p1", "p2", "p4")
    assert fresh.chunks[0].encryptions == 2
    scores = strangers.ask(fresh, probe)
    assert np.abs(scores - (templates @ probe)[[1, 2, 4]]).max() < 1e-5
    free = strangers.holder._plain(fresh.chunks[0].coordinates)[3:]
    assert np.abs(free).max() < 1e-5
    assert database.names == (None, "p1", "p2", None, "p4")  # the old one is as it was


def test_repacking_from_two_chunks_into_one(parties, strangers, rows):
    templates, probe = rows(2050, 2), rows(1, 2, seed=1)[0]
    database = parties.database(templates)
    for place in range(3):
        database.revoke(f"p{place}")
    fresh = parties.holder.repacked(database, strangers.secret.public)
    assert len(fresh.chunks) == 1 and len(fresh) == 2047
    assert np.abs(strangers.ask(fresh, probe) - (templates @ probe)[3:]).max() < 1e-5


def test_repacking_refuses_its_own_key_foreign_and_empty_databases(parties, strangers, rows):
    database = parties.database(rows(1, 2))
    with pytest.raises(UsageError, match="new key"):
        parties.holder.repacked(database, parties.secret.public)
    with pytest.raises(UsageError, match="made under key"):
        strangers.holder.repacked(database, parties.secret.public)
    database.revoke("p0")
    with pytest.raises(UsageError, match="every template is revoked"):
        parties.holder.repacked(database, strangers.secret.public)


def test_repacking_counts_the_error_that_templates_carry(coarse, parties, rows):
    """Two encryptions under coarse parameters weigh more than all that the finer ones allow."""
    database = coarse.database(rows(1, 2))
    finer, finest = SecretContext.generate(COMPACT).public, SecretContext.generate(STANDARD).public
    assert coarse.holder.repacked(database, finer).chunks[0].encryptions == 1 + 64
    database.append(["n"], coarse.client.encrypt_templates(rows(1, 2), first=1))
    assert coarse.holder.repacked(database, finest).chunks[0].encryptions == 1 + 2 * 2**14
    as_coarse = SecretContext.generate(coarse.secret.public.parameters).public
    with pytest.raises(UsageError, match="finer ones"):
        coarse.holder.repacked(database, as_coarse)


def test_the_public_half_is_enough_for_a_client(parties, rows):
    client = Client(parties.holder.public)
    assert client.encrypt_probe(rows(1, 2)[0]).key_id == parties.secret.id
