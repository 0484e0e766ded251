# SPDX-License-Identifier: Apache-2.0
"""What became of a private training: one value, shown in few lines or as JSON.

It travels with the weights, so it names data by a keyed token, never by path or hash, and no record
by its file. A guarantee is there or it is None with the reason; nothing in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED
from polyveil.learn.history import Measured
from polyveil.learn.plan import RECOGNISER
from polyveil.privacy.guarantee import Guarantee

SCHEMA = "polyveil.train/1"


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The records, as far as they may be told.

    Attributes:
      token: a keyed name of the data set, hex. A plain hash of the content would not do: whoever
        knows all records but one could test guesses of that one.
      records, held_out: how many were trained on, and how many measured on. Taken to be public.
      shape: (channels, height, width) of every picture; () for several modalities.
      classes: names, in the order of the model's outputs; of people, keyed names.
      measured: how the held-out figures came about, one sentence.
      blur: standard deviation that the noise gives a share of them, (on the way, at the end);
        zeros for exact figures.
      inputs: modality -> shape; empty for pictures alone.
    """

    token: str
    records: int
    held_out: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    measured: str
    blur: tuple[float, float] = (0.0, 0.0)
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One trained network.

    Attributes:
      name, options: as the registry builds it.
      parameters, flops: trainable numbers; operations of one record's forward pass.
      file: of its weights in the result folder.
      noise_multiplier, rate, steps: of its noised steps.
      history: what was measured on the way, in order.
    """

    name: str
    options: Mapping[str, Any]
    parameters: int
    flops: int
    file: str
    noise_multiplier: float
    rate: float
    steps: int
    history: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainReport:
    """A finished or planned private training.

    Attributes:
      run: id of the run, as the ledger knows it.
      data, models: facts.
      guarantee: of everything that it covers; None with `reason`.
      reason: why there is no guarantee; "" with one.
      charged: what the ledger charges this run with, (epsilon, delta); None for nothing.
      fused: measurement of the two models together; None with one.
      refused: reason -> records that were refused for it.
      settings: the plan, completed, without paths.
      remarks: what has to be told with this kind of network.
      seconds: of training, all models.
      started, command, versions: as every report of polyveil says them.
      dry_run: nothing was trained, charged or written.
    """

    run: str
    data: DataFacts
    models: tuple[ModelFacts, ...]
    guarantee: Guarantee | None
    reason: str
    charged: tuple[float, float] | None
    fused: Measured | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    started: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """3 when records were refused."""
        return EXIT_RECORDS_REFUSED if self.refused else EXIT_CLEAN

    @property
    def best(self) -> Measured | None:
        """The figures of what is released as a whole: fused, or the one model's last."""
        if self.fused is not None or len(self.models) != 1 or not self.models[0].history:
            return self.fused
        return self.models[0].history[-1]

    @property
    def of_people(self) -> bool:
        """Whether the classes are people, under keyed names."""
        return self.models[0].name == RECOGNISER

    @property
    def promise(self) -> str:
        """The guarantee, or why there is none, as sentences."""
        if self.guarantee is not None:
            return self.guarantee.sentence
        return f"No guarantee. {self.reason}"

    @property
    def intent(self) -> str:
        """What is trained on how much, how, one sentence without its verb."""
        names = " and ".join(one.name for one in self.models)
        steps = sum(one.steps for one in self.models)
        noised = "noised steps" if self.models[0].noise_multiplier else "steps"
        kinds = "people" if self.of_people else "classes"
        return (
            f"{names} on {self.data.records:,} records, {len(self.data.classes)} {kinds}: "
            f"{steps:,} {noised}, each record in a step with chance {self.models[0].rate:.2g}"
        )

    @property
    def budget(self) -> str:
        """What the ledger charges, one sentence."""
        if self.charged is None:
            return "The ledger charges nothing."
        epsilon, delta = self.charged
        verb = "would charge" if self.dry_run else "charges"
        return f"The ledger {verb} the data set with ε = {epsilon:.4g}, δ = {delta:g}."

    def summary(self) -> str:
        """A few lines for a person."""
        if self.dry_run:
            lines = [f"Would train {self.intent}. Nothing was trained, charged or written."]
        else:
            lines = [f"Trained {self.intent}; {duration(self.seconds)}.", *self._figures()]
        lines += [self.promise, self.budget]
        validation = self.settings.get("data", {}).get("validation")
        if self.dry_run and isinstance(validation, float) and validation:
            lines.append("Each run draws anew who is held out: its numbers may differ a little.")
        lines += [f"Refused: {count} × {reason}" for reason, count in self.refused.items()]
        return "\n".join(lines)

    def _figures(self) -> list[str]:
        best = self.best
        if best is None or best.top1 is None:
            return [] if self.data.held_out else ["Nothing was measured: no record was held out."]
        five = "" if best.top5 is None else f", within five {best.top5:.1%}"
        return [
            f"Right at the first guess {best.top1:.1%}{five} of {self.data.held_out:,} held-out "
            f"records{plus_minus(self.data.blur[1])}."
        ]

    def to_json(self) -> dict[str, Any]:
        """Versioned JSON; `from_json` gives an equal report."""
        values = asdict(self)
        values["guarantee"] = None if self.guarantee is None else self.guarantee.to_json()
        return {"schema": SCHEMA, **values}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> TrainReport:
        """The report that `to_json` wrote; raises KeyError or TypeError for anything else."""
        rest = {name: value for name, value in values.items() if name != "schema"}
        data, charged, fused = rest["data"], rest["charged"], rest["fused"]
        for name in ("shape", "classes", "blur"):
            data = {**data, name: tuple(data[name])}
        inputs = {name: tuple(shape) for name, shape in data.get("inputs", {}).items()}
        data = {**data, "inputs": inputs}
        rest["data"] = DataFacts(**data)
        rest["models"] = tuple(_model(one) for one in rest["models"])
        rest["guarantee"] = rest["guarantee"] and Guarantee.from_json(rest["guarantee"])
        rest["charged"] = None if charged is None else (charged[0], charged[1])
        rest["fused"] = None if fused is None else Measured(**fused)
        rest["remarks"] = tuple(rest.get("remarks", ()))
        return TrainReport(**rest)


def _model(values: Mapping[str, Any]) -> ModelFacts:
    history = tuple(Measured(**one) for one in values["history"])
    return ModelFacts(**{**values, "history": history})


def plus_minus(blur: float) -> str:
    """How far noise moves a figure, 95 of 100 times; "" for exact ones."""
    return f" (± {1.96 * blur:.1%} by the noise)" if blur else ""


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def counted(reasons: list[str]) -> dict[str, int]:
    """Reason -> how often, the most frequent first."""
    return dict(Counter(reasons).most_common())
