# SPDX-License-Identifier: Apache-2.0
"""A paper's table on the user's own copy of its data, in one command.

    polyveil.reproduce("pamrl", data="CREMA-D", out="table")

Torch is loaded when the function is called, not before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from polyveil import _disk, _optional, _validate
from polyveil.errors import UsageError
from polyveil.privacy.ledger import content_hash
from polyveil.report.facts import Counts
from polyveil.report.reproduced import Reproduced
from polyveil.tasks import about
from polyveil.tasks.events import Listener, Note, RecordDone, StageStarted, silence

if TYPE_CHECKING:
    from polyveil.tasks.reproducing.cell import Cell, Scored
    from polyveil.tasks.reproducing.pamrl import Corpus

SYSTEMS = ("pamrl",)
_DECIDING = ("polyveil", "numpy", "scipy", "torch", "scikit-learn", "dp-accounting")
_REMARKS = (
    "Mean ± standard deviation over seeds; each seed has a split of its own.",
    "The unit of privacy is one record with all its modalities, added or removed.",
    "Figures of the fusion by hybrid uncertainty, each modality calibrated; temperatures and "
    "fusion weights were chosen on validation labels, which no promise covers.",
    "Seeds of noise follow from the cell's name, so that the table can be made again: these models "
    "are for the table, not for release.",
    "The ledger was not charged: nothing but the figures of this table leaves.",
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
      data: folder of CREMA-D, MVSA or EMO-DB as their makers distribute them.
      out: folder for table.md, table.json and cells.jsonl.
      seeds: how many of each cell, from 0.
      epsilons: budgets beside none; None for the paper's.
      methods: rows of the table; None for all.
      dry_run: read the data and say how many cells there are; train and write nothing.
      on_event: hears about cells.

    Raises:
      UsageError: no such system, method or data, or `out` holds another table.
    """
    for module in ("torch", "dp_accounting", "sklearn"):
        _optional.require(module, extra="train", purpose="Reproducing a table")
    _validate.at_least(1, seeds=seeds)
    if system not in SYSTEMS:
        raise UsageError(f"system: {system!r}; expected {', '.join(SYSTEMS)}.")
    from polyveil.tasks.reproducing import pamrl
    from polyveil.tasks.reproducing.cell import METHODS, carry_out
    from polyveil.tasks.reproducing.kept import KeptCells

    unknown = sorted(set(methods or ()) - set(METHODS))
    if unknown:
        raise UsageError(f"methods: {', '.join(unknown)}; expected some of {', '.join(METHODS)}.")
    started, listen = about.now(), on_event or silence
    listen(Note("Reading the records."))
    found = pamrl.corpus(Path(data))
    budgets = (None, *(pamrl.EPSILONS if epsilons is None else epsilons))
    cells = list(_cells(found.layout.title, tuple(methods or METHODS), budgets, seeds))
    if dry_run:
        return _table(found, [], started, left=len(cells))
    kept = KeptCells(Path(out), _fingerprint(Path(data), found))
    listen(StageStarted("cells", len(cells)))
    scored: list[Scored] = []
    for cell in cells:
        one = kept.scored(cell)
        if one is None:
            one = carry_out(cell, found.parts(cell.seed), found.layout.options(cell.epsilon))
            kept.keep(one)
        scored.append(one)
        listen(RecordDone("cells"))
    made = _table(found, scored, started, left=0)
    _disk.write_whole(Path(out) / "table.md", made.markdown().encode(), mode=0o644)
    text = json.dumps(made.to_json(), indent=2, ensure_ascii=False)
    _disk.write_whole(Path(out) / "table.json", f"{text}\n".encode(), mode=0o644)
    return made


def _cells(
    name: str, methods: Sequence[str], budgets: Sequence[float | None], seeds: int
) -> Iterator[Cell]:
    """Seed by seed, so that a table that is cut off has every row."""
    from polyveil.tasks.reproducing.cell import Cell

    for seed in range(seeds):
        for method in methods:
            for epsilon in budgets:
                yield Cell(name, method, epsilon, seed)


def _table(found: Corpus, scored: Sequence[Scored], started: str, *, left: int) -> Reproduced:
    from polyveil.tasks.reproducing import pamrl
    from polyveil.tasks.reproducing.cell import CHOSEN
    from polyveil.tasks.reproducing.table import rows

    title = found.layout.title
    said = dict.fromkeys(remark for one in scored for remark in one.remarks)
    counts = Counts(
        records_read=len(found.records) + len(found.records.refused),
        records_refused=len(found.records.refused),
    )
    return Reproduced(
        job=about.job(
            "reproduce",
            started=started,
            input_kind=title,
            counts=counts,
            settings={},
            deciding=_DECIDING,
            weights=False,
        ),
        title=f"{pamrl.TITLE}: {title}",
        fusion=CHOSEN,
        rows=rows(scored),
        printed=tuple(one for one in pamrl.PRINTED if one.set == title),
        remarks=(*_REMARKS, *found.records.remarks, *said),
        not_done=pamrl.NOT_DONE,
        left=left,
    )


def _fingerprint(data: Path, found: Corpus) -> str:
    """Of what a cell's figures follow from; more seeds go on with the same table."""
    ends = {name: end.to_json() for name, end in found.layout.front_ends.items()}
    options = [repr(found.layout.plain), repr(found.layout.private)]
    text = json.dumps([content_hash(data), ends, options, version("polyveil")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
