# SPDX-License-Identifier: Apache-2.0
"""Embeddings of an encoder go into encrypted matching as they are."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tenseal")

from polyveil.encrypted import (
    Client,
    EncryptedDatabase,
    KeyHolder,
    SecretContext,
    Server,
    normalised,
)
from polyveil.recognize.encoder import Encoder
from polyveil.recognize.ready_made import ReadyMade
from polyveil.records.record import Record


def test_the_right_person_is_found_under_encryption() -> None:
    people = np.random.default_rng(0).normal(size=(6, 32))
    encoder: Encoder = ReadyMade("made up", {"face": 32})
    rows = [Record(str(at), {"embedding_face": row.tolist()}) for at, row in enumerate(people)]
    vectors = normalised(np.stack([encoder.embed(row)["face"] for row in rows]))
    secret = SecretContext.generate()
    client = Client(secret.public)
    database = EncryptedDatabase(secret.public, dimension=encoder.dimensions["face"])
    batch = client.encrypt_templates(vectors, first=database.next_column)
    database.append([f"handle-{at}" for at in range(6)], batch)
    near = Record("probe", {"embedding_face": (people[2] + 0.1).tolist()})
    probe = client.encrypt_probe(normalised(encoder.embed(near)["face"]))
    scores = KeyHolder(secret).scores(Server(database).scores(probe))
    assert scores.decide(threshold=0.8).best == "handle-2"
    assert np.allclose(scores.values, vectors @ normalised(encoder.embed(near)["face"]), atol=1e-3)
