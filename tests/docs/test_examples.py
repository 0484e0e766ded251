# SPDX-License-Identifier: Apache-2.0
"""Examples run as they are, and the README quotes what they do."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import polyveil

ROOT = Path(__file__).resolve().parents[2]


def test_a_network_of_ones_own_trains_privately(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "own_network.py"))
    said = capsys.readouterr().out
    found = re.match(r"(\d+\.\d)% of 297 digits", said)
    assert found is not None and float(found[1]) > 75
    assert "Differential privacy with ε = 3" in said


def test_a_recogniser_of_three_inputs_is_ready_for_its_audit() -> None:
    model = runpy.run_path(str(ROOT / "examples" / "audited_recogniser.py"))["audited"]()
    assert list(model.others.inputs) == ["face", "voice", "typing"]
    assert model.classifier.is_random(model.others.inputs)
    assert float(model.classifier.correct(model.others).double().mean()) > 0.6
    assert model.embed(model.others.at(slice(0, 3)).inputs).shape == (3, 32)


def test_a_model_of_ones_own_is_audited() -> None:
    report = polyveil.audit(ROOT / "examples" / "audited_model.py", minutes=0.1)
    assert report.system.facts["inputs"] == "image, sound"
    assert {stage.stage for stage in report.times} >= {"membership", "evasion", "extraction"}
    assert report.attacks


@pytest.mark.parametrize("page", ["README.md", "docs/engine.md"])
def test_pages_show_the_lines_that_the_example_runs(page: str) -> None:
    example = (ROOT / "examples" / "own_network.py").read_text(encoding="utf-8")
    for line in (
        "for inputs, targets in private.batches():",
        'private.backward(F.cross_entropy(model(inputs), targets, reduction="none"))',
        "optimizer.step()",
    ):
        assert line in example and line in (ROOT / page).read_text(encoding="utf-8")
