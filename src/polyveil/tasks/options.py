# SPDX-License-Identifier: Apache-2.0
"""What a run of the main job needs to know beside its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyveil.tasks.events import Listener
from polyveil.tasks.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """Where to write, how, with how much help, and who listens."""

    out: Path
    settings: Settings
    measure: bool
    pairs: int
    workers: int
    on_event: Listener

    def public(self) -> dict[str, Any]:
        """What a report may say of them: no path."""
        flat = asdict(self.settings)
        lambdas = flat.pop("weights")
        return {
            **flat,
            **{f"lambda {term}": value for term, value in lambdas.items()},
            "workers": self.workers,
            "measure": self.measure,
            "pairs": self.pairs,
        }
