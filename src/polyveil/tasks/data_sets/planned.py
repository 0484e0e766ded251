# SPDX-License-Identifier: Apache-2.0
"""A plan's data in a known layout: what it is read by, which folders pay, who is held out together.

The promise of `polyveil train` is about one record, so adding or removing one may not move others
between what is trained on and what is measured on. Who is held out therefore follows from one fact
of each record alone (its actor, its clip, its picture byte by byte: `LabelledSet.units`) under the
project key. Nothing is compared with anything else, so that near-duplicates may come into two
parts; a table's split, which is public, compares them (`LabelledSet.with_near_pictures`).

Where the makers set a test part aside, it is left alone here: neither trained nor measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyveil.errors import UsageError
from polyveil.inputs import front_end
from polyveil.learn.modalities import Multimodal
from polyveil.learn.plan import Plan
from polyveil.learn.plan_table import known_key
from polyveil.learn.progress import Listener, Read, silence
from polyveil.tasks.data_sets.layout import Layout
from polyveil.tasks.data_sets.layouts import LAYOUTS, named


def settled(plan: Plan) -> Plan:
    """The plan with all that its layout says of inputs stated; without a layout, as it is.

    Inputs that the plan names are those that are read, by the layout's options where it states
    no other: inputs = ["prosody"], or inputs = {prosody = {}, spectrogram = {emphasis = "even"}}.

    Raises:
      UsageError: no such layout, or inputs that it does not have.
    """
    if plan.data.layout is None:
        return plan
    layout = named(plan.data.layout)
    asked = layout.front_ends if plan.data.inputs is None else plan.data.inputs
    inputs = {
        name: _stated(layout, name, {} if plan.data.inputs is None else plan.data.inputs[name])
        for name in asked
    }
    return replace(plan, data=replace(plan.data, inputs=inputs))


def folders(plan: Plan, path: Path) -> tuple[Path, ...]:
    """The folders or files that hold the records at a path: the data sets that pay for them.

    Raises:
      UsageError: the path has another layout than the plan's.
    """
    if plan.data.layout is None:
        return (path,)
    layout = named(plan.data.layout)
    found = layout.folders(path)
    if not found:
        others = [one.name for one in LAYOUTS if one.folders(path)]
        hint = f' This one is of layout = "{others[0]}".' if len(others) == 1 else ""
        raise UsageError(
            f"[data] path: {layout.name}; expected a folder with {layout.expected}.{hint}"
        )
    return found


def read(
    plan: Plan, path: Path, *, classes: tuple[str, ...] | None, on_progress: Listener = silence
) -> tuple[Multimodal, tuple[str, ...]]:
    """(every usable record at a path, what each is held out with).

    Args:
      plan: settled, with a layout.
      path: of the records.
      classes: those that are kept; None for all that the data set has.

    Raises:
      UsageError: another layout, or nothing usable is there.
    """
    layout = named(plan.data.layout or "")
    found = layout.read(path)
    unknown = sorted(set(classes or ()) - set(found.classes))
    if unknown:
        raise UsageError(
            f"[data] classes: {', '.join(unknown)}; expected some of {', '.join(found.classes)}."
        )
    chosen = np.array(
        [
            label in (classes or found.classes) and not (found.own_test and found.own_test[row])
            for row, label in enumerate(found.labels)
        ]
    )
    some = replace(found.where(np.flatnonzero(chosen)), classes=classes or found.classes)
    ends = {
        name: front_end(str(one["kind"]), **{key: one[key] for key in one if key != "kind"})
        for name, one in (plan.data.inputs or {}).items()
    }
    records, numbers = some.readable(ends, lambda done: on_progress(Read(done, len(some))))
    kinds = {name: end.kind for name, end in ends.items()}
    return replace(numbers, kinds=kinds), records.units


def _stated(layout: Layout, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Kind and options of one input, those of the layout where the plan states no other."""
    known_key("[data] inputs", name, tuple(layout.front_ends))
    own = layout.front_ends[name].to_json()
    if options.get("kind", own["kind"]) != own["kind"]:
        raise UsageError(f"[data] inputs: {name} of {layout.name} is read as {own['kind']}.")
    return {"kind": own["kind"], **own["options"], **options}
