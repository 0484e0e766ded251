# SPDX-License-Identifier: Apache-2.0
"""The page that goes with trained weights: what they are, what is promised, what is not.

Source: Mitchell et al., FAT* 2019, https://arxiv.org/abs/1810.03993 (model cards);
NIST SP 800-226 (what a statement of differential privacy has to say).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyveil.learn.history import Measured
from polyveil.learn.outcome import ModelFacts, TrainReport, duration

_SHOWN = 12
"""Rows of a table by epoch; of longer ones, evenly chosen epochs, always the last."""

LIMITS = (
    "The promise is about one record. Who stands behind several records is protected less: by at "
    "most that many times ε, with a larger δ.",
    "It bounds what the weights tell about any one record. It does not hide what is true of many "
    "records together, and it says nothing about the accuracy for small groups, which noise and "
    "clipping lower more than the mean.",
    "How many records there are, their size and the names of the classes are taken to be public.",
    "Settings that were chosen by trying them on the same records are further releases; the ledger "
    "charges every run, so trials are charged if they were made with it.",
    "Noise is drawn in floating point from a cryptographic generator; the lowest bits of floating-"
    "point sums are not covered by the proof.",
)
_FUSING = {
    "variance": " `weights` are `fusion.variance_weights(each.detach().numpy())`.",
    "inverse error": " `weights` are `fusion.inverse_error_weights` of the figures above.",
    "mean": " `weights` is None.",
}
_RECOGNISING = """`recogniser.onnx` runs without torch and takes any number of records; \
`recogniser.json` says how records become its inputs. Codes are sampled: whoever feeds zeros as \
noise switches the protection of the code off.

```sh
polyveil calibrate PEOPLE --encoder RUN --out RECOGNISER
polyveil enroll PEOPLE --recogniser RECOGNISER --gallery gallery.db
```"""
_CLASSIFYING = """`classifier.json` says how records become its inputs, the network’s sizes, and \
how modalities are weighed where held-out labels could choose that.

```sh
polyveil predict RUN DATA --out answers.jsonl
polyveil predict RUN DATA --out answers.jsonl --validation LABELLED   # weights chosen on these
```

