# SPDX-License-Identifier: Apache-2.0
"""What a finished run leaves: weights, card, curves and the result, no path and no pickle.

weights.safetensors (weights-1, weights-2 of two)   model_card.md
curves.png  curves.svg                              result.json, written last
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from polyveil.errors import UsageError, WeightsError
from polyveil.learn.curves import draw
from polyveil.learn.model_card import model_card
from polyveil.learn.outcome import TrainReport
from polyveil.learn.run_folder import RESULT, RunFolder


def weights_file(number: int, of: int) -> str:
    """Name of the file of the number-th model's weights."""
    return "weights.safetensors" if of == 1 else f"weights-{number}.safetensors"


def write_result(
    folder: RunFolder,
    report: TrainReport,
    weights: Mapping[str, Mapping[str, Tensor]],
    job: str,
    others: Mapping[str, bytes] | None = None,
) -> None:
    """Everything, each file at once; a result.json says that the others are there.

    Args:
      weights: file name -> state of a network.
      job: fingerprint of plan and data, by which the same job knows its result.
      others: file name -> content of what else belongs to the result.
    """
    for name, content in (others or {}).items():
        folder.write(name, content)
    for name, state in weights.items():
        folder.write(name, save({key: value.contiguous() for key, value in state.items()}))
    guarantee = report.guarantee
    pictures = draw(
        {_name(report, at): one.history for at, one in enumerate(report.models)},
        blur=report.data.blur,
        classes=len(report.data.classes),
        delta=None if guarantee is None else guarantee.delta,
    )
    for name, content in pictures.items():
        folder.write(name, content)
    folder.write("model_card.md", model_card(report).encode())
    text = json.dumps({"job": job, **report.to_json()}, indent=2, ensure_ascii=False)
    folder.write(RESULT, f"{text}\n".encode())


def read_result(out: Path, job: str) -> TrainReport | None:
    """The report of a finished run; None where there is none yet.

    Raises:
      UsageError: it is the result of another plan or other data, or was changed.
    """
    path = out / RESULT
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        made_by = values.pop("job")
        report = TrainReport.from_json(values)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"out: {RESULT} is damaged. Choose a new folder.") from None
    if made_by != job:
        raise UsageError(
            "out: the folder holds the result of another plan or other data. Nothing was spent. "
            "Choose another folder for a new run."
        )
    return report


def load_weights(network: nn.Module, file: Path) -> nn.Module:
    """The network with a run's weights, in evaluation mode.

    Raises:
      WeightsError: they are missing, damaged, of another network, or no numbers.
    """
    try:
        state = load_file(file)
        network.load_state_dict(state)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"{file.name}: {type(error).__name__}; expected the weights that the run wrote."
        ) from None
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise WeightsError(
            f"{file.name}: NaN or infinite; the training went astray. Train again with a smaller "
            "learning rate."
        )
    return network.eval()


def _name(report: TrainReport, at: int) -> str:
    names = [one.name for one in report.models]
    if len(names) == 1:
        return ""
    return names[at] if len(set(names)) == len(names) else f"{names[at]} {at + 1}"
