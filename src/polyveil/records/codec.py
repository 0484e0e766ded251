# SPDX-License-Identifier: Apache-2.0
"""Findings and identities as bytes and back, so that a killed run resumes without a second search.

JSON, never pickle: a journal may have been tampered with. Arrays travel as base64 of little-endian
float32, so decoding gives the same bits.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.records.finding import Box, Face, Findings, Kind, Mention
from polyveil.records.identity import Ambiguity, LocalPerson, RecordIdentities


def to_bytes(findings: Findings, identities: RecordIdentities) -> bytes:
    """Both values as UTF-8 JSON. Secret: seal it before it touches a disk."""
    document = {
        "record": findings.record_id,
        "hash": findings.picture_hash,
        "faces": [_face_out(face) for face in findings.faces],
        "mentions": [_mention_out(mention) for mention in findings.mentions],
        "persons": [
            [list(p.faces), list(p.mentions), list(p.keys), p.facets] for p in identities.persons
        ],
        "ambiguities": [[a.mention, list(a.faces), a.reason] for a in identities.ambiguities],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def from_bytes(data: bytes) -> tuple[Findings, RecordIdentities]:
    """Inverse of to_bytes.

    Raises:
      ValueError, KeyError: the bytes are not what to_bytes wrote.
    """
    document = json.loads(data)
    findings = Findings(
        record_id=document["record"],
        faces=tuple(_face_in(face) for face in document["faces"]),
        mentions=tuple(_mention_in(mention) for mention in document["mentions"]),
        picture_hash=document["hash"],
    )
    persons = tuple(
        LocalPerson(tuple(faces), tuple(mentions), tuple(keys), dict(facets))
        for faces, mentions, keys, facets in document["persons"]
    )
    ambiguities = tuple(
        Ambiguity(mention, tuple(faces), reason)
        for mention, faces, reason in document["ambiguities"]
    )
    return findings, RecordIdentities(document["record"], persons, ambiguities)


def _array_out(array: NDArray[np.float32] | None) -> list[Any] | None:
    if array is None:
        return None
    plain = np.ascontiguousarray(array, dtype="<f4")
    return [list(plain.shape), base64.b64encode(plain.tobytes()).decode("ascii")]


def _array_in(value: list[Any] | None) -> NDArray[np.float32] | None:
    if value is None:
        return None
    shape, text = value
    return np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(shape).astype(np.float32)


def _face_out(face: Face) -> dict[str, Any]:
    return {
        "box": [float(edge) for edge in face.box],
        "points": _array_out(face.points),
        "score": float(face.score),
        "source": face.source,
        "outline": _array_out(face.outline),
        "attributes": {
            facet: {value: float(p) for value, p in values.items()}
            for facet, values in face.attributes.items()
        },
        "embedding": _array_out(face.embedding),
    }


def _face_in(value: dict[str, Any]) -> Face:
    points = _array_in(value["points"])
    if points is None:
        raise ValueError("a face without points")
    return Face(
        box=Box(*value["box"]),
        points=points,
        score=value["score"],
        source=value["source"],
        outline=_array_in(value["outline"]),
        attributes=value["attributes"],
        embedding=_array_in(value["embedding"]),
    )


def _mention_out(mention: Mention) -> list[Any]:
    return [
        list(mention.path), mention.start, mention.end, mention.kind.value, mention.surface,
        mention.canonical, float(mention.score), mention.source, dict(mention.facets),
    ]  # fmt: skip


def _mention_in(value: list[Any]) -> Mention:
    path, start, end, kind, surface, canonical, score, source, facets = value
    return Mention(tuple(path), start, end, Kind(kind), surface, canonical, score, source, facets)
