# SPDX-License-Identifier: Apache-2.0
"""Recognising people nobody was trained on, as protected templates, and saying "unknown".

    python benchmarks/open_set.py                all, what RESULTS.md quotes
    python benchmarks/open_set.py --pairings 2   for development

Chimeric users throughout. Recognisers are trained on background people (_people_never_seen),
weights and thresholds come from development people, figures from evaluation people: three groups
that share nobody. Every figure is of 20 random pairings; impostors hold the victim's key. Printed:
mean over pairings ± standard deviation over them, and in brackets a 95 % bootstrap over people of
all pairings together, in which all chimeric users that one real face takes part in are drawn at
once.

Disturbances are of evaluation probes alone, weights and thresholds stay those of clean development
probes: every modality missing with probability p, one of them missing with probability p, Gaussian
noise of some standard deviations of the modality on a share of all samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from _biometric_plots import curves_figure, det_figure
from _biometrics import (
    JOINT,
    Embedded,
    Floats,
    Scored,
    accuracy,
    alone,
    centred,
    fused,
    merged,
    scored,
)
from _chimeric_sets import TITLES
from _common import table, write
from _degraded import Degraded
from _people_never_seen import PAIRINGS, SETS, people
from polyveil.errors import UsageError
from polyveil.interval import Interval
from polyveil.recognize.chimeric import Pairing
from polyveil.recognize.curves import det, equal_error_rate, rates_at, true_accept_rate
from polyveil.recognize.decision import Decider
from polyveil.recognize.estimate import TooFew
from polyveil.recognize.normalise import Normalisation
from polyveil.recognize.open_set import identification_rate, open_set_at
from polyveil.recognize.threshold import Threshold
from polyveil.recognize.trials import Trials

FAR = 0.01
FPIR = (0.01, 0.05)
STRENGTHS = (0.25, 0.5, 1.0, 2.0)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"protected": False},
    "plain, normalised": {"protected": False, "normalisation": Normalisation()},
    "protected": {},
    "protected, normalised": {"normalisation": Normalisation()},
    "protected, centred": {},
}
MAIN, PLAIN = "protected", "plain"
FUSED = "all, scores added"


@dataclass
class Collected:
    """One way to recognise under one setting, pairing by pairing.

    Attributes:
      figures: name of a figure -> one a pairing; some are missing where they are refused.
      trials, scores: of evaluation people; frozen: thresholds of development people, by purpose.
    """

    figures: dict[str, list[float]] = field(default_factory=dict)
    pairings: list[Pairing] = field(default_factory=list)
    trials: list[Trials] = field(default_factory=list)
    scores: list[Floats] = field(default_factory=list)
    frozen: dict[str, list[Threshold]] = field(default_factory=dict)

    def add(self, pairing: Pairing, development: Trials, evaluation: Trials) -> None:
        decider = Decider.fit(development)
        _, _, scores = fused(development, evaluation)
        self.pairings.append(pairing)
        self.trials.append(evaluation)
        self.scores.append(scores)
        curve = det(evaluation, scores)
        self._note("EER", curve.equal_error())
        self._note("TAR at 1 % FAR", curve.true_accepts(FAR))
        self._note("rank 1", accuracy(evaluation, scores))
        strangers = decider.strangers[development.modalities]
        self._freeze("pair", strangers.for_pair(FAR))
        rates = scores > self.frozen["pair"][-1].value, evaluation.genuine
        self._note("FAR, frozen", float(rates[0][~rates[1]].mean()))
        self._note("FRR, frozen", float((~rates[0])[rates[1]].mean()))
        for rate in FPIR:
            try:
                self._freeze(
                    f"search {rate}", strangers.for_search(rate, gallery=_size(evaluation))
                )
            except UsageError:  # too few development people: no threshold, no figure
                continue

    def _note(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(value)

    def _freeze(self, name: str, threshold: Threshold) -> None:
        self.frozen.setdefault(name, []).append(threshold)

    def pooled(self) -> dict[str, Interval | TooFew | str]:
        """Figures of all pairings together, with intervals over people."""
        trials, scores = merged(self.pairings, self.trials, self.scores)
        found: dict[str, Any] = {
            "EER": equal_error_rate(trials, scores, seed=0),
            "TAR at 1 % FAR": true_accept_rate(trials, scores, far=FAR, seed=0),
        }
        lifted, zero = self._at("pair")
        rates = rates_at(trials, lifted, zero, seed=0)
        found |= {"FAR, frozen": rates.far, "FRR, frozen": rates.frr}
        for rate in FPIR:
            percent = f"{100 * rate:g} %"
            # Scores of a pairing count from its frozen threshold where there is one.
            ready = len(self.frozen.get(f"search {rate}", ())) == len(self.trials)
            aligned, zero = self._at(f"search {rate}" if ready else "pair")
            found[f"DIR at {percent} FPIR"] = identification_rate(
                trials, aligned, fpir=rate, seed=0
            )
            if ready:
                both = open_set_at(trials, aligned, zero, seed=0)
                found |= {
                    f"DIR, frozen for {percent}": both.dir,
                    f"FPIR, frozen for {percent}": both.fpir,
                }
            else:
                found[f"DIR, frozen for {percent}"] = "too few development people"
        return found

    def _at(self, purpose: str) -> tuple[Floats, Threshold]:
        """Scores above their own pairing's threshold, and the threshold that is then 0."""
        own = self.frozen[purpose]
        lifted = np.concatenate(
            [column - one.value for column, one in zip(self.scores, own, strict=True)]
        )
        return lifted, replace(own[0], value=0.0, development=frozenset())


