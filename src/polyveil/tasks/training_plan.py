# SPDX-License-Identifier: Apache-2.0
"""A training plan as a user gives it, made whole: where the data are, and what their layout says.

Whoever reads the plan of a finished run goes this way too: a run is known by the whole plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyveil.learn.plan import Plan


def training_plan(
    given: str | Path | Mapping[str, Any] | Plan, data: str | Path | None = None
) -> Plan:
    """The whole plan.

    Args:
      given: a TOML file, the table that such a file holds, or a plan.
      data: where the records are, in place of what the plan says.

    Raises:
      UsageError: the plan is not what it must be, or names no layout that is known.
    """
    path = None if data is None else Path(data)
    if isinstance(given, Mapping):
        plan = Plan.of(given, data=path)
    elif not isinstance(given, Plan):
        plan = Plan.read(Path(given), data=path)
    else:
        plan = given if path is None else replace(given, data=replace(given.data, path=path))
    if plan.data.layout is None:
        return plan
    from polyveil.tasks.data_sets.planned import settled  # brings torch along

    return settled(plan)
