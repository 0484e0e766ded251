# SPDX-License-Identifier: Apache-2.0
"""A Python file as a target: its function `audited()` builds the model and names the records.

The file is the user's own program and runs as such; nothing of it is imported from elsewhere.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from polyveil.attack.audited_model import AuditedModel
from polyveil.errors import UsageError
from polyveil.tasks.auditing.model import prepare_model
from polyveil.tasks.auditing.prepared import Prepared

FUNCTION = "audited"


def prepare_file(path: Path, *, seed: int) -> Prepared:
    """The model that the file's function gives.

    Raises:
      UsageError: no such function, or it gives something else. What the file itself raises passes.
    """
    build = runpy.run_path(str(path)).get(FUNCTION)
    if not callable(build):
        raise UsageError(f"{path.name}: no function {FUNCTION}(); expected one that takes nothing.")
    model = build()
    if not isinstance(model, AuditedModel):
        raise UsageError(
            f"{path.name}: {FUNCTION}() gave a {type(model).__name__}; expected an AuditedModel."
        )
    return prepare_model(model, seed=seed)
