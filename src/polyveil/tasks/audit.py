# SPDX-License-Identifier: Apache-2.0
"""Attack a model or released data, and report what leaks beside what was claimed.

    polyveil.audit("run", plan="plan.toml")              # a result folder of polyveil.train
    polyveil.audit("album", released="copy")             # originals and what was released of them
    polyveil.audit("members.csv", released="made.csv")   # a table, and one made from it
    polyveil.audit(AuditedModel(...), minutes=10)        # any torch module, one input or several

Torch is loaded when a model is attacked, not before.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from polyveil import _optional, _validate
from polyveil.errors import UsageError
from polyveil.report.facts import Counts, StageTime
from polyveil.tasks import about
from polyveil.tasks.events import Listener, silence

if TYPE_CHECKING:
    from polyveil.attack.audited_model import AuditedModel
    from polyveil.report.audit import AuditReport
    from polyveil.tasks.auditing.battery import Outcome
    from polyveil.tasks.auditing.prepared import Prepared

_DECIDING = ("polyveil", "numpy", "scipy", "torch", "scikit-learn", "dp-accounting", "onnxruntime")
TABLES = frozenset({".csv", ".jsonl", ".parquet", ".tsv"})


def audit(
    target: str | Path | AuditedModel,
    *,
    plan: str | Path | None = None,
    data: str | Path | None = None,
    released: str | Path | None = None,
    control: str | Path | None = None,
    secret: str | None = None,
    recogniser: str | Path | None = None,
    minutes: float = 2.0,
    out: str | Path | None = None,
    seed: int = 0,
    dry_run: bool = False,
    on_event: Listener | None = None,
) -> AuditReport:
    """Carries out the attacks that fit the target and the time, and judges them together.

    An audit that was killed goes on with the same call; a finished one is a no-op. The target is
    read and never changed.

    Args:
      target: a result folder of `train`, a folder of originals, a table, a Python file with a
        function `audited()` that gives an `AuditedModel`, or such a model.
      plan: of the run, when the target is a result folder.
      data: where that run's records are, in place of what the plan says.
      released: what was made from the originals or the table.
      control: a table of the same population that nothing was made from; without it, a part of the
        table cannot be told from the population, and attacks that need it are skipped.
      secret: column of a table that an attacker wants to infer; None for each in turn.
      recogniser: a face recogniser for released records, beside the weak one that comes along: an
        ONNX file of ArcFace's layout (112 x 112 RGB in [-1, 1] to a vector).
      minutes: about how long all attacks together may take.
      out: a new folder for audit.html and audit.json; None keeps nothing on disk.
      seed: of everything random; the same seed gives the same audit on the same machine, where time
        allows the same attacks.
      dry_run: read the target and say what would be tried; attack and write nothing.
      on_event: hears about steps and outcomes.

    Raises:
      UsageError: the target is none of these, or something that it needs is missing.
      MissingExtra: attacks on models need the extra `train`.
    """
    _validate.positive(minutes=minutes)
    _validate.not_negative(seed=seed)
    from polyveil.tasks.auditing import place
    from polyveil.tasks.auditing.battery import carry_out, planned
    from polyveil.tasks.auditing.kept import Kept

    started = about.now()
    listen = on_event or silence
    folder = None if out is None or dry_run else Path(out)
    if folder is not None:
        place.check_place(folder, _paths(target, released, control))
    prepared = _prepare(target, plan, data, released, control, secret, recogniser, seed, folder)
    if dry_run:
        return _report(prepared, planned(prepared.steps, minutes=minutes), started, minutes, seed)
    fingerprint = _fingerprint(prepared, minutes, seed)
    if folder is not None and (done := place.finished(folder, fingerprint)) is not None:
        return done
    kept = Kept(folder, fingerprint)
    outcome = carry_out(prepared.steps, minutes=minutes, kept=kept, on_event=listen)
    report = _report(prepared, outcome, started, minutes, seed)
    if folder is not None:
        place.write(folder, report, fingerprint)
        kept.forget()
    return report


def _prepare(
    target: str | Path | AuditedModel,
    plan: str | Path | None,
    data: str | Path | None,
    released: str | Path | None,
    control: str | Path | None,
    secret: str | None,
    recogniser: str | Path | None,
    seed: int,
    out: Path | None,
) -> Prepared:
    if not isinstance(target, str | Path):
        _needs_torch()
        from polyveil.tasks.auditing.model import prepare_model

        return prepare_model(target, seed=seed)
    path = Path(target)
    if not path.exists():
        raise UsageError("target: nothing there; expected a folder, a table or a Python file.")
    if path.suffix == ".py":
        _needs_torch()
        from polyveil.tasks.auditing.python_file import prepare_file

        return prepare_file(path, seed=seed)
    if released is not None and path.suffix.lower() in TABLES:
        from polyveil.tasks.auditing.tables import prepare_tables

        other = None if control is None else Path(control)
        return prepare_tables(path, Path(released), other, secret=secret, seed=seed)
    if released is not None:
        from polyveil.tasks.auditing.folders import prepare_folders

        network = None if recogniser is None else Path(recogniser)
        return prepare_folders(path, Path(released), recogniser=network, seed=seed)
    return _prepare_run(path, plan, data, seed, out)


def _prepare_run(
    path: Path,
    plan: str | Path | None,
    data: str | Path | None,
    seed: int,
    out: Path | None,
) -> Prepared:
    if not (path / "result.json").is_file():
        raise UsageError(
            "target: no result.json in it, so it is no result of train. To attack released data, "
            "name them with --released; to attack a model of your own, name a Python file."
        )
    if plan is None:
        raise UsageError("target: a result of train; expected --plan with the plan that made it.")
    _needs_torch()
    from polyveil.tasks.auditing.place import check_place
    from polyveil.tasks.auditing.run import prepare_run
    from polyveil.tasks.training_plan import training_plan

    made = training_plan(plan, data)
    if out is not None:
        # With a file more they would be other data than those of the run, to the ledger as well.
        check_place(out, _paths(made.data.path, made.data.validation))
    return prepare_run(path, made, seed=seed)


def _needs_torch() -> None:
    for module in ("torch", "dp_accounting", "safetensors", "sklearn"):
        _optional.require(module, extra="train", purpose="Attacking a model")


def _paths(*targets: object) -> tuple[Path, ...]:
    return tuple(Path(one) for one in targets if isinstance(one, str | Path))


def _fingerprint(prepared: Prepared, minutes: float, seed: int) -> str:
    text = json.dumps([prepared.fingerprint, minutes, seed, version("polyveil")])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(prepared: Prepared) -> int:
    """Records of a model's parts; of released data, what was read stands with the system."""
    return 0 if prepared.proof is None else sum(one.records for one in prepared.proof.parts)


