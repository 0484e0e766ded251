# SPDX-License-Identifier: Apache-2.0
"""A training plan: which data, which model, which promise, how. Public facts, checked when read.

A plan is a small TOML file that a person writes by hand, so a key that nobody knows is refused by
name with the nearest one that is known: a misspelt `epsilon` must never mean a default.

    [data]
    path = "xrays.parquet"

    [privacy]
    epsilon = 3.0

Everything else has a default that asks nothing of the private data.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from polyveil.errors import UsageError
from polyveil.learn.plan_table import as_table, known_key, off, one_of, positive, section

CLIPPING = ("per-layer", "flat")
FUSION = ("variance", "inverse error", "mean")
MODES = ("sound", "none", "paper")
OPTIMIZERS = ("adam", "sgd")
QUANTILE = "quantile"
RECOGNISER, MULTIMODAL = "recogniser", "multimodal"


@dataclass(frozen=True, slots=True)
class DataPlan:
    """Where the records are and which of their facts are used.

    Attributes:
      path: folder with metadata.jsonl, folder with one folder a class, Parquet file, or .npz with
        `images` and `labels`. Secret: never written into a result.
      label: column, or array of the .npz, that says the class.
      validation: share in [0, 1) of the records that is held out, or the path of other records.
      public_validation: the records at that path are nobody's secret: figures without noise.
      size: pixels a side to which every picture is scaled; None: they all have one size already.
      classes: names of the classes, in order; None: those that occur.
      inputs: modality -> options of its reading, e.g. {"face": {"size": 48}, "voice": {}}; None:
        pictures as they are.
      people: share in (0, 1] of the classes that a recogniser is trained on, chosen by a keyed
        hash; the others stay unseen, for thresholds and figures.
      layout: of a data set as its makers distribute it, e.g. "EMO-DB", which says what the records,
        classes and inputs are and who is held out together; None: records as `path` says.
    """

    path: Path = field(repr=False)
    label: str = "label"
    validation: float | Path = field(default=0.1, repr=False)
    public_validation: bool = False
    size: int | None = None
    classes: tuple[str, ...] | None = None
    inputs: Mapping[str, Mapping[str, Any]] | None = None
    people: float = 1.0
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.layout is not None:
            for name, value in (("label", self.label != "label"), ("size", self.size is not None)):
                if value:
                    raise UsageError(f"[data] {name}: said by the layout; expected none.")
        if not 0 < self.people <= 1:
            raise off("data", "people", self.people, "a share in (0, 1]")
        if self.inputs is not None and not self.inputs:
            raise off("data", "inputs", [], 'one or more modalities, e.g. ["face", "voice"]')
        if isinstance(self.validation, float) and not 0 <= self.validation < 1:
            raise off("data", "validation", self.validation, "a share in [0, 1), or a path")
        if self.public_validation and not isinstance(self.validation, Path):
            what = "false, since these records are held out of the private data"
            raise off("data", "public_validation", True, what)
        if self.size is not None and not 4 <= self.size <= 1024:
            raise off("data", "size", self.size, "4 to 1024 pixels")
        if self.classes is not None and len(set(self.classes)) < max(2, len(self.classes)):
            raise off("data", "classes", list(self.classes), "two or more different names")


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """A network of the registry and its options, e.g. name = "cnn", hidden = 64."""

    name: str = "scatter-linear"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """How two models become one: each class probability weighted, or the plain mean."""

    method: str = "variance"

    def __post_init__(self) -> None:
        one_of("fusion", "method", self.method, FUSION)


@dataclass(frozen=True, slots=True)
class PrivacyPlan:
    """The promise.

    Attributes:
      epsilon: bound on the privacy loss of the whole run, both models of a fusion together; > 0.
        None only in mode "none".
      delta: in (0, 1); None for 1/(10 n), rounded down to one digit, n records trained on.
      clipping: "per-layer" or "flat".
      thresholds: one fixed norm > 0 that every gradient is cut to, or "quantile" for private ones
        that follow the gradients. A fixed small one needs no tuning here: steps are in its units.
      quantile: share of the gradients that shall pass unclipped, in (0, 1).
      mode: "sound"; "none": no clipping and no noise; or "paper": the noise as printed there. The
        last two promise nothing, and the result says so.
    """

    epsilon: float | None = None
    delta: float | None = None
    clipping: str = "per-layer"
    thresholds: float | str = 1.0
    quantile: float = 0.5
    mode: str = "sound"

    def __post_init__(self) -> None:
        one_of("privacy", "mode", self.mode, MODES)
        if self.mode == "none" and self.epsilon is not None:
            raise off("privacy", "epsilon", self.epsilon, 'none, where mode = "none"')
        if self.mode != "none" and self.epsilon is None:
            raise UsageError("[privacy] epsilon: missing; expected e.g. epsilon = 3.0.")
        positive("privacy", **({} if self.epsilon is None else {"epsilon": self.epsilon}))
        if self.delta is not None and not 0 < self.delta < 1:
            raise off("privacy", "delta", self.delta, "a number between 0 and 1, far below 1/n")
        one_of("privacy", "clipping", self.clipping, CLIPPING)
        if isinstance(self.thresholds, str) and self.thresholds != QUANTILE:
            raise off("privacy", "thresholds", self.thresholds, '"quantile" or a number > 0')
        if isinstance(self.thresholds, float):
            positive("privacy", thresholds=self.thresholds)
        if not 0 < self.quantile < 1:
            raise off("privacy", "quantile", self.quantile, "a number between 0 and 1")

    @property
    def budget(self) -> float:
        """Epsilon, where there is one.

        Raises:
          ValueError: in mode "none".
        """
        if self.epsilon is None:
            raise ValueError("expected a mode with a budget.")
        return self.epsilon


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train.

    Attributes:
      epochs: expected passes over the records, >= 1.
      batch_size: expected records a step; None for a twentieth of them, 32 to 4096.
      physical_batch: records in memory at once, >= 1; changes speed, not the result's promise.
      learning_rate: None for the optimizer's own default here.
      optimizer: "adam" or "sgd".
      momentum: of "sgd", in [0, 1).
      seed: of the first weights and the views; the noise has a secret of its own.
      augment: randomly shifted views of a record, averaged before clipping; 1 for none.
      flip: views may also be mirrored.
      averaging: decay in [0, 1) of the running mean of weights that is released; 0 for the last.
    """

    epochs: int = 20
    batch_size: int | None = None
    physical_batch: int = 128
    learning_rate: float | None = None
    optimizer: str = "adam"
    momentum: float = 0.9
    seed: int = 0
    augment: int = 1
    flip: bool = False
    averaging: float = 0.95

    def __post_init__(self) -> None:
        positive("training", epochs=self.epochs, physical_batch=self.physical_batch)
        positive("training", augment=self.augment)
        if self.batch_size is not None:
            positive("training", batch_size=self.batch_size)
        if self.learning_rate is not None:
            positive("training", learning_rate=self.learning_rate)
        one_of("training", "optimizer", self.optimizer, OPTIMIZERS)
        for name in ("momentum", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise off("training", name, getattr(self, name), "a number in [0, 1)")
        if not 0 <= self.seed < 2**63:
            raise off("training", "seed", self.seed, "a whole number >= 0")


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. Equal plans over equal records are the same job."""

    data: DataPlan
    privacy: PrivacyPlan
    models: tuple[ModelPlan, ...] = (ModelPlan(),)
    fusion: FusionPlan | None = None
    training: TrainingPlan = field(default_factory=TrainingPlan)

    def __post_init__(self) -> None:
        if len(self.models) not in {1, 2}:
            raise UsageError(f"[model]: {len(self.models)} models; expected one, or two to fuse.")
        if self.fusion is not None and len(self.models) == 1:
            raise UsageError("[fusion]: there is one model; expected two [[model]] tables.")
        if self.fusion is None and len(self.models) == 2:
            object.__setattr__(self, "fusion", FusionPlan())
        method = None if self.fusion is None else self.fusion.method
        joint = [one.name for one in self.models if one.name in {RECOGNISER, MULTIMODAL}]
        if joint and len(self.models) == 2:
            raise UsageError(f"[model]: a {joint[0]} model is trained alone; expected one [model].")
        if self.data.layout is not None and joint != [MULTIMODAL]:
            raise UsageError(
                f'[data] layout: read as several modalities; expected [model] name "{MULTIMODAL}".'
            )
        if joint and self.data.inputs is None and self.data.layout is None:
            raise UsageError(
                f'[data] inputs: missing; a {joint[0]} reads modalities, e.g. inputs = ["face", '
                '"voice"].'
            )
        if self.data.inputs is not None and not joint:
            raise UsageError(
                f"[data] inputs: {self.models[0].name} reads pictures alone; expected [model] name "
                f'"{RECOGNISER}" or "{MULTIMODAL}".'
            )
        if self.data.people < 1 and joint != [RECOGNISER]:
            raise off("data", "people", self.data.people, "1 for anything but a recogniser")
        if method == "inverse error" and self.data.validation == 0:
            raise UsageError(
                "[fusion] method: inverse error weighs by held-out records; expected "
                "[data] validation > 0, or another method."
            )

    @staticmethod
    def read(path: Path, *, data: Path | None = None) -> Plan:
        """The plan in a TOML file; paths in it are relative to its folder.

        Args:
          path: of the file.
          data: of the records, in place of what it says.

        Raises:
          UsageError: not TOML, or a key or value that a plan does not know.
        """
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"plan: {type(error).__name__} while reading; expected a TOML file."
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"plan: not TOML: {error}.") from None
        return Plan.of(table, folder=path.parent, data=data)

    @staticmethod
    def of(table: Mapping[str, Any], *, folder: Path = Path(), data: Path | None = None) -> Plan:
        """The plan that a table says, as `read` from TOML."""
        known = ("data", "model", "fusion", "privacy", "training")
        for name in table:
            known_key("plan", name, known)
        for name in ("data", "privacy"):
            if name not in table:
                raise UsageError(f"plan: no [{name}]; expected a table of that name.")
        return Plan(
            data=_data(as_table("data", table["data"]), folder, data),
            privacy=section("privacy", PrivacyPlan, table["privacy"]),
            models=_models(table.get("model", {})),
            fusion=section("fusion", FusionPlan, table["fusion"]) if "fusion" in table else None,
            training=section("training", TrainingPlan, table.get("training", {})),
        )

    def public(self) -> dict[str, Any]:
        """Everything but the paths, as JSON."""
        data = asdict(self.data)
        del data["path"]
        if self.data.layout is None:
            del data["layout"]  # jobs of plans without one keep their names
        if isinstance(self.data.validation, Path):
            data["validation"] = "other records"
        return {
            "data": data,
            "model": [{"name": one.name, **one.options} for one in self.models],
            "fusion": None if self.fusion is None else asdict(self.fusion),
            "privacy": asdict(self.privacy),
            "training": asdict(self.training),
        }

    def fingerprint(self, *parts: str) -> str:
        """Hex that names the job: this plan without its paths, and `parts` (hashes, versions)."""
        text = json.dumps([self.public(), *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _data(table: Mapping[str, Any], folder: Path, path: Path | None) -> DataPlan:
    values = dict(table)
    held_out = values.get("validation")
    if isinstance(held_out, str):
        values["validation"] = folder / held_out
    if isinstance(values.get("path"), str):
        values["path"] = folder / values["path"]
    if path is not None:
        values["path"] = path
    if isinstance(values.get("inputs"), list):
        values["inputs"] = {str(name): {} for name in values["inputs"]}  # all by default options
    if isinstance(values.get("classes"), list):
        values["classes"] = tuple(str(name) for name in values["classes"])
    return section("data", DataPlan, values)


def _models(value: Any) -> tuple[ModelPlan, ...]:
    tables = value if isinstance(value, list) else [value]
    found = []
    for table in tables:
        options = dict(as_table("model", table))
        name = options.pop("name", ModelPlan().name)
        if not isinstance(name, str):
            raise off("model", "name", name, "the name of a model")
        found.append(ModelPlan(name, options))
    return tuple(found)
