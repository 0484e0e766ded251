# SPDX-License-Identifier: Apache-2.0
"""Figures of evaluation people for each set of modalities, as a calibration reports them.

Only trials in which every modality of the set is there on both sides count, in searches that hold
the searched person: missing modalities are decided by the set that is left, which has figures of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.privacy.key import ProjectKey
from polyveil.recognize.curves import det, equal_error_rate, rates_at, true_accept_rate
from polyveil.recognize.decision import Decider
from polyveil.recognize.estimate import TooFew
from polyveil.recognize.open_set import identification_rate, open_set_at
from polyveil.recognize.scheme import Floats, Scheme
from polyveil.recognize.template import (
    Template,
    compare,
    new_enrolment,
    protect,
    template_secret,
)
from polyveil.recognize.threshold import Threshold
from polyveil.recognize.trials import Trials
from polyveil.recognize.unlinkability import linkability
from polyveil.report.calibration import STORED, Figure, SetOfModalities, Unlinkability
from polyveil.report.figures import figure
from polyveil.tasks.recognising.parts import Side

POINTS = 400
"""Operating points of a DET curve that a report keeps."""


def sets(decider: Decider, trials: Trials, *, far: float, seed: int) -> list[SetOfModalities]:
    """Figures of each set of modalities that the decider knows, the largest first."""
    found = []
    for modalities in sorted(decider.strangers, key=lambda names: (-len(names), names)):
        complete = _complete(trials, modalities)
        if complete is not None:
            found.append(_Set(decider, complete, modalities, far, seed).measured())
    return found


@dataclass(frozen=True, slots=True)
class _Set:
    decider: Decider
    trials: Trials
    modalities: tuple[str, ...]
    far: float
    seed: int

    def measured(self) -> SetOfModalities:
        trials, scores = self.trials, self._scores()
        curve = det(trials, scores)
        kept = _spread(curve.far, curve.frr)
        genuine = int(trials.genuine.sum())
        return SetOfModalities(
            modalities=self.modalities,
            people=len(trials.identities),
            genuine=genuine,
            impostor=len(scores) - genuine,
            rates=tuple(self._rates(scores)),
            det_far=tuple(float(value) for value in curve.far[kept]),
            det_frr=tuple(float(value) for value in curve.frr[kept]),
            threshold=self._threshold(),
        )

    def _scores(self) -> Floats:
        return self.decider.fusion.fuse({n: self.trials.scores[n] for n in self.modalities})

    def _threshold(self) -> float | None:
        try:
            return self.decider.strangers[self.modalities].for_pair(self.far).value
        except UsageError:
            return None

    def _rates(self, scores: Floats) -> list[Figure]:
        trials, far, seed = self.trials, self.far, self.seed
        rate = figure(far, "share")
        return [
            _figure("equal error rate", lambda: equal_error_rate(trials, scores, seed=seed)),
            _figure(
                f"true accepts at {rate} false accepts",
                lambda: true_accept_rate(trials, scores, far=far, seed=seed),
                "Threshold chosen on these evaluation people: what the scores can do.",
            ),
            *self._frozen(scores),
            _figure(
                f"identified at {rate} false alarms",
                lambda: identification_rate(trials, scores, fpir=far, seed=seed),
                "Own template first and above the threshold; threshold chosen on these people.",
            ),
            *self._searched(scores),
        ]

    def _frozen(self, scores: Floats) -> list[Figure]:
        """What the stored verification threshold does to people it has never seen."""
        names = (STORED, "false rejects at the stored threshold")
        strangers = self.decider.strangers[self.modalities]
        try:
            found = rates_at(self.trials, scores, strangers.for_pair(self.far), seed=self.seed)
        except UsageError as error:
            return [Figure(name, None, str(error)) for name in names]
        rates = zip(names, (found.far, found.frr), strict=True)
        return [Figure(name, one) for name, one in rates]

    def _searched(self, scores: Floats) -> list[Figure]:
        """What the stored search threshold does, for a gallery of all evaluation people."""
        names = (
            "identified at the stored threshold",
            "false alarms at the stored threshold",
        )
        gallery = int(np.unique(self.trials.searches, return_counts=True)[1].max())
        try:
            threshold: Threshold = self.decider.strangers[self.modalities].for_search(
                self.far, gallery=gallery
            )
            found = open_set_at(self.trials, scores, threshold, seed=self.seed)
        except UsageError as error:
            return [Figure(name, None, str(error)) for name in names]
        note = f"Searches through {gallery} templates."
        rates = zip(names, (found.dir, found.fpir), strict=True)
        return [Figure(name, one, note=note) for name, one in rates]


def unlinkability(
    side: Side, schemes: Mapping[str, Scheme], *, key: ProjectKey, seed: int
) -> tuple[list[Unlinkability], dict[str, str]]:
    """Can templates under different secrets be told to be of one person, without any key?

    Returns:
      What was measured, and modality -> why not.
    """
    found, missing = [], {}
    for modality, scheme in schemes.items():
        pairs = [
            (one, mine[modality], probe[modality])
            for one, mine in side.enrolled.items()
            for probe in side.probes.get(one, ())[:1]
            if modality in mine and modality in probe
        ]
        try:
            found.append(_linked(modality, pairs, scheme, key, seed))
        except UsageError as error:
            missing[modality] = str(error)
    return found, missing


def _linked(
    modality: str,
    pairs: Sequence[tuple[str, ArrayLike, ArrayLike]],
    scheme: Scheme,
    key: ProjectKey,
    seed: int,
) -> Unlinkability:
    def template(one: str, samples: ArrayLike) -> Template:
        secret = template_secret(key, subject=one, modality=modality, enrolment=new_enrolment())
        return protect(samples, secret, scheme)

    first = [template(one, enrolled) for one, enrolled, _ in pairs]
    second = [template(one, probe) for one, _, probe in pairs]
    mated = np.array([compare(a, b) for a, b in zip(first, second, strict=True)])
    others = second[1:] + second[:1]
    apart = np.array([compare(a, b) for a, b in zip(first, others, strict=True)])
    link = linkability(mated, apart, seed=seed)
    return Unlinkability(modality, link.d_sys, link.chance, link.chance_high, link.mated)


def _figure(name: str, measure: Callable[[], Interval | TooFew], note: str = "") -> Figure:
    try:
        value = measure()
    except UsageError as error:
        return Figure(name, None, str(error))
    if isinstance(value, TooFew):
        return Figure(name, None, str(value))
    return Figure(name, value, note=note)


def _complete(trials: Trials, modalities: tuple[str, ...]) -> Trials | None:
    """Trials with all of these modalities, in searches that hold the searched person."""
    together = ~np.isnan(np.stack([trials.scores[name] for name in modalities])).any(axis=0)
    own = np.unique(trials.searches[together & trials.genuine])
    chosen = together & np.isin(trials.searches, own)
    if not (chosen & ~trials.genuine).any() or not len(own):
        return None
    scores = {name: trials.scores[name][chosen] for name in modalities}
    columns = (trials.searches[chosen], trials.probes[chosen], trials.templates[chosen])
    return Trials(trials.part, *columns, scores)


def _spread(far: Floats, frr: Floats) -> list[int]:
    """Points of a curve with thousands of them, even along both axes of a DET plot."""
    if len(far) <= POINTS:
        return list(range(len(far)))
    scale = np.log(np.maximum(far, 1e-6)) - np.log(np.maximum(frr, 1e-6))
    marks = np.linspace(scale[0], scale[-1], POINTS)
    return sorted({0, len(far) - 1, *np.searchsorted(scale, marks).clip(0, len(far) - 1).tolist()})
