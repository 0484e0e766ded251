# SPDX-License-Identifier: Apache-2.0
"""Opening a run to ask it, and choosing how its modalities are weighed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polyveil.errors import UnreadableRecord, UsageError
from polyveil.learn.labelled import class_name
from polyveil.learn.plan import MULTIMODAL
from polyveil.records.record import Record
from polyveil.tasks.predicting.classifier import Classifier, Reading, finished
from polyveil.tasks.predicting.modalities import ModalityClassifier
from polyveil.tasks.predicting.pictures import PictureClassifier
from polyveil.tasks.predicting.questions import Questions


def opened(folder: Path) -> Classifier:
    """The classifier of a result folder.

    Raises:
      UsageError: no finished run of a classifier there.
      WeightsError: the weights are missing or damaged.
    """
    report = finished(folder)
    kind = ModalityClassifier if report.models[0].name == MULTIMODAL else PictureClassifier
    return kind.of(folder, report)


def fitted_on(classifier: Classifier, data: Path, rule: str, label: str) -> Classifier:
    """The same with weights chosen on labelled records.

    Args:
      data: records that it was not trained on.
      rule: see `CalibratedFusion`.
      label: column of the class.

    Raises:
      UsageError: one network that reads pictures alone, no such rule, or too few records.
    """
    if not isinstance(classifier, ModalityClassifier):
        raise UsageError("validation: this run reads pictures alone; it has nothing to weigh.")
    classes = classifier.report.data.classes
    readings: list[Reading] = []
    labels: list[int] = []
    for item, stated in Questions.of(data, classifier.report, label):
        if not isinstance(item, Record):
            continue
        try:
            name = class_name(stated, label)
            reading = classifier.read(item)
        except UnreadableRecord:
            continue
        if name in classes:
            readings.append(reading)
            labels.append(classes.index(name))
    if not readings:
        raise UsageError(
            f"validation: no readable record whose {label} is one of the network's "
            f"{len(classes)} classes."
        )
    return classifier.fit(rule, readings, np.array(labels, dtype=np.int64))
