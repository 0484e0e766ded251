# SPDX-License-Identifier: Apache-2.0
"""Records of several modalities, read for a network: the way from a folder to numbers.

People are known by keyed names from here on: a model that tells them apart states its classes, and
a class must not be somebody's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import FrontEnd, front_end
from polyveil.learn.labelled import class_name, in_order
from polyveil.learn.modalities import Example, Multimodal, stacked
from polyveil.learn.plan import RECOGNISER, DataPlan, Plan
from polyveil.learn.progress import Listener, Read, silence
from polyveil.privacy.key import ProjectKey
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source
from polyveil.tasks.person_token import person_token
from polyveil.tasks.reading import example, side_by_side

PERSON = "person"


def front_ends(plan: DataPlan) -> dict[str, FrontEnd]:
    """Modality -> how it is read, in the plan's order.

    Raises:
      UsageError: no such kind of input, or an option that it does not have.
    """
    found = {}
    for name, options in (plan.inputs or {}).items():
        kind = str(options.get("kind", name))
        found[name] = front_end(kind, **{key: one for key, one in options.items() if key != "kind"})
    return found


def read_modalities(
    plan: Plan,
    *,
    path: Path | None = None,
    like: Multimodal | None = None,
    on_progress: Listener = silence,
) -> Multimodal:
    """Every usable record of the plan's data; or of `path`, with the classes of others.

    Raises:
      UsageError: nothing usable is there, or a single class.
    """
    ends, refused, examples = front_ends(plan.data), [], []
    people = any(one.name == RECOGNISER for one in plan.models)
    allowed = plan.data.classes if like is None else like.classes
    source = open_source(path or plan.data.path)
    read = _people(plan.data, ends, allowed) if people else _labelled(plan.data, ends, allowed)
    for done, item in enumerate(side_by_side(read, source.records()), start=1):
        on_progress(Read(done, len(source)))
        if isinstance(item, Example):
            examples.append(item)
        elif isinstance(item, Refused):
            refused.append(item)
    if not examples:
        why = f" First reason: {refused[0].reason}" if refused else ""
        raise UsageError(f"[data] path: no usable record among {len(refused)}.{why}")
    classes = allowed or in_order(one.label for one in examples)
    if len(classes) < 2:
        raise UsageError("[data] label: a single class; expected two or more to tell apart.")
    shapes = {name: end.shape for name, end in ends.items()}
    spreads = {name: end.spread for name, end in ends.items()}
    kinds = {name: end.kind for name, end in ends.items()}
    return stacked(examples, shapes, classes, refused, spreads, kinds)


_Reads: TypeAlias = Callable[[Record | Refused], Example | Refused | None]


def _people(
    plan: DataPlan, ends: Mapping[str, FrontEnd], allowed: tuple[str, ...] | None
) -> _Reads:
    """What becomes of a record of somebody; None for people who are left for later."""

    def read(item: Record) -> Example | None:
        token = _who(item)
        known = _chosen(token, plan.people) and (allowed is None or token in allowed)
        return example(item, token, ends) if known else None

    return _refusing(read)


def _labelled(
    plan: DataPlan, ends: Mapping[str, FrontEnd], allowed: tuple[str, ...] | None
) -> _Reads:
    """What becomes of a record that states its class."""

    def read(item: Record) -> Example:
        label = class_name(item.row.get(plan.label), plan.label)
        if allowed is not None and label not in allowed:
            raise UnreadableRecord("label: none of the plan's classes; add it or leave it out.")
        return example(item, label, ends)

    return _refusing(read)


def _refusing(read: Callable[[Record], Example | None]) -> _Reads:
    """A bad record is refused by itself."""

    def reads(item: Record | Refused) -> Example | Refused | None:
        if isinstance(item, Refused):
            return item
        try:
            return read(item)
        except UnreadableRecord as error:
            return Refused(item.id, "UnreadableRecord", str(error))

    return reads


def _who(record: Record) -> str:
    if not record.person:
        raise UnreadableRecord(f"{PERSON}: nothing; expected who the record is of.")
    return person_token(ProjectKey.load_or_create(), record.person)


def _chosen(token: str, share: float) -> bool:
    """Whether a person is among those who are trained on; of a token, whose digits are random."""
    if share == 1:
        return True
    return int(token[:16], 16) < share * 2**64
