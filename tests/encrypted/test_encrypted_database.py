# SPDX-License-Identifier: Apache-2.0
"""Enrolling, revoking, erasing; a refused call changes nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polyveil.encrypted import EncryptedDatabase, Server
from polyveil.errors import UsageError


def raw(parties, database: EncryptedDatabase, coordinate: int) -> np.ndarray:
    """What the key holder could read in the ciphertexts themselves."""
    return parties.holder._plain((database.chunks[0].coordinates[coordinate],))[:, 0]


def test_enrolled_one_by_one_as_well_as_at_once(parties, rows):
    templates, probe = rows(5, 3), rows(1, 3, seed=1)[0]
    database = parties.database(templates[:2])
    for place in (2, 3, 4):
        database.append(
            [f"p{place}"],
            parties.client.encrypt_templates(templates[place : place + 1], first=place),
        )
    assert database.names == ("p0", "p1", "p2", "p3", "p4")
    assert [chunk.encryptions for chunk in database.chunks] == [4]
    assert np.abs(parties.ask(database, probe) - templates @ probe).max() < 1e-5


def test_a_batch_across_the_border_of_chunks(parties, rows):
    templates, probe = rows(2060, 2), rows(1, 2, seed=1)[0]
    database = parties.database(templates[:2040])
    database.append(
        [f"p{place}" for place in range(2040, 2060)],
        parties.client.encrypt_templates(templates[2040:], first=2040),
    )
    assert [chunk.encryptions for chunk in database.chunks] == [2, 1]
    assert np.abs(parties.ask(database, probe) - templates @ probe).max() < 1e-5


def test_revoked_is_not_matched_any_more(parties, rows):
    templates = rows(4, 3)
    database = parties.database(templates)
    database.revoke("p2")
    assert database.names == ("p0", "p1", None, "p3") and len(database) == 3
    assert "p2" not in database
    reply = Server(database).scores(parties.client.encrypt_probe(templates[2]))
    scores = parties.holder.scores(reply)
    assert scores.names == ("p0", "p1", "p3")
    assert scores.decide(threshold=0.99).best is None
    assert np.abs(scores.values - (templates @ templates[2])[[0, 1, 3]]).max() < 1e-5
    with pytest.raises(UsageError, match="revoked already"):
        database.revoke("p2")


def test_revoking_alone_keeps_the_template_and_an_erasure_leaves_zero(parties, rows):
    templates = rows(4, 3)
    database = parties.database(templates)
    database.revoke("p1")
    assert raw(parties, database, 0)[1] == pytest.approx(templates[1, 0], abs=1e-5)
    database.revoke("p2", parties.client.encrypt_erasure(templates[2], column=2))
    for coordinate in range(3):
        values = raw(parties, database, coordinate)
        assert abs(values[2]) < 1e-5
        assert np.abs(values[[0, 3]] - templates[[0, 3], coordinate]).max() < 1e-5


def test_an_erasure_from_another_vector_does_not_stop_the_others(parties, rows):
    templates = rows(3, 3)
    database = parties.database(templates)
    database.revoke("p0", parties.client.encrypt_erasure(-templates[0], column=0))
    scores = parties.ask(database, templates[0])
    assert np.abs(scores - (templates @ templates[0])[1:]).max() < 1e-5


def test_a_revoked_column_and_name_can_follow_each_other(parties, rows):
    templates = rows(3, 3)
    database = parties.database(templates[:2])
    database.revoke("p0")
    database.append(["p0"], parties.client.encrypt_templates(templates[2:], first=2))
    assert database.names == (None, "p1", "p0")
    assert np.abs(parties.ask(database, templates[2]) - templates[1:] @ templates[2]).max() < 1e-5


def test_a_refused_call_changes_nothing(parties, strangers, rows):
    database = parties.database(rows(2, 3))
    before = database.names, database.chunks
    encrypt = parties.client.encrypt_templates
    fine = encrypt(rows(1, 3), first=2)
    broken = dataclasses.replace(fine, chunks=((*fine.chunks[0][:2], b"x"),))
    attempts = [
        (["n"], encrypt(rows(1, 3), first=1), "next free one is 2"),
        (["n", "m"], fine, "expected 1 names"),
        (["p1"], fine, "in use"),
        ([""], fine, "not empty"),
        ([3], fine, "text"),
        (["n", "n"], encrypt(rows(2, 3), first=2), "twice"),
        (["n"], encrypt(rows(1, 2), first=2), "3 coordinates, got 2"),
        (["n"], strangers.client.encrypt_templates(rows(1, 3), first=2), "made under key"),
        (["n"], broken, "expected a ciphertext"),
        (["n"], dataclasses.replace(fine, chunks=fine.chunks * 2), "expected 1 chunks"),
    ]
    for names, templates, words in attempts:
        with pytest.raises(UsageError, match=words):
            database.append(names, templates)
        assert (database.names, database.chunks) == before
    for erasure in (fine, encrypt(rows(2, 3), first=0)):
        with pytest.raises(UsageError, match="erasure"):
            database.revoke("p0", erasure)
        assert (database.names, database.chunks) == before


def test_a_chunk_takes_no_more_encryptions_than_its_precision_allows(coarse, rows):
    """The next template opens a new chunk; an erasure, which cannot, is refused."""
    templates, probe = rows(3, 2), rows(1, 2, seed=1)[0]
    database = coarse.database(templates[:1])
    database.append(["n"], coarse.client.encrypt_templates(templates[1:2], first=1))
    assert database.next_column == 2048
    with pytest.raises(UsageError, match="next free one is 2048"):
        database.append(["m"], coarse.client.encrypt_templates(templates[2:], first=2))
    database.append(["m"], coarse.client.encrypt_templates(templates[2:], first=2048))
    assert [chunk.encryptions for chunk in database.chunks] == [2, 1]
    assert len(database) == 3 and database.next_column == 2049
    assert np.abs(coarse.ask(database, probe) - templates @ probe).max() < 1e-3
    with pytest.raises(UsageError, match="without an erasure"):
        database.revoke("n", coarse.client.encrypt_erasure(templates[1], column=1))
    database.revoke("n")  # always possible
    assert len(database) == 2


@pytest.mark.parametrize("dimension", [0, -1, 65537])
def test_a_dimension_out_of_range_is_refused(parties, dimension: int):
    with pytest.raises(UsageError, match="dimension"):
        EncryptedDatabase(parties.secret.public, dimension=dimension)
