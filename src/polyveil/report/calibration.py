# SPDX-License-Identifier: Apache-2.0
"""What a calibration measured: a result value, without names, embeddings or scores of anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, EXIT_RISK_FOUND
from polyveil.interval import Interval
from polyveil.report.codec import encode
from polyveil.report.facts import Job, Refusals, StageTime
from polyveil.report.figures import figure
from polyveil.report.result import review_date

SCHEMA = "polyveil.calibration/1"
STORED = "false accepts at the stored threshold"
"""Name of the figure that the stated rate stands or falls by."""

NO_GUARANTEE = (
    "no differential privacy: templates are made from one person's embedding without noise. What "
    "protects them is the project key."
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, or why there is none.

    Attributes:
      name: e.g. "equal error rate".
      value: with its interval over people; None where it could not be measured.
      reason: why not; "" where it was.
      note: one sentence on how to read it.
    """

    name: str
    value: Interval | None
    reason: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """e.g. "2.1 % [1.4, 3.0]", or why there is none."""
        if self.value is None:
            return f"not measured: {self.reason}"
        one = self.value
        low, high = figure(one.low, "share"), figure(one.high, "share")
        return f"{figure(one.estimate, 'share')} [{low}, {high}]"


@dataclass(frozen=True, slots=True)
class SetOfModalities:
    """Figures of one set of modalities, all of them present.

    Attributes:
      modalities: e.g. ("face", "voice").
      people, genuine, impostor: of the evaluation side.
      rates: the figures.
      det_far, det_frr: operating points of the DET curve, rising and falling.
      threshold: evidence in nats above which a claim is accepted at the calibrated rate; None where
        development people cannot support it.
    """

    modalities: tuple[str, ...]
    people: int
    genuine: int
    impostor: int
    rates: tuple[Figure, ...]
    det_far: tuple[float, ...]
    det_frr: tuple[float, ...]
    threshold: float | None

    @property
    def name(self) -> str:
        """e.g. "face + voice"."""
        return " + ".join(self.modalities)


@dataclass(frozen=True, slots=True)
class Unlinkability:
    """Templates of one person under different secrets against those of different people.

    Attributes:
      modality: of the templates.
      d_sys: 0 unlinkable, 1 fully linkable.
      chance, chance_high: what shuffled labels give, mean and 95th percentile.
      pairs: mated pairs.
    """

    modality: str
    d_sys: float
    chance: float
    chance_high: float
    pairs: int

    @property
    def demonstrated(self) -> bool:
        """Whether chance alone would give less in 95 of 100 cases."""
        return self.d_sys > self.chance_high


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """How well a recogniser tells people apart whom it has never seen, and at which thresholds.

    Attributes:
      job: who measured what, when.
      encoder: "run", "network" or "embeddings"; its id; modality -> dimension.
      far: the rate of false accepts that thresholds were chosen for.
      people: "background", "development", "evaluation" -> how many.
      sets: figures by set of modalities, the largest set first.
      unlinkability: by modality; empty where there were too few people.
      unlinked: why it was not measured for a modality.
      remarks: what must be known to read the figures.
      not_done: what was not measured.
      guarantee: always None: this is measurement.
    """

    job: Job
    encoder: str
    encoder_id: str
    dimensions: Mapping[str, int]
    far: float
    people: Mapping[str, int]
    sets: tuple[SetOfModalities, ...]
    unlinkability: tuple[Unlinkability, ...] = ()
    unlinked: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    times: tuple[StageTime, ...] = ()
    guarantee: None = None
    no_guarantee: str = NO_GUARANTEE

    @property
    def refuted(self) -> tuple[str, ...]:
        """Sets of modalities whose stored threshold accepted more evaluation strangers than stated,
        beyond its interval."""
        return tuple(
            one.name
            for one in self.sets
            for rate in one.rates
            if rate.name == STORED and rate.value is not None and rate.value.low > self.far
        )

    @property
    def exit_code(self) -> int:
        """1 where evaluation people refute the stated rate, else 3 for refused records, else 0."""
        if self.refuted:
            return EXIT_RISK_FOUND
        return EXIT_RECORDS_REFUSED if self.job.counts.records_refused else EXIT_CLEAN

    @property
    def warning(self) -> str:
        """What follows where the stated rate does not hold; "" where nothing speaks against it."""
        if not self.refuted:
            return ""
        return (
            f"{', '.join(self.refuted)}: evaluation people refute the stated rate; their strangers "
            "are accepted more often. Development people are too few or unlike them. Calibrate "
            "with more people, and do not choose a seed for its figures."
        )

    @property
    def review_by(self) -> str:
        """ISO date after which the measurements should be repeated."""
        return review_date(self.job)

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"."""
        return {
            "schema": SCHEMA,
            "exit_code": self.exit_code,
            "review_by": self.review_by,
            "refuted": list(self.refuted),
            **encode(self),
        }

    def summary(self) -> str:
        """The figures that matter, set by set."""
        counts = ", ".join(f"{number} {part}" for part, number in self.people.items())
        rate = figure(self.far, "share")
        lines = [f"people: {counts}; disjoint. At most {rate} of strangers are to be accepted"]
        for one in self.sets:
            lines.append(f"{one.name}: {one.people} people, {one.genuine} genuine trials")
            lines += [f"  {one_rate.name}: {one_rate.text}" for one_rate in one.rates]
        for link in self.unlinkability:
            lines.append(
                f"templates of {link.modality} linked without keys: D_sys {link.d_sys:.3f}, chance "
                f"{link.chance:.3f} (up to {link.chance_high:.3f})"
            )
        lines += [f"warning: {self.warning}"] if self.warning else []
        lines += [f"refused: {one.count} × {one.kind}" for one in self.refusals]
        lines += [f"note: {text}" for text in self.remarks]
        return "\n".join([*lines, f"guarantee: none; {self.no_guarantee}"]).replace("\u00a0", " ")