def _report(
    prepared: Prepared, outcome: Outcome, started: str, minutes: float, seed: int
) -> AuditReport:
    from polyveil.report.audit import AuditReport

    tried = {result.threat.id for result in outcome.attacks}
    untested = {one.threat.id: one for one in (*outcome.untested, *prepared.untested)}
    return AuditReport(
        job=about.job(
            "audit",
            started=started,
            input_kind=prepared.system.kind,
            counts=Counts(records_read=_read(prepared)),
            settings={"minutes": minutes, "seed": seed},
            deciding=_DECIDING,
            weights=prepared.uses_weights,
        ),
        system=prepared.system,
        attacks=outcome.attacks,
        claims=(*prepared.claims, *outcome.claims),
        utility=prepared.utility,
        skipped=outcome.skipped,
        untested=tuple(one for id, one in untested.items() if id not in tried),
        disclosed=prepared.disclosed,
        parts=() if prepared.proof is None else prepared.proof.parts,
        shared={} if prepared.proof is None else prepared.proof.shared,
        minutes=minutes,
        refusals=(*prepared.refusals, *outcome.refusals),
        times=tuple(StageTime(name, spent, 1) for name, spent in outcome.seconds.items()),
        warnings=prepared.warnings,
        not_tested=prepared.not_tested,
    )
