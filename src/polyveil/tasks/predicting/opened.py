# SPDX-License-Identifier: Apache-2.0
"""Opening a run to ask it, and choosing how its modalities are weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.learn.labelled import class_name
from polyveil.learn.plan import MULTIMODAL
from polyveil.records.record import Refused
from polyveil.tasks.predicting.classifier import Classifier, Reading, finished
from polyveil.tasks.predicting.modalities import ModalityClassifier
from polyveil.tasks.predicting.pictures import PictureClassifier
from polyveil.tasks.predicting.questions import Questions
from polyveil.tasks.reading import batched


def opened(folder: Path) -> Classifier:
    """The classifier of a result folder.

    Raises:
      UsageError: no finished run of a classifier there.
      WeightsError: the weights are missing or damaged.
    """
    report = finished(folder)
    kind = ModalityClassifier if report.models[0].name == MULTIMODAL else PictureClassifier
    return kind.of(folder, report)


def fitted_on(
    classifier: Classifier, data: Path, rule: str, label: str
) -> tuple[Classifier, dict[str, int]]:
    """(the same with weights chosen on labelled records, reason -> records that were no help).

    Args:
      data: records that it was not trained on.
      rule: see `CalibratedFusion`.
      label: column of the class.

    Raises:
      UsageError: one network that reads pictures alone, no such rule, or too few records.
    """
    if not isinstance(classifier, ModalityClassifier):
        raise UsageError("validation: this run reads pictures alone; it has nothing to weigh.")
    refused: Counter[str] = Counter()
    said, there, labels = [], [], []
    # What was read is let go of once it was asked about: a picture is larger than its answers.
    for some in batched(_labelled(classifier, data, label, refused)):
        alone, present, _ = classifier.asked([reading for reading, _ in some])
        said.append(alone)
        there.append(present)
        labels += [right for _, right in some]
    if not labels:
        raise UsageError(
            f"validation: no readable record whose {label} is one of the network's "
            f"{len(classifier.report.data.classes)} classes."
        )
    fitted = classifier.fit(
        rule, np.concatenate(said, 1), np.concatenate(there, 1), np.array(labels, dtype=np.int64)
    )
    return fitted, dict(refused)


def _labelled(
    classifier: Classifier, data: Path, label: str, refused: Counter[str]
) -> Iterator[tuple[Reading, int]]:
    """(what a network takes of it, its class) of every record that helps; counts the others."""
    classes = classifier.report.data.classes
    for item in Questions.of(data, classifier.report, label).read(classifier.read):
        if isinstance(item, Refused):
            refused[item.reason] += 1
            continue
        try:
            yield item.reading, classes.index(class_name(item.stated, label))
        except UnreadableRecord as error:
            refused[str(error)] += 1
        except ValueError:
            refused[f"{label}: a class that the network does not know."] += 1
