# SPDX-License-Identifier: Apache-2.0
"""A paper's table on the user's own copy of its data, in one command.

    polyveil.reproduce("pamrl", data="CREMA-D", out="table")

Torch is loaded when the function is called, not before.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from polyveil import _disk, _optional, _validate
from polyveil.errors import UsageError
from polyveil.privacy.ledger import content_hash
from polyveil.report.facts import Counts, Job, Setting
from polyveil.report.reproduced import Paper, Reproduced
from polyveil.report.reproduced_html import render_reproduced
from polyveil.tasks import about
from polyveil.tasks.events import Listener, Note, RecordDone, StageStarted, silence

if TYPE_CHECKING:
    from polyveil.tasks.data_sets.layout import Layout
    from polyveil.tasks.reproducing.cell import Cell, Scored
    from polyveil.tasks.reproducing.pamrl import Corpus

SYSTEMS = ("pamrl",)
_DECIDING = ("polyveil", "numpy", "scipy", "torch", "scikit-learn", "dp-accounting")
_SOURCE = "Sun et al., Applied Sciences 15(10):5229, 2025, doi 10.3390/app15105229"
_CAVEAT = "It states neither the unit that its promise protects nor its delta."
_METHOD = "alternating"
_REMARKS = (
    "Mean ± standard deviation over seeds; each seed has a split of its own.",
    "The unit of privacy is one record with all its modalities, added or removed. Who stands "
    "behind several records is protected less: by at most that many times ε, with a larger δ.",
    "Figures of the fusion by hybrid uncertainty, each modality calibrated; temperatures and "
    "fusion weights were chosen on validation labels, which no promise covers.",
    "Seeds of noise follow from the cell's name, so that the table can be made again: these models "
    "are for the table, not for release.",
    "The ledger was not charged: nothing but the figures of this table leaves.",
)
_NOT_DONE = (
    "no attack was run on these models: a promise says what nobody can do, an audit of a trained "
    "run shows what somebody did",
    "figures of this table are computed on test records without noise: no promise covers them",
)


def reproduce(
    system: str,
    data: str | Path,
    out: str | Path = "reproduced",
    *,
    seeds: int = 5,
    epsilons: Sequence[float] | None = None,
    methods: Sequence[str] | None = None,
    dry_run: bool = False,
    on_event: Listener | None = None,
) -> Reproduced:
    """Trains and measures every cell of a table; what a kill left is taken up by the same call.

    Args:
      system: "pamrl": private alternating multimodal learning with hybrid-uncertainty fusion.
      data: folder of a data set of a known layout, see `polyveil.tasks.data_sets.layouts`.
      out: folder for table.html, table.md, table.json and cells.jsonl.
      seeds: how many of each cell, from 0.
      epsilons: budgets beside none; None for 1, 2, 4 and 8.
      methods: rows of the table; None for all.
      dry_run: read the data and say how many cells there are; train and write nothing.
      on_event: hears about cells.

    Raises:
      UsageError: no such system, method or data, or `out` holds another table, lies inside the
        data or cannot be written to.
    """
    for module in ("torch", "dp_accounting", "sklearn"):
        _optional.require(module, extra="train", purpose="Reproducing a table")
    _check(system, seeds, epsilons or (), methods or ())
    from polyveil.tasks.reproducing import pamrl
    from polyveil.tasks.reproducing.cell import METHODS, carry_out
    from polyveil.tasks.reproducing.kept import KeptCells

    started, listen = about.now(), on_event or silence
    layout = pamrl.layout(Path(data))
    budgets = tuple(dict.fromkeys(pamrl.EPSILONS if epsilons is None else epsilons))
    rows = tuple(dict.fromkeys(methods or METHODS))
    cells = list(_cells(layout.title, rows, (None, *budgets), seeds))
    call = _Call(system, seeds, budgets, rows if methods else (), started)
    # There, the table would make other data of the data, and could not be gone on with.
    _disk.check_outside(Path(out), layout.folders(Path(data)))
    listen(Note("Reading the records."))
    if dry_run:
        return _table(pamrl.read(layout, Path(data), listen), [], call, left=len(cells))
    # Before the records, which take minutes: a folder that cannot be used is known at once.
    kept = KeptCells(Path(out), _fingerprint(Path(data), layout))
    found = pamrl.read(layout, Path(data), listen)
    listen(StageStarted("cells", len(cells)))
    scored: list[Scored] = []
    for at, cell in enumerate(cells, 1):
        before = kept.scored(cell)
        if before is None:
            parts = found.parts(cell.seed)
            options = layout.options(cell.epsilon)
            one = carry_out(cell, parts, options, layout.network, layout.clipping)
            kept.keep(one)
            scored.append(one)
            _write(_table(found, scored, call, left=len(cells) - at), Path(out))
        else:
            scored.append(before)
        listen(RecordDone("cells"))
    made = _table(found, scored, call, left=0)
    _write(made, Path(out))
    return made


def _check(system: str, seeds: int, epsilons: Sequence[float], methods: Sequence[str]) -> None:
    """Before anything is read, which takes minutes."""
    from polyveil.tasks.reproducing.cell import METHODS

    _validate.at_least(1, seeds=seeds)
    if system not in SYSTEMS:
        raise UsageError(f"system: {system!r}; expected {', '.join(SYSTEMS)}.")
    wrong = [one for one in epsilons if not (isfinite(one) and one > 0)]
    if wrong:
        raise UsageError(f"epsilon: {wrong[0]:g}; expected a finite number > 0.")
    unknown = sorted(set(methods) - set(METHODS))
    if unknown:
        raise UsageError(f"methods: {', '.join(unknown)}; expected some of {', '.join(METHODS)}.")


def _write(made: Reproduced, out: Path) -> None:
    """What there is so far, so that a table can be read while it is made."""
    from polyveil.tasks.reproducing.kept import writing

    text = json.dumps(made.to_json(), indent=2, ensure_ascii=False)
    with writing():
        _disk.write_whole(out / "table.html", render_reproduced(made).encode(), mode=0o644)
        _disk.write_whole(out / "table.md", made.markdown().encode(), mode=0o644)
        _disk.write_whole(out / "table.json", f"{text}\n".encode(), mode=0o644)


@dataclass(frozen=True, slots=True)
class _Call:
    """What the caller wanted, and since when; no methods for all of them."""

    system: str
    seeds: int
    epsilons: tuple[float, ...]
    methods: tuple[str, ...]
    started: str

    @property
    def command(self) -> str:
        """The command line that makes the same table; folders are left out."""
        words = ["polyveil", "reproduce", self.system, "--data", "DIR", "--out", "DIR"]
        words += ["--seeds", str(self.seeds)]
        for epsilon in self.epsilons:
            words += ["--epsilon", f"{epsilon:g}"]
        for method in self.methods:
            words += ["--method", method]
        return shlex.join(words)


def _caveat(title: str) -> str:
    from polyveil.tasks.reproducing import pamrl

    whole = pamrl.OF_THE_SAME_KIND.get(title)
    return _CAVEAT if whole is None else f"Its figures are of all of {whole}. {_CAVEAT}"


def _cells(
    name: str, methods: Sequence[str], budgets: Sequence[float | None], seeds: int
) -> Iterator[Cell]:
    """Seed by seed, so that a table that is cut off has every row."""
    from polyveil.tasks.reproducing.cell import Cell

    for seed in range(seeds):
        for method in methods:
            for epsilon in budgets:
                yield Cell(name, method, epsilon, seed)


def _table(found: Corpus, scored: Sequence[Scored], call: _Call, *, left: int) -> Reproduced:
    from polyveil.tasks.reproducing import pamrl, table
    from polyveil.tasks.reproducing.cell import CHOSEN

    title, split = found.layout.title, found.layout.split(found.records, seed=0)
    said = dict.fromkeys(remark for one in scored for remark in one.remarks)
    return Reproduced(
        job=_job(found, call),
        title=f"{pamrl.TITLE}: {title}",
        set=title,
        classes=len(found.everything.classes),
        method=_METHOD,
        fusion=CHOSEN,
        rows=table.rows(scored),
        splits=table.splits(scored),
        commonest=table.commonest(scored),
        paper=Paper(_SOURCE, _caveat(title), pamrl.printed(title)),
        remarks=(*_REMARKS, *split.remarks, *found.records.remarks, *found.lacking, *said),
        not_done=(*pamrl.NOT_DONE, *_NOT_DONE),
        left=left,
        times=table.times(scored),
        refused=dict(Counter(one.reason for one in found.records.refused).most_common()),
    )


def _job(found: Corpus, call: _Call) -> Job:
    layout, read = found.layout, found.records
    counts = Counts(
        records_read=len(read) + len(read.refused),
        records_refused=len(read.refused),
    )
    settings: dict[str, Setting] = {}
    for name, epsilon in (("without privacy", None), ("with privacy", 1.0)):
        options = layout.options(epsilon)
        values = {**asdict(options), "learning_rate": options.rate}
        settings |= {f"{key}, {name}": one for key, one in values.items() if key != "seed"}
    settings["clipping"] = layout.clipping
    settings["learning_rate grows by the root of epsilon"] = layout.steeper
    job = about.job(
        "reproduce",
        started=call.started,
        input_kind=layout.title,
        counts=counts,
        settings=settings,
        deciding=_DECIDING,
        weights=False,
    )
    return replace(job, command=call.command)


def _fingerprint(data: Path, layout: Layout) -> str:
    """Of what a cell's figures follow from; more seeds go on with the same table."""
    ends = {name: end.to_json() for name, end in layout.front_ends.items()}
    options = [repr(layout.plain), repr(layout.private), dict(layout.network), layout.shares]
    options.append({"steeper": layout.steeper, "clipping": layout.clipping})
    hashes = [content_hash(folder) for folder in layout.folders(data)]
    text = json.dumps([hashes, ends, options, version("polyveil")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
