# SPDX-License-Identifier: Apache-2.0
"""Makes a candidate, searches it again, compares its words with its faces, and mends the plan.

Faces and mentions that the second search finds join the plan; looks that the new face does not show
are taken out of the words, where the joint loss prefers that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from polyveil.assess.agreement import Agreement, agreement, disagreeing
from polyveil.assess.leftover import COVERED, Span, covered, faces_left, mentions_left
from polyveil.assess.objective import alignment_loss, image_loss, text_loss, total
from polyveil.detect.expressions import attribute_words
from polyveil.detect.faces import look_at
from polyveil.detect.mentions import find_mentions
from polyveil.privacy.key import ProjectKey
from polyveil.records.facets import INSIDE_FACE
from polyveil.records.finding import Box, Face, Kind, Mention
from polyveil.records.record import Record
from polyveil.replace.leftovers import leftovers
from polyveil.replace.text import Edit, Rewritten
from polyveil.replace.things import already_stand_in
from polyveil.tasks.candidate import Candidate, Facets, Painted, paint, write
from polyveil.tasks.find import Clock, alignment
from polyveil.tasks.personas import stranger
from polyveil.tasks.plan import Plan
from polyveil.tasks.settings import Settings

LEGIBLE = 48.0
"""Pixels of width below which the alignment model reads too little of a face to judge by it."""

PLAIN = 0.8
"""Probability from which what a face shows outranks what is said of it."""

KEPT = frozenset({Kind.EXPRESSION})
"""Kinds that stay where they agree with the stand-in: they describe it now."""


def attempt(
    record: Record,
    pixels: NDArray[np.uint8] | None,
    plan: Plan,
    key: ProjectKey,
    settings: Settings,
    clock: Clock,
) -> tuple[Candidate, list[str], Plan]:
    """Makes a candidate, searches it again.

    Returns:
      The candidate; what is wrong with it, in words without any secret; the plan mended for it.
    """
    painted = paint(pixels, plan, settings)
    clock.lap("replace faces")
    candidate = write(record, painted, plan, key, plan.shown)
    clock.lap("rewrite text")
    wrong, plan, seen = _search_picture(record, painted, plan, key)
    clock.lap("search picture again")
    candidate, words = _agree(record, candidate, plan, key, settings, seen)
    clock.lap("compare")
    more, plan = _search_text(record, candidate, plan, key)
    clock.lap("search text again")
    return candidate, [*wrong, *words, *more], plan


def _search_picture(
    record: Record, painted: Painted, plan: Plan, key: ProjectKey
) -> tuple[list[str], Plan, Mapping[int, Face]]:
    """What is left in the picture; also the stand-ins as they look now, by persona."""
    if painted.pixels is None or painted.mask is None:
        # Untouched pixels: the same search would find the same nothing.
        return [], plan, {}
    bare = [f for f in plan.faces if covered(f, painted.mask) < COVERED]
    wrong = [f"{len(bare)} faces could not be covered"] if bare else []
    found = look_at(painted.pixels, windows(painted.mask))
    left = faces_left(found, painted.mask)
    if left:
        wrong.append(f"{len(left)} faces are still found in the picture")
    for number, face in enumerate(left):
        plan = plan.with_face(face, stranger(key, f"{record.id}/face/{len(plan.faces)}/{number}"))
    wanted = {owner for owner in plan.mention_of if owner is not None}
    seen = {
        owner: face
        for face, owner in zip(plan.faces, plan.face_of, strict=True)
        if owner in wanted and owner in painted.shown and face.box.width >= LEGIBLE
    }
    described = alignment().faces(painted.pixels, list(seen.values()))
    return wrong, plan, dict(zip(seen, described, strict=True))


def windows(mask: NDArray[np.bool_]) -> list[Box]:
    """Where to search again: around every stand-in. All other pixels are as they were searched."""
    height, width = mask.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    found = []
    for left, top, across, down, _ in stats[1:]:
        margin = max(24, max(across, down) // 2)
        found.append(
            Box(
                max(0, left - margin),
                max(0, top - margin),
                min(width, left + across + margin),
                min(height, top + down + margin),
            )
        )
    whole = Box(0, 0, width, height)
    return found if sum(box.area for box in found) < 0.6 * whole.area else [whole]


def _agree(
    record: Record,
    candidate: Candidate,
    plan: Plan,
    key: ProjectKey,
    settings: Settings,
    seen: Mapping[int, Face],
) -> tuple[Candidate, list[str]]:
    """The candidate, or its twin without the words that its faces do not show: the lesser loss."""
    found = agreements(candidate, plan, seen)
    if not found or settings.weights.alignment == 0:
        return candidate, []
    overrides = {one.person: _contradicted(one, plan, seen[one.person]) for one in found}
    twin = write(record, candidate.painted, plan, key, overrides)
    rivals = [(candidate, found), (twin, agreements(twin, plan, seen))]
    losses = [loss(record, rival, met, settings) for rival, met in rivals]
    chosen, met = rivals[int(losses[1] < losses[0])]
    apart = [
        one
        for one in disagreeing(met, least=settings.least_agreement)
        if one.score < _before(plan, one)
    ]
    words = [f"words and picture disagree about {len(apart)} persons"] if apart else []
    return chosen, words


def _contradicted(one: Agreement, plan: Plan, face: Face) -> Facets:
    """What the face plainly shows instead of what is said; sex and age are the persona's to say."""
    persona = plan.personas[one.person]
    settled = {"sex"} if persona.sex else set()
    settled |= {"age"} if persona.age else set()
    return {
        facet: value
        for facet, value in one.seen.items()
        if facet in INSIDE_FACE - settled
        and value != one.said[facet]
        and face.attributes[facet][value] >= PLAIN
    }


