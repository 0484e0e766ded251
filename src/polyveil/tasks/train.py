# SPDX-License-Identifier: Apache-2.0
"""Train within a stated privacy budget, and charge the ledger: pictures, or people to recognise.

    polyveil.train("plan.toml", out="run")

Torch is loaded when the function is called, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyveil import _optional
from polyveil.learn.plan import RECOGNISER, Plan

if TYPE_CHECKING:
    from polyveil.learn.outcome import TrainReport
    from polyveil.learn.progress import Listener


def train(
    plan: str | Path | Mapping[str, Any] | Plan,
    out: str | Path = "run",
    *,
    data: str | Path | None = None,
    dry_run: bool = False,
    ledger: str | Path | None = None,
    on_progress: Listener | None = None,
) -> TrainReport:
    """Trains what a plan says and writes weights, model card, curves and result into a folder.

    A run that was killed goes on with the same call, for the same charge; a finished one is a
    no-op. Records that cannot be used are refused one by one and counted in the report.

    Args:
      plan: a TOML file, the table that such a file holds, or a `Plan`.
      out: a new folder, or that of the same run.
      data: where the records are, in place of what the plan says; None for what it says.
      dry_run: read, check and say what would be spent; train, charge and write nothing.
      ledger: path or URL; None for the account's own.
      on_progress: hears about steps and figures.

    Raises:
      UsageError: the plan, the data or the folder is not what it must be. Nothing was spent.
      NotPrivate: this network or budget cannot have a guarantee. Nothing was spent.
      BudgetExceeded: the data set's budget does not allow it. Nothing was trained.
      LedgerError: the ledger cannot be reached or is not whole.
    """
    for module in ("torch", "dp_accounting", "safetensors", "matplotlib"):
        _optional.require(module, extra="train", purpose="Training")
    from polyveil.learn.progress import silence
    from polyveil.tasks.training import Settings, carry_out
    from polyveil.tasks.training_plan import training_plan

    plan = training_plan(plan, data)
    if any(one.name == RECOGNISER for one in plan.models):
        for module in ("onnx", "onnxscript"):  # said before the training, not after it
            _optional.require(module, extra="export", purpose="A recogniser's network")
    settings = Settings(Path(out), dry_run, ledger, on_progress or silence)
    return carry_out(plan, settings)
