# SPDX-License-Identifier: Apache-2.0
"""What missing and noisy modalities do to recognition: figures over the share of samples hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _biometrics import JOINT, Floats, Scored, accuracy
from _common import table
from _recogniser_embeddings import label, with_noise, without
from polyveil.recognize.curves import det
from polyveil.recognize.decision import Decider
from polyveil.recognize.trials import Trials

MISSING = tuple(step / 10 for step in range(11))
NOISY = (0.0, 0.25, 0.5, 0.75, 1.0)
ALL = "all, each by chance"
ADDED, NETWORK = "scores added", "fused by the network"
MEASURES = ("EER", "TAR", "rank 1", "FAR, frozen", "FRR, frozen")
Bools = NDArray[np.bool_]
Point = tuple[str, str, float]


class Degraded:
    """Collects pairing by pairing; (disturbance, how fused, share) -> figures of each pairing."""

    def __init__(self, strengths: Sequence[float], far: float) -> None:
        self._strengths, self._far = strengths, far
        self._found: dict[Point, list[tuple[float, ...]]] = {}

    def add(self, development: Scored, evaluation: Scored, *, seed: int) -> None:
        """One pairing, its evaluation scored in every disturbed version."""
        names = tuple(name for name in evaluation.tables if name != JOINT)
        added = Decider.fit(development.trials(dict.fromkeys(names, 0)))
        joint = None
        if JOINT in evaluation.tables:
            joint = Decider.fit(development.trials({JOINT: 0}))
        # One draw for all shares: whoever is hit at 30 % is hit at 40 % too.
        lots = np.random.default_rng(seed).random((len(evaluation.owners), len(names)))
        for target in (ALL, *names):
            touched = np.array([target in (ALL, name) for name in names])
            for share in MISSING:
                gone = (lots < share) & touched
                self._missing(added, joint, evaluation, names, gone, (target, share))
        for strength in self._strengths:
            for share in NOISY:
                self._noisy(added, joint, evaluation, names, lots < share, (strength, share))

    def _missing(
        self,
        added: Decider,
        joint: Decider | None,
        scores: Scored,
        names: tuple[str, ...],
        gone: Bools,
        where: tuple[str, float],
    ) -> None:
        target, share = where
        pick = {name: np.where(gone[:, i], -1, 0) for i, name in enumerate(names)}
        self._note((f"missing: {target}", ADDED, share), added, scores.trials(pick))
        if joint is not None:
            versions = [_without(scores.versions, names, row) for row in gone]
            trials = scores.trials({JOINT: np.array(versions)})
            self._note((f"missing: {target}", NETWORK, share), joint, trials)

    def _noisy(
        self,
        added: Decider,
        joint: Decider | None,
        scores: Scored,
        names: tuple[str, ...],
        hit: Bools,
        where: tuple[float, float],
    ) -> None:
        strength, share = where
        version = scores.versions.index(label(strength))
        pick = {name: np.where(hit[:, i], version, 0) for i, name in enumerate(names)}
        disturbance = f"noise: {strength:g} sd"
        self._note((disturbance, ADDED, share), added, scores.trials(pick))
        for name in names:
            alone = scores.trials({name: pick[name]})
            self._note((disturbance, name, share), added, alone)
        if joint is not None:
            versions = [_with(scores.versions, strength, names, row) for row in hit]
            self._note(
                (disturbance, NETWORK, share), joint, scores.trials({JOINT: np.array(versions)})
            )

    def _note(self, point: Point, decider: Decider, trials: Trials) -> None:
        scores = decider.fusion.fuse(trials.scores)
        curve, genuine = det(trials, scores), trials.genuine
        accepted = scores > _frozen(decider, trials, self._far)
        found = (
            curve.equal_error(),
            curve.true_accepts(self._far),
            accuracy(trials, scores),
            float(accepted[~genuine].mean()),
            float((~accepted)[genuine].mean()),
        )
        self._found.setdefault(point, []).append(found)

    def figures(self) -> dict[str, Any]:
        """For JSON: every point, mean ± standard deviation over pairings in per cent."""
        rows = [
            [what, how, f"{100 * share:.0f}", *_cells(values)]
            for (what, how, share), values in self._found.items()
        ]
        return {"columns": ["disturbance", "by", "% hit", *MEASURES], "rows": rows}

    def table(self) -> str:
        """Some points of every curve, in per cent."""
        rows = [
            [what, how, f"{100 * share:.0f}", *_cells(values)]
            for (what, how, share), values in self._found.items()
            if share in (0.0, 0.3, 0.5, 0.7, 1.0) and how in (ADDED, NETWORK)
        ]
        return table(["disturbance", "by", "% hit", *MEASURES], rows)

    def panels(self) -> tuple[dict[str, dict[str, Any]], str]:
        """For a figure: TAR over the share that is hit."""
        missing = [f"missing: {ALL}"]
        missing += [what for what, how, _ in self._found if what.startswith("missing") and
                    what not in missing and how == ADDED]  # fmt: skip
        noisy = [f"noise: {strength:g} sd" for strength in self._strengths]
        gone = list(dict.fromkeys(missing))
        return {
            "TAR at 1 % FAR, missing": {what[9:]: self._curve(what, ADDED, 1) for what in gone},
            "TAR at 1 % FAR, noise on": {what[7:]: self._curve(what, ADDED, 1) for what in noisy},
            "EER, missing": {what[9:]: self._curve(what, ADDED, 0) for what in gone},
            "EER, noise on": {what[7:]: self._curve(what, ADDED, 0) for what in noisy},
        }, "% of samples hit"

    def _curve(self, what: str, how: str, column: int) -> tuple[list[float], list[float]]:
        points = [(at, of) for (w, h, at), of in self._found.items() if (w, h) == (what, how)]
        return [at for at, _ in points], [
            float(np.mean([v[column] for v in of])) for _, of in points
        ]


def _frozen(decider: Decider, trials: Trials, far: float) -> Floats:
    """The development threshold of each trial, by the modalities that are there; none: infinite."""
    names = trials.modalities
    there = np.stack([~np.isnan(trials.scores[name]) for name in names], axis=1)
    found = np.full(len(there), np.inf)
    for present in np.unique(there, axis=0):
        subset = tuple(name for name, here in zip(names, present, strict=True) if here)
        if subset:
            rows = (there == present).all(axis=1)
            found[rows] = decider.strangers[subset].for_pair(far).value
    return found


def _without(versions: Sequence[str], names: Sequence[str], gone: Bools) -> int:
    left_out = [name for name, missing in zip(names, gone, strict=True) if missing]
    if len(left_out) == len(names):
        return -1
    return versions.index(without(left_out)) if left_out else 0


def _with(versions: Sequence[str], strength: float, names: Sequence[str], hit: Bools) -> int:
    touched = [name for name, noisy in zip(names, hit, strict=True) if noisy]
    return versions.index(with_noise(strength, touched)) if touched else 0


def _cells(values: Sequence[Sequence[float]]) -> list[str]:
    columns: Mapping[int, Any] = dict(enumerate(zip(*values, strict=True)))
    return [f"{100 * np.mean(one):.1f} ± {100 * np.std(one):.1f}" for one in columns.values()]