def _before(plan: Plan, one: Agreement) -> float:
    """How well the same words agreed with the face that they were written about."""
    faces = (f for f, who in zip(plan.faces, plan.face_of, strict=True) if who == one.person)
    return max((alignment().agreement(face, one.said) for face in faces), default=0.0)


def agreements(candidate: Candidate, plan: Plan, seen: Mapping[int, Face]) -> list[Agreement]:
    """Each described person of the output against the stand-in's face."""
    result = []
    for owner, face in seen.items():
        said = _said(candidate, plan, owner)
        one = agreement(alignment(), owner, face, said)
        if one is not None:
            result.append(one)
    return result


def _said(candidate: Candidate, plan: Plan, owner: int) -> Facets:
    """What the rewritten expressions about a person state."""
    said: Facets = {}
    for mention, who in zip(plan.mentions, plan.mention_of, strict=True):
        if who != owner or mention.kind is not Kind.EXPRESSION:
            continue
        start, end = _moved(candidate.edits, mention)
        text = candidate.rewritten.texts[mention.path][start:end]
        said.update({facet: value for facet, value, *_ in attribute_words(text)})
    return said


def _moved(edits: Sequence[Edit], mention: Mention) -> tuple[int, int]:
    """A mention's span in the rewritten string."""
    before = inside = 0
    for edit in edits:
        if edit.path == mention.path and edit.start < mention.end:
            growth = len(edit.replacement) - (edit.end - edit.start)
            before += growth if edit.end <= mention.start else 0
            inside += growth if edit.end > mention.start else 0
    return mention.start + before, mention.end + before + inside


def loss(
    record: Record, candidate: Candidate, found: Sequence[Agreement], settings: Settings
) -> float:
    """The joint loss of a candidate."""
    painted = candidate.painted
    seam = (
        0.0
        if painted.pixels is None or painted.mask is None
        else image_loss(painted.pixels, painted.mask)
    )
    return total(
        settings.weights,
        image=seam,
        text=text_loss(
            [text for _, text in record.texts()], list(candidate.rewritten.texts.values())
        ),
        alignment=alignment_loss([one.score for one in found]),
    )


def _search_text(
    record: Record, candidate: Candidate, plan: Plan, key: ProjectKey
) -> tuple[list[str], Plan]:
    """What is left in the texts; the plan with it, in places of the original strings."""
    rewritten = candidate.rewritten
    spans = rewritten.stand_ins()
    ours: list[Span] = [(path, *span) for path, found in spans.items() for span in found]
    left = [
        mention
        for mention in mentions_left(_found_again(record, candidate, plan), ours, KEPT)
        if not already_stand_in(mention.kind, mention.surface)
    ]
    replaced = [
        at
        for at, m in enumerate(plan.mentions)
        if m.kind not in KEPT and not already_stand_in(m.kind, m.surface)
    ]
    repeated = leftovers(rewritten.texts, plan.mentions, stand_ins=spans, replaced=replaced)
    for mention in left:
        shift = _shift_back(rewritten, mention)
        original = replace(mention, start=mention.start + shift, end=mention.end + shift)
        named = mention.kind is Kind.NAME
        plan = plan.with_mention(original, stranger(key, mention.canonical) if named else None)
    counts = Counter(mention.kind.value for mention in left)
    wrong = [f"{n} × {kind} is still readable" for kind, n in counts.items()]
    if repeated:
        wrong.append(f"{len(repeated)} replaced mentions are readable elsewhere")
    return wrong, plan


def _found_again(record: Record, candidate: Candidate, plan: Plan) -> list[Mention]:
    """Mentions of the new strings. A string that did not change holds what it held before."""
    originals, texts = candidate.rewritten.originals, candidate.rewritten.texts
    changed = [path for path, text in texts.items() if text != originals[path]]
    row = {str(at): texts[path] for at, path in enumerate(changed)}
    found = [
        replace(mention, path=changed[int(mention.path[0])])
        for mention in find_mentions(Record(record.id, row))
    ]
    return [*found, *(mention for mention in plan.mentions if mention.path not in changed)]


def _shift_back(rewritten: Rewritten, mention: Mention) -> int:
    """Characters from a place outside all stand-ins of a new string to the same in the old one."""
    shift = 0
    for edit, (start, end) in zip(
        [edit for edit in rewritten.edits if edit.path == mention.path],
        rewritten.stand_ins()[mention.path],
        strict=True,
    ):
        if end <= mention.start:
            shift = edit.end - end
        elif start < mention.end:
            break
    return shift
