# SPDX-License-Identifier: Apache-2.0
"""A candidate: one record with every person of its plan replaced, in picture and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyveil.detect.expressions import attribute_words
from polyveil.privacy.key import ProjectKey
from polyveil.records.finding import Kind
from polyveil.records.record import Record
from polyveil.records.table import PERSON
from polyveil.replace.casting import PersonaRegistry
from polyveil.replace.face_backends import face_replacer
from polyveil.replace.text import Edit, Rewritten, rewrite
from polyveil.tasks.plan import Plan
from polyveil.tasks.settings import Settings

LABEL = 12
"""Hex digits that stand for the user's own label of a person; equal labels, equal digits."""

Facets = dict[str, str]


@dataclass(frozen=True, slots=True)
class Painted:
    """The picture with stand-ins. `shown`: persona -> facets that its new face shows."""

    pixels: NDArray[np.uint8] | None
    mask: NDArray[np.bool_] | None
    shown: Mapping[int, Facets]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record, replaced, not yet known to be clean."""

    painted: Painted
    rewritten: Rewritten
    row: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def pixels(self) -> NDArray[np.uint8] | None:
        """What would be exported."""
        return self.painted.pixels

    @property
    def edits(self) -> tuple[Edit, ...]:
        """What was changed in the texts."""
        return self.rewritten.edits


def paint(pixels: NDArray[np.uint8] | None, plan: Plan, settings: Settings) -> Painted:
    """Every face of the plan replaced, small ones first: near faces cover far ones."""
    if pixels is None or not plan.faces:
        return Painted(pixels, None, {})
    replacer = face_replacer(settings.faces)
    mask = np.zeros(pixels.shape[:2], bool)
    shown: dict[int, Facets] = {}
    for at in sorted(range(len(plan.faces)), key=lambda at: plan.faces[at].box.area):
        one = replacer.replace(pixels, plan.faces[at], plan.personas[plan.face_of[at]])
        pixels, mask = one.pixels, mask | one.mask
        shown[plan.face_of[at]] = dict(one.facets)
    return Painted(pixels, mask, shown)


def write(
    record: Record,
    painted: Painted,
    plan: Plan,
    key: ProjectKey,
    overrides: Mapping[int, Mapping[str, str]],
) -> Candidate:
    """The texts rewritten to speak of the personas and of what their faces show."""
    shown = {at: {**facets, **overrides.get(at, {})} for at, facets in painted.shown.items()}
    rewritten = rewrite(
        dict(record.texts()),
        plan.mentions,
        {at: None if who is None else plan.personas[who] for at, who in enumerate(plan.mention_of)},
        key=key,
        new_facets={plan.personas[at].token: facets for at, facets in shown.items()},
        attribute_spans=_attribute_spans(plan),
        registry=PersonaRegistry(originals=dict(plan.originals)),
        record_id=record.id,
    )
    row = record.with_texts(lambda path, text: rewritten.texts.get(path, text))
    if record.person is not None:
        row[PERSON] = key.mac("label", record.person).hex()[:LABEL]
    return Candidate(painted, rewritten, row, rewritten.notes)


def _attribute_spans(plan: Plan) -> dict[int, list[tuple[str, str, int, int]]]:
    return {
        at: [
            (facet, value, mention.start + start, mention.start + end)
            for facet, value, start, end in attribute_words(mention.surface)
        ]
        for at, mention in enumerate(plan.mentions)
        if mention.kind is Kind.EXPRESSION
    }
