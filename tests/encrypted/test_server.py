# SPDX-License-Identifier: Apache-2.0
"""Encrypted scores equal plain cosines within 1e-3; the server holds and takes no secret key."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.encrypted import (
    TOLERANCE,
    DatabaseFolder,
    EncryptedDatabase,
    PublicContext,
    Server,
    normalised,
)
from polyveil.errors import UsageError


def reachable(start: object) -> list[object]:
    """Every object that can be reached, except through modules, classes and functions."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (ModuleType, type, FunctionType)):
            continue
        seen[id(thing)] = thing
        waiting.extend(gc.get_referents(thing))
    return list(seen.values())


def test_golden_case(parties, rows):
    """1,000 templates of 128 numbers, as in the documentation."""
    templates = rows(1000, 128)
    probe = normalised(templates[3] + 0.05 * rows(1, 128, seed=1)[0])
    scores = parties.ask(parties.database(templates), probe)
    assert np.abs(scores - templates @ probe).max() < 1e-5


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dimension=st.integers(1, 9),
    count=st.integers(1, 6),
    power=st.integers(0, 300),
)
def test_equal_to_plain_on_any_shape_and_scale(parties, seed, dimension, count, power):
    """Coordinates from 10^-power to 10^power before they are scaled to length 1."""
    draw = np.random.default_rng(seed)
    spread = 10.0 ** draw.uniform(-power, power, size=(count + 1, dimension))
    vectors = normalised(draw.choice([-1, 1], size=spread.shape) * spread)
    templates, probe = vectors[:-1], vectors[-1]
    database = parties.database(templates)
    plain = templates @ probe
    assert np.abs(parties.ask(database, probe) - plain).max() < TOLERANCE
    reply = Server(database).scores_of_plain(probe)
    assert np.abs(parties.holder.scores(reply).values - plain).max() < TOLERANCE


def test_equal_to_plain_under_compact_parameters(compact, rows):
    templates, probe = rows(50, 64), rows(1, 64, seed=2)[0]
    assert np.abs(compact.ask(compact.database(templates), probe) - templates @ probe).max() < 1e-3


def test_the_extremes_of_a_cosine(parties):
    templates = np.vstack([np.eye(5), -np.eye(5)])
    scores = parties.ask(parties.database(templates), np.eye(5)[2])
    assert np.abs(scores - templates[:, 2]).max() < 1e-5


@pytest.mark.parametrize("count", [2047, 2048, 2049])
def test_more_templates_than_slots(parties, rows, count: int):
    templates, probe = rows(count, 2), rows(1, 2, seed=3)[0]
    database = parties.database(templates)
    assert len(database.chunks) == -(-count // 2048)
    assert np.abs(parties.ask(database, probe) - templates @ probe).max() < 1e-5


def test_agrees_with_naive_packing(parties, rows):
    """Independent reference: one ciphertext a template, a dot product with rotations."""
    library = pytest.importorskip("tenseal")
    context = library.context(
        library.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60], n_threads=1
    )
    context.global_scale = 2.0**40
    context.generate_galois_keys()
    templates, probe = rows(3, 8), rows(1, 8, seed=4)[0]
    asked = library.ckks_vector(context, probe.tolist())
    naive = [
        library.ckks_vector(context, row.tolist()).dot(asked).decrypt()[0] for row in templates
    ]
    ours = parties.ask(parties.database(templates), probe)
    assert np.abs(ours - np.array(naive)).max() < 1e-5


def test_the_server_holds_no_secret_key(parties, rows, tmp_path: Path):
    DatabaseFolder(tmp_path / "db").save(parties.database(rows(3, 2)))
    public = PublicContext.from_bytes(parties.secret.public.to_bytes())
    server = Server(DatabaseFolder(tmp_path / "db").load(public))
    server.scores(parties.client.encrypt_probe(rows(1, 2)[0]))
    things = reachable(server)
    contexts = [thing for thing in things if hasattr(thing, "is_private")]
    assert contexts and not any(context.is_private() for context in contexts)
    assert not any(type(thing).__name__ in ("SecretContext", "KeyHolder") for thing in things)
    for chunk in server.database.chunks:
        with pytest.raises(Exception, match="secret"):
            chunk.coordinates[0].decrypt()


def test_the_search_for_secrets_would_find_one(parties):
    """The alarm works: in the key holder the same search finds the secret key."""
    things = reachable(parties.holder)
    assert any(hasattr(thing, "is_private") and thing.is_private() for thing in things)


def test_what_was_decrypted_is_not_taken_back(parties, rows):
    database = parties.database(rows(2, 2))
    server, probe = Server(database), parties.client.encrypt_probe(rows(1, 2)[0])
    scores = parties.holder.scores(server.scores(probe))
    for decrypted in (scores, scores.values, scores.values.tolist()):
        with pytest.raises(UsageError, match="never go back"):
            server.scores(decrypted)


def test_a_secret_context_is_not_taken(parties):
    with pytest.raises(UsageError, match="must never hold the secret key"):
        EncryptedDatabase(parties.secret, dimension=2)
    with pytest.raises(UsageError, match="EncryptedDatabase"):
        Server(parties.secret)


def test_another_dimension_key_or_an_empty_database_is_refused(parties, strangers, rows):
    server = Server(parties.database(rows(2, 3)))
    with pytest.raises(UsageError, match="3 coordinates, got 2"):
        server.scores(parties.client.encrypt_probe(rows(1, 2)[0]))
    with pytest.raises(UsageError, match="3 coordinates, got 2"):
        server.scores_of_plain(rows(1, 2)[0])
    with pytest.raises(UsageError, match="made under key"):
        server.scores(strangers.client.encrypt_probe(rows(1, 3)[0]))
    with pytest.raises(UsageError, match="empty"):
        Server(EncryptedDatabase(parties.secret.public, dimension=3)).scores(
            parties.client.encrypt_probe(rows(1, 3)[0])
        )
    for bad in ([np.nan, 1, 0], [1.0, 1.0, 1.0]):
        with pytest.raises(UsageError):
            server.scores_of_plain(bad)


def test_ciphertexts_of_another_form_are_refused(parties, compact, rows):
    server = Server(parties.database(rows(2, 2)))
    probe = parties.client.encrypt_probe(rows(1, 2)[0])
    reply = server.scores(probe).chunks[0]
    foreign = compact.client.encrypt_probe(rows(1, 2)[0]).coordinates[0]
    for bad in (b"", b"x", probe.coordinates[0][:-50], reply, foreign):
        with pytest.raises(UsageError, match="expected"):
            server.scores(dataclasses.replace(probe, coordinates=(probe.coordinates[0], bad)))
