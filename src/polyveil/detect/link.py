# SPDX-License-Identifier: Apache-2.0
"""The identity graph of one record: which mentions and which faces are the same human.

Words are grouped first (`link_text`), then described persons meet faces (`link_faces`), then each
person gets the keys by which it is known in other records. Every face and every personal mention
ends in exactly one person; places, organisations and addresses of machines in none.
"""

from __future__ import annotations

from collections.abc import Sequence

from polyveil.detect.alignment import AlignmentModel
from polyveil.detect.link_faces import MARGIN, assign
from polyveil.detect.link_text import ANCHORS, Group, people
from polyveil.detect.name_parts import same_person
from polyveil.records.facets import FACE_FACETS
from polyveil.records.finding import Face, Findings, Kind
from polyveil.records.identity import Ambiguity, LocalPerson, RecordIdentities
from polyveil.records.record import Record

_SURE = 0.6
"""A face's own attribute joins a person's facets from this probability on."""

_KEY = {Kind.EMAIL: "email", Kind.PHONE: "phone", Kind.HANDLE: "handle"}


def link(
    record: Record,
    findings: Findings,
    *,
    alignment: AlignmentModel | None,
    picture_key: str | None = None,
    margin: float = MARGIN,
) -> RecordIdentities:
    """Who is who in one record.

    Args:
      record: the record that was searched; its texts and its label are read.
      findings: its faces (with attributes from `AlignmentModel.faces`, if any) and mentions.
      alignment: None links by counts, clothes and position alone.
      picture_key: name of the record's near-duplicate group, the same throughout the group.
      margin: log odds by which a link must beat the next best; below it the link stays open.

    Returns:
      One person a human. A plural that met several faces, or none, is one person a face, or one.
    """
    groups = people(findings.mentions, dict(record.texts()))
    seen = _pictured(groups, findings)
    links = assign(
        findings.faces,
        [groups[at].facets for at in seen],
        [groups[at].count for at in seen],
        alignment=alignment,
        margin=margin,
    )
    linked = dict(zip(seen, links.faces, strict=True))
    order = _reading_order(findings.faces)
    persons: list[tuple[Group | None, tuple[int, ...]]] = []
    for at, group in enumerate(groups):
        # "Two women" are two humans: the first carries the words, the other the face alone.
        ranked = sorted(linked.get(at, ()), key=order.__getitem__)
        persons.append((group, tuple(ranked[:1])))
        persons += [(None, (face,)) for face in ranked[1:]]
    taken = {face for _, faces in persons for face in faces}
    persons += [
        (None, (face,)) for face in sorted(order, key=order.__getitem__) if face not in taken
    ]
    return RecordIdentities(
        record_id=findings.record_id,
        persons=tuple(
            _person(at, group, faces, record, findings, order, picture_key, alone=len(persons) == 1)
            for at, (group, faces) in enumerate(persons)
        ),
        ambiguities=tuple(
            Ambiguity(groups[seen[who]].mentions[0], faces, _reason(groups[seen[who]], len(faces)))
            for who, faces in sorted(links.open.items())
        ),
    )


def _pictured(groups: Sequence[Group], findings: Findings) -> list[int]:
    """Groups that may be seen: with a name or a description; a lone e-mail or date if it is all.

    A plural alone in its caption ("two kids") speaks of people whom other captions tell apart; it
    would only compete with them for the same faces.
    """
    telling = {Kind.NAME, Kind.EXPRESSION}
    seen = [
        at
        for at, group in enumerate(groups)
        if any(findings.mentions[i].kind in telling for i in group.mentions)
    ]
    apart = [groups[at].paths for at in seen if groups[at].count == 1]
    seen = [
        at
        for at in seen
        if groups[at].count == 1 or not apart or any(groups[at].paths & paths for paths in apart)
    ]
    return seen if seen or len(groups) != 1 else [0]


def _reading_order(faces: Sequence[Face]) -> dict[int, int]:
    """Index of a face -> its place from left to right, whatever order the detector had."""
    ranked = sorted(
        range(len(faces)), key=lambda i: (faces[i].box.left + faces[i].box.right, *faces[i].box)
    )
    return {face: place for place, face in enumerate(ranked)}


def _person(
    at: int,
    group: Group | None,
    faces: tuple[int, ...],
    record: Record,
    findings: Findings,
    order: dict[int, int],
    picture_key: str | None,
    *,
    alone: bool,
) -> LocalPerson:
    facets = dict(group.facets) if group else {}
    facets.pop("count", None)
    for face in faces:
        for facet in FACE_FACETS:
            seen = findings.faces[face].likely(facet, above=_SURE)
            if seen is not None:
                facets.setdefault(facet, seen)
    keys = _keys(group, record, findings, alone=alone)
    if picture_key is not None:
        keys += [f"picture:{picture_key}:{order[face]}" for face in faces]
    if not keys:
        keys = [f"record:{record.id}:face:{order[face]}" for face in faces]
    keys = keys or [f"record:{record.id}:{at}"]
    return LocalPerson(
        faces, tuple(group.mentions) if group else (), tuple(dict.fromkeys(keys)), facets
    )


def _keys(group: Group | None, record: Record, findings: Findings, *, alone: bool) -> list[str]:
    """What the person is known by in other records; empty where nothing names it."""
    names = group.named(findings.mentions) if group else []
    keys = []
    label = record.person
    if label is not None and (alone or any(same_person(label, name) for name in names)):
        keys.append(f"person:{label}")
    full = [name for name in names if len(name.split()) > 1]
    keys += [f"name:{name}" for name in full]
    if names and not full:
        # A bare "anna" is another Anna in every record.
        keys.append(f"record:{record.id}:name:{names[0]}")
    for index in group.mentions if group else ():
        mention = findings.mentions[index]
        if mention.kind in ANCHORS:
            keys.append(f"{_KEY.get(mention.kind, 'id')}:{mention.canonical}")
    return keys


def _reason(group: Group, faces: int) -> str:
    """One of three sentences, so that a report can count them."""
    if not group.facets.keys() - {"count"}:
        return "a person without description may be any of several faces"
    if faces == 1:
        return "a described person may not be the one face in the picture"
    return "a described person may be any of several faces"
