# SPDX-License-Identifier: Apache-2.0
"""Ask a trained classifier about records, and weigh its modalities by how uncertain each is.

    polyveil.predict("run", "clips", out="answers.jsonl")
    polyveil.predict("run", "clips", out="answers.jsonl", validation="labelled")

An answer tells of the record that it is about; the promise of a training is about the records that
were trained on. Torch is loaded when the function is called, not before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyveil import _disk, _optional
from polyveil.errors import UnreadableRecord, UsageError
from polyveil.interval import Interval, clopper_pearson
from polyveil.records.record import Refused
from polyveil.report.facts import Counts
from polyveil.report.predictions import CHOSEN_HERE, FLATTERED, NOT_COVERED, Predictions
from polyveil.tasks import about
from polyveil.tasks.events import Listener, Note, RecordDone, StageStarted, silence
from polyveil.tasks.predicting.answer import MEAN

if TYPE_CHECKING:
    from polyveil.tasks.predicting.answer import Answer
    from polyveil.tasks.predicting.classifier import Classifier
    from polyveil.tasks.predicting.questions import Question, Questions

FUSIONS = ("hybrid", "entropy", "kl", "mean", "learned")
MEASURED = 100_000
"""Labelled records that figures rest on at most, the first ones: memory stays bounded."""
_DECIDING = ("polyveil", "numpy", "scipy", "torch", "scikit-learn")


def predict(
    run: str | Path,
    data: str | Path,
    out: str | Path = "answers.jsonl",
    *,
    validation: str | Path | None = None,
    fusion: str | None = None,
    label: str = "label",
    dry_run: bool = False,
    on_event: Listener = silence,
) -> Predictions:
    """Answers about every record that can be read, one JSON line each.

    Where records say their class, answers are measured as well.

    Args:
      run: result folder of `polyveil.train`, of pictures or of several modalities.
      data: folder with metadata.jsonl, folder of pictures, Parquet, or a folder of the layout that
        the run was trained on.
      out: file of the answers; replaced when all are there, not before. Outside of what is read:
        a data set with one file more is another one to the ledger.
      validation: labelled records that the run was not trained on: temperatures and weights of its
        modalities are chosen on them.
      fusion: how modalities are weighed: "hybrid" (None), "entropy", "kl", "mean" or "learned".
        Needs `validation`.
      label: column of the class, in both.
      dry_run: open the run and count the records; ask and write nothing.
      on_event: hears about records.

    Raises:
      UsageError: no finished run, no such rule, too few validation records, nothing to read, or
        `out` lies inside what is read.
      WeightsError: the run's weights are missing or damaged.
    """
    _optional.require("torch", extra="train", purpose="Asking a trained classifier")
    _optional.require("safetensors", extra="train", purpose="Asking a trained classifier")
    if fusion is not None:
        if fusion not in FUSIONS:
            raise UsageError(f"fusion: {fusion!r}; expected one of {', '.join(FUSIONS)}.")
        if validation is None:
            raise UsageError(
                "fusion: weights by uncertainty are chosen on labelled records that the network "
                "was not trained on; expected validation."
            )
    from polyveil.tasks.predicting.opened import fitted_on, opened
    from polyveil.tasks.predicting.questions import Questions

    started, classifier = about.now(), opened(Path(run))
    read = tuple(Path(one) for one in (run, data, validation) if one is not None)
    place = _place(Path(out), read)
    questions = Questions.of(Path(data), classifier.report, label)
    if not len(questions):
        raise UsageError(
            "data: no record there; expected metadata.jsonl or metadata.csv, pictures, a Parquet "
            "table, or the layout that the run was trained on."
        )
    unfit: dict[str, int] = {}
    if validation is not None:
        on_event(Note("Choosing how modalities are weighed."))
        classifier, unfit = fitted_on(classifier, Path(validation), fusion or FUSIONS[0], label)
    here = validation is not None and Path(validation).resolve() == Path(data).resolve()
    asked = _Asked(classifier, questions, unfit, on_event, chosen_here=here)
    if dry_run:
        return replace(asked.report(started), dry_run=len(questions))
    on_event(StageStarted("answer", len(questions)))
    with _whole(place) as file:
        for line in asked.lines():
            file.write(f"{line}\n")
    return asked.report(started)


class _Asked:
    """A classifier that is being asked, and what came of it."""

    def __init__(
        self,
        classifier: Classifier,
        questions: Questions,
        unfit: Mapping[str, int],
        listen: Listener,
        *,
        chosen_here: bool,
    ) -> None:
        self._not_done = (NOT_COVERED, FLATTERED, *((CHOSEN_HERE,) if chosen_here else ()))
        self._classifier, self._questions, self._listen = classifier, questions, listen
        self._unfit = {f"in validation: {reason}": count for reason, count in unfit.items()}
        self._classes = classifier.report.data.classes
        self._by_class = dict.fromkeys(self._classes, 0)
        self._refused: dict[str, int] = {}
        self._scored: list[NDArray[np.float32]] = []
        self._labels: list[int] = []
        self._beside: dict[str, list[bool]] = {}
        self._unknown = 0

    def lines(self) -> Iterator[str]:
        """One JSON text a record that can be read."""
        from polyveil.tasks.reading import batched

        for some in batched(self._readable()):
            answers = self._classifier.answers([one.reading for one in some])
            for one, answer in zip(some, answers, strict=True):
                self._by_class[self._classes[int(answer.probabilities.argmax())]] += 1
                self._score(one.stated, answer)
                self._listen(RecordDone("answer"))
                yield json.dumps(answer.to_json(one.record, self._classes), ensure_ascii=False)

    def report(self, started: str) -> Predictions:
        """What is told of all of them together."""
        report, answered = self._classifier.report, sum(self._by_class.values())
        refused = sum(self._refused.values())
        counts = Counts(records_read=answered + refused, records_refused=refused)
        return Predictions(
            job=about.job(
                "predict",
                started=started,
                input_kind=self._questions.kind,
                counts=counts,
                settings={},
                deciding=_DECIDING,
                weights=False,
            ),
            run=report.run,
            answered=answered,
            by_class=self._by_class,
            weighing=self._classifier.weighing,
            figures=self._figures(),
            beside=self._by_itself(),
            unknown=self._unknown,
            refused={**self._refused, **self._unfit},
            guarantee=report.guarantee,
            reason=report.reason,
            not_done=self._not_done,
        )

    def _readable(self) -> Iterator[Question]:
        for item in self._questions.read(self._classifier.read):
            if isinstance(item, Refused):
                self._refuse(item.reason)
            else:
                yield item

    def _refuse(self, reason: str) -> None:
        self._refused[reason] = self._refused.get(reason, 0) + 1
        self._listen(RecordDone("answer", refused=True))

    def _score(self, stated: Any, answer: Answer) -> None:
        """Keeps what figures need, of records that say their class."""
        from polyveil.learn.labelled import class_name

        if stated is None or len(self._labels) == MEASURED:
            return
        try:
            name = class_name(stated, self._questions.label)
        except UnreadableRecord:
            name = ""
        if name not in self._by_class:
            self._unknown += 1
            return
        true = self._classes.index(name)
        self._labels.append(true)
        self._scored.append(answer.probabilities.astype(np.float32))
        for one, said in answer.alone.items():
            self._beside.setdefault(one, []).append(int(said.argmax()) == true)

    def _by_itself(self) -> dict[str, Interval]:
        """Each modality on the records that have it, then their mean; {} where there is one."""
        first = dict.fromkeys([*self._classifier.report.data.inputs, *self._beside])
        names = [name for name in first if name in self._beside and name != MEAN]
        if len(names) < 2:
            return {}
        counted = ((name, self._beside[name]) for name in (*names, MEAN))
        return {name: clopper_pearson(sum(right), len(right)) for name, right in counted}

    def _figures(self) -> dict[str, object] | None:
        if not self._labels:
            return None
        from polyveil.models.class_metrics import class_metrics

        together = np.stack(self._scored).astype(np.float64)
        return class_metrics(together, np.array(self._labels, dtype=np.int64)).to_json()


def _place(out: Path, read: tuple[Path, ...]) -> Path:
    """Where answers are written to, links followed, if a file may be put there."""
    # A device or a pipe would be replaced by a file: nothing can be put there whole.
    if not out.parent.is_dir() or (out.exists() and not out.is_file()):
        raise UsageError("out: expected a file in a folder that is there.")
    _disk.check_outside(out, read)
    return out.resolve()


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under its name when all of it is written, or not at all."""
    draft = path.with_name(f".{path.name}.part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _disk.sync_folder(path.parent)
