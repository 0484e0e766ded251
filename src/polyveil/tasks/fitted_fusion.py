# SPDX-License-Identifier: Apache-2.0
"""How a trained classifier's modalities are weighed, chosen on the records that were held out.

Only where their labels may be read without a promise about them: held-out records that are nobody's
secret, or a training that promises nothing. Under a budget whoever uses the run chooses weights on
labelled records of his own: `polyveil predict --validation`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from polyveil.errors import UsageError
from polyveil.learn.multimodal.planned import multimodal
from polyveil.learn.multimodal.prediction import predict
from polyveil.learn.multimodal.run import MethodRun
from polyveil.learn.work import Work
from polyveil.models.calibrated_fusion import CalibratedFusion
from polyveil.tasks.classifier_files import Fitted

RULE = "hybrid"


def fitted_fusion(work: Work, run: MethodRun) -> Fitted | None:
    """Temperatures and weights; None where labels may not be read, or too few records have them."""
    if work.held_out is None or work.is_noised:
        return None
    with run.as_released():
        found = predict(run.model, multimodal(work.held_out))
    alone = np.asarray(softmax(found.by_modality.astype(np.float64), axis=-1))
    try:
        fusion = CalibratedFusion.fit(RULE, found.modalities, alone, found.labels, found.present.T)
    except UsageError:  # fewer than ten of them have a modality, or all are of one class
        return None
    return Fitted(fusion, len(found.labels))
