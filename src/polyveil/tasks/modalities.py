# SPDX-License-Identifier: Apache-2.0
"""Records of several modalities, read for a network: the way from a folder to numbers.

People are known by keyed names from here on: a model that tells them apart states its classes, and
a class must not be somebody's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.inputs import FrontEnd, front_end
from polyveil.learn.labelled import class_name, in_order
from polyveil.learn.modalities import Example, Multimodal, stacked
from polyveil.learn.plan import RECOGNISER, DataPlan, Plan
from polyveil.privacy.key import ProjectKey
from polyveil.records.record import Record, Refused
from polyveil.records.source import open_source

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


def keyed_person(name: str) -> str:
    """What a recogniser calls a person: 32 hex digits that tell nothing without the key."""
    return ProjectKey.load_or_create().mac("recogniser/person", name).hex()[:32]


def read_modalities(
    plan: Plan, *, path: Path | None = None, like: Multimodal | None = None
) -> Multimodal:
    """Every usable record of the plan's data; or of `path`, with the classes of others.

    Raises:
      UsageError: nothing usable is there, or a single class.
    """
    ends, refused, examples = front_ends(plan.data), [], []
    people = any(one.name == RECOGNISER for one in plan.models)
    allowed = plan.data.classes if like is None else like.classes
    for item in _examples(path or plan.data.path, plan.data, ends, people=people):
        if isinstance(item, Example) and (allowed is None or item.label in allowed):
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
    return stacked(examples, shapes, classes, refused, spreads)


def _examples(
    path: Path, plan: DataPlan, ends: Mapping[str, FrontEnd], *, people: bool
) -> Iterator[Example | Refused]:
    for item in open_source(path).records():
        if isinstance(item, Refused):
            yield item
            continue
        try:
            label = _who(item) if people else class_name(item.row.get(plan.label), plan.label)
            if people and not _chosen(label, plan.people):
                continue
            inputs = {name: end.read(item) for name, end in ends.items()}
            there = {name: one for name, one in inputs.items() if one is not None}
            if not there:
                raise UnreadableRecord(f"record: none of {', '.join(ends)}; expected one or more.")
            yield Example(there, label)
        except UnreadableRecord as error:
            yield Refused(item.id, "UnreadableRecord", str(error))


def _who(record: Record) -> str:
    if not record.person:
        raise UnreadableRecord(f"{PERSON}: nothing; expected who the record is of.")
    return keyed_person(record.person)


def _chosen(token: str, share: float) -> bool:
    """Whether a person is among those who are trained on; of a token, whose digits are random."""
    return int(token[:16], 16) < share * 2**64