```python
from safetensors.torch import load_file
from polyveil.inputs import FrontEnd
from polyveil.models.multimodal import MultimodalClassifier, MultimodalConfig

facts = json.loads(Path("classifier.json").read_text())
ends = {name: FrontEnd.from_json(one) for name, one in facts["inputs"].items()}
model = MultimodalClassifier(MultimodalConfig.from_json(facts["config"])).eval()
model.load_state_dict(load_file("weights.safetensors"))
scores = model({name: torch.from_numpy(end.read(record))[None] for name, end in ends.items()})
```"""
UNSAFE = (
    "There is no differential-privacy guarantee: whoever has these weights may learn about single "
    "records. Treat them like the records.",
)


def model_card(report: TrainReport) -> str:
    """The card as Markdown; says nothing of the machine's paths or the records' files."""
    names = " + ".join(one.name for one in report.models)
    sections = [
        f"# {names}, trained {'privately' if report.guarantee else 'without a guarantee'}",
        _lead(report),
        f"## Guarantee\n\n{report.promise}" + _proof(report),
        f"## Data\n\n{_data(report)}",
        f"## Network\n\n{_networks(report.models)}",
        f"## How good it is\n\n{_figures(report)}",
        f"## Limits\n\n{_bullets((*(LIMITS if report.guarantee else UNSAFE), *_remarks(report)))}",
        f"## Use\n\n{_use(report)}",
        f"## Made by\n\n{_made_by(report)}",
    ]
    return "\n\n".join(sections) + "\n"


def _remarks(report: TrainReport) -> list[str]:
    return [f"{one[:1].upper()}{one[1:].rstrip('.')}." for one in report.remarks]


def _lead(report: TrainReport) -> str:
    read = ", ".join(
        f"{name} {' × '.join(map(str, shape))}" for name, shape in report.data.inputs.items()
    )
    if read and not report.of_people:
        return (
            f"Tells {len(report.data.classes)} classes apart by {read}, or by whichever of these "
            "are there."
        )
    if read:
        return (
            f"Recognises people by {read}, or by whichever of these are there. Trained to tell "
            f"{len(report.data.classes)} people apart; its embeddings are for others too, whom "
            "`polyveil calibrate` sets thresholds for."
        )
    channels, height, width = report.data.shape
    colour = {1: "grey", 3: "RGB"}.get(channels, f"{channels}-channel")
    return (
        f"Tells {len(report.data.classes)} classes of {height} × {width} {colour} pictures apart."
    )


def _proof(report: TrainReport) -> str:
    if report.guarantee is None:
        return ""
    rows = [
        f"| {one.name} | {one.steps:,} | {one.rate:.4g} | {one.noise_multiplier:.4g} |"
        for one in report.models
    ]
    table = "\n".join(
        ["| model | noised steps | sampling rate | noise multiplier |", "|---|---|---|---|", *rows]
    )
    return (
        "\n\nHow it comes about: every step draws each record by itself with the sampling rate, "
        "shortens its gradient to a threshold, adds all of them and then normal noise of standard "
        f"deviation *noise multiplier × sensitivity*.\n\n{table}"
    )


def _data(report: TrainReport) -> str:
    data = report.data
    shown = ", ".join(data.classes[:30]) + (" …" if len(data.classes) > 30 else "")
    classes = f"People: {len(data.classes)}, under keyed names." if report.of_people else ""
    lines = [
        f"{data.records:,} records trained on; {data.held_out:,} held out.",
        f"Known to their owner as `{data.token}`, a keyed name that tells others nothing. "
        "Their licence is not known to polyveil.",
        classes or f"Classes: {shown}.",
    ]
    refused = sum(report.refused.values())
    if refused:
        lines.append(f"{refused:,} records could not be used and were refused.")
    return _bullets(lines)


def _networks(models: Sequence[ModelFacts]) -> str:
    rows = ["| network | parameters | MFLOPs a record | weights |", "|---|---|---|---|"]
    rows += [
        f"| {one.name} | {one.parameters:,} | {one.flops / 1e6:,.2f} | `{one.file}` |"
        for one in models
    ]
    options = [f"Options of {one.name}: {_pairs(one.options)}." for one in models if one.options]
    note = "A multiply-add counts as two operations."
    return "\n".join(rows) + "\n\n" + " ".join([note, *options])


def _figures(report: TrainReport) -> str:
    if report.best is None and not any(one.history for one in report.models):
        return "Nothing was measured: no record was held out."
    parts = [report.data.measured]
    for one in report.models:
        title = f"**{one.name}**\n\n" if len(report.models) > 1 else ""
        if one.history:
            parts.append(title + _by_epoch(one.history))
    if report.fused is not None:
        method = report.settings["fusion"]["method"]
        parts.append(f"**Both, fused by {method}**\n\n" + _by_epoch([report.fused]))
    return "\n\n".join([*parts, "![Accuracy, loss and epsilon by epoch](curves.png)"])


def _by_epoch(history: Sequence[Measured]) -> str:
    chosen = _spread(history)
    columns = {
        "epoch": lambda one: f"{one.epoch:.3g}",
        "top-1": lambda one: f"{one.top1:.1%}",
        "top-5": lambda one: f"{one.top5:.1%}",
        "loss": lambda one: f"{one.loss:.3f}",
        "ε spent": lambda one: f"{one.epsilon:.3f}",
    }
    fields = ("epoch", "top1", "top5", "loss", "epsilon")
    kept = [
        name
        for name, of in zip(columns, fields, strict=True)
        if any(getattr(one, of) is not None for one in chosen)
    ]
    of_name = dict(zip(columns, fields, strict=True))
    rows = [
        ["" if getattr(one, of_name[name]) is None else columns[name](one) for name in kept]
        for one in chosen
    ]
    lines = [kept, ["---:"] * len(kept), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _spread(history: Sequence[Measured]) -> list[Measured]:
    if len(history) <= _SHOWN:
        return list(history)
    last = len(history) - 1
    return [history[round(at * last / (_SHOWN - 1))] for at in range(_SHOWN)]


def _use(report: TrainReport) -> str:
    """Code that loads the weights and gives class scores."""
    if report.data.inputs:
        return _RECOGNISING if report.of_people else _CLASSIFYING
    two = len(report.models) > 1
    channels, height, width = report.data.shape
    shape, classes = f"({channels}, {height}, {width})", len(report.data.classes)
    lines = [
        "from safetensors.torch import load_file",
        "from polyveil.models.registry import build",
    ]
    if two:
        lines.append("from polyveil.models import fusion")
    lines += ["", "inputs = pixels.float() / 127.5 - 1"]
    for at, one in enumerate(report.models, start=1):
        options = "".join(f", {name}={value!r}" for name, value in one.options.items())
        name = f"model_{at}" if two else "model"
        lines.append(f'{name} = build("{one.name}", {shape}, {classes}{options}).eval()')
        lines.append(f'{name}.load_state_dict(load_file("{one.file}"))')
    if two:
        lines.append("each = torch.stack([m(inputs).softmax(1) for m in (model_1, model_2)])")
        lines.append("probabilities = fusion.fuse(each.detach().numpy(), weights)")
    else:
        lines.append("scores = model(inputs)")
    code = "\n".join(lines)
    fusing = _FUSING[report.settings["fusion"]["method"]] if two else ""
    return (
        f"Pixels 0 to 255 become −1 to 1; nothing else was done to the pictures.{fusing}\n\n"
        f"```python\n{code}\n```"
    )


def _made_by(report: TrainReport) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    started = f"{report.started}, in {duration(report.seconds)}"
    table = [
        f"Run `{report.run}`, {started}.",
        f"Command: `{report.command}`.",
        f"Versions: {versions}.",
        f"Settings: {_settings(report.settings)}.",
    ]
    return _bullets(table)


def _settings(settings: Any) -> str:
    sections = [
        f"[{name}] {_pairs(settings[name])}"
        for name in ("data", "privacy", "training")
        if settings.get(name)
    ]
    return "; ".join(sections)


def _pairs(values: Any) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items() if value is not None)


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