def _size(trials: Trials) -> int:
    return len(np.unique(trials.templates))


def ways(modalities: Sequence[str], joint: bool) -> dict[str, tuple[str, ...]]:
    """How a person is recognised -> which scores that takes."""
    found = {name: (name,) for name in modalities} | {FUSED: tuple(modalities)}
    return found | ({"all, fused by the network": (JOINT,)} if joint else {})


def collect(name: str, pairings: int) -> tuple[dict[str, dict[str, Collected]], Degraded]:
    """Setting -> way -> figures; and what disturbances do."""
    found: dict[str, dict[str, Collected]] = {setting: {} for setting in SETTINGS}
    degraded = Degraded(STRENGTHS, FAR)
    for number, one in enumerate(people(name, pairings=pairings, strengths=STRENGTHS)):
        for setting, options in SETTINGS.items():
            source = centred(one) if setting.endswith("centred") else one
            parts = _scored(alone(source), options)
            for way, pick in ways(one.modalities, bool(one.joint)).items():
                chosen = [part.trials(dict.fromkeys(pick, 0)) for part in parts]
                found[setting].setdefault(way, Collected()).add(one.pairing, *chosen)
        degraded.add(*_scored(one, SETTINGS[MAIN]), seed=number)
        print(f"{name}: pairing {number + 1} of {pairings}", flush=True)
    return found, degraded


def _scored(one: Embedded, options: Mapping[str, Any]) -> tuple[Scored, Scored]:
    return scored(one, "development", **options), scored(one, "evaluation", **options)


def spread(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values):.1f}"


def _listed(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def shown(found: Any) -> str:
    if isinstance(found, Interval):
        return f"{100 * found.estimate:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return str(found)


def by_pairing(found: Mapping[str, Mapping[str, Collected]]) -> list[list[str]]:
    """Mean and standard deviation over pairings of every setting and way, in per cent."""
    return [
        [setting, way, *(spread(values) for values in one.figures.values())]
        for setting, of_ways in found.items()
        for way, one in of_ways.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairings", type=int, default=PAIRINGS)
    given = parser.parse_args()
    figures: dict[str, Any] = {"pairings": given.pairings}
    for name in SETS:
        found, degraded = collect(name, given.pairings)
        spreads = by_pairing(found)
        together = {way: one.pooled() for way, one in found[MAIN].items()}
        columns = list(next(iter(together.values())))
        rows = [[way, *(shown(one.get(c)) for c in columns)] for way, one in together.items()]
        heads = ["setting", "by", *next(iter(found[MAIN].values())).figures]
        print(f"\n{TITLES[name]}, %, mean ± sd over pairings\n" + table(heads, spreads))
        print(f"\n{MAIN}, %, all pairings [95 % over people]\n" + table(["by", *columns], rows))
        print("\n" + degraded.table())
        figures[name] = {
            "title": TITLES[name],
            "by pairing": {"columns": heads, "rows": spreads},
            "values by pairing": {
                f"{setting}: {way}": {key: _listed(values) for key, values in one.figures.items()}
                for setting, of_ways in found.items()
                for way, one in of_ways.items()
            },
            "together": {"columns": ["by", *columns], "rows": rows},
            "disturbed": degraded.figures(),
        }
        draw(name, found, degraded)
    write("open_set", figures, packages=("numpy", "scipy", "torch"))


def draw(name: str, found: Mapping[str, Mapping[str, Collected]], degraded: Degraded) -> None:
    curves = {}
    for way, one in found[MAIN].items():
        trials, scores = merged(one.pairings, one.trials, one.scores)
        curves[way] = det(trials, scores)
    plain = found[PLAIN][FUSED]
    trials, scores = merged(plain.pairings, plain.trials, plain.scores)
    curves["plain embeddings, scores added"] = det(trials, scores)
    title = f"{TITLES[name]}\npeople never seen, protected templates"
    det_figure(f"det-{name}", curves, title)
    if name == SETS[0]:
        curves_figure("missing-and-noisy", *degraded.panels())


if __name__ == "__main__":
    main()
