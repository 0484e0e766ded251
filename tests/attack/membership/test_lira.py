# SPDX-License-Identifier: Apache-2.0
"""LiRA agrees with TensorFlow Privacy, and says what its formula says."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats
from table_world import World, a_study, a_target

from polyveil.attack.membership import Lira
from polyveil.attack.membership.lira import Normal, fitted
from polyveil.attack.membership.signal import signals
from polyveil.errors import UsageError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lira_tf_privacy.json").read_text())
ARRAYS = {name: np.array(GOLDEN[name]) for name in ("margins", "target", "logits", "labels")}
KEEP = np.array(GOLDEN["keep"], dtype=bool)


def ours(option: str, margins: Any, keep: Any, target: Any, *, pooled: bool) -> Any:
    """In TensorFlow Privacy's convention: members have small values."""
    out = fitted(margins, ~keep, pooled=pooled).log_density(target)
    if option == "out":
        return out
    return out - fitted(margins, keep, pooled=pooled).log_density(target)


@pytest.mark.parametrize("option", ["both", "out"])
@pytest.mark.parametrize("spread", ["pooled", "each"])
def test_scores_agree_with_tensorflow_privacy(option: str, spread: str) -> None:
    found = ours(option, ARRAYS["margins"], KEEP, ARRAYS["target"], pooled=spread == "pooled")
    theirs = np.array(GOLDEN["scores"][f"{option}, {spread}"])
    assert np.abs(found - theirs).max() <= 1e-9


def test_the_margin_agrees_with_tensorflow_privacy() -> None:
    found = signals(ARRAYS["logits"], ARRAYS["labels"]).margin
    assert np.abs(found - np.array(GOLDEN["statistic"])).max() <= 1e-9


def test_scores_agree_with_tensorflow_privacy_live() -> None:
    peer = a_live_peer()
    draw = np.random.default_rng(5)
    for pooled in (True, False):
        keep = np.zeros((6, 50), dtype=bool)
        for row in (0, 2, 4):
            keep[row, draw.permutation(50)[:25]] = True
            keep[row + 1] = ~keep[row]
        margins, target = draw.normal(size=(6, 50)), draw.normal(size=50)
        inside = [margins[keep[:, at], at][:, None] for at in range(50)]
        outside = [margins[~keep[:, at], at][:, None] for at in range(50)]
        for option in ("both", "out"):
            theirs = peer.compute_score_lira(
                target[:, None], inside, outside, option=option, fix_variance=pooled
            )
            found = ours(option, margins, keep, target, pooled=pooled)
            assert np.abs(found - theirs).max() <= 1e-9


def a_live_peer() -> ModuleType:
    """One file of TensorFlow Privacy; the function that it imports is not used here."""
    file = os.environ.get("TF_PRIVACY_ADVANCED_MIA", "")
    if not Path(file).is_file():
        return pytest.importorskip(
            "tensorflow_privacy.privacy.privacy_tests.membership_inference_attack.advanced_mia",
            reason="set TF_PRIVACY_ADVANCED_MIA to advanced_mia.py",
            exc_type=ImportError,
        )
    name = "tensorflow_privacy.privacy.privacy_tests.utils"
    parts = [".".join(name.split(".")[:depth]) for depth in range(1, 5)]
    stand_in = {part: ModuleType(part) for part in parts}
    stand_in[name].log_loss = None  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("advanced_mia", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for part, empty in stand_in.items():
            patch.setitem(sys.modules, part, empty)
        spec.loader.exec_module(module)
    return module


def test_offline_is_the_chance_of_so_large_a_margin() -> None:
    law = Normal(np.array([0.0, 1.0, 0.0]), np.array([1.0, 2.0, 1.0]))
    margins = np.array([1.5, -2.0, 40.0])
    expected = -stats.norm.logsf((margins - law.centre) / law.spread)
    assert law.surprise(margins) == pytest.approx(expected, rel=1e-9)
    assert law.surprise(margins)[2] > 700, "a share would have rounded to 1"


def test_the_spread_is_pooled_below_64_models_and_own_from_there_on() -> None:
    world = World(records=90)
    answers = {}
    for models in (8, 64):
        study = a_study(world, models=models, with_twin=False)
        answers[models] = (study, study.ask(a_target(world)))
    for models, spread in ((8, "pooled"), (64, "each")):
        study, view = answers[models][0], answers[models][1].view
        assert np.array_equal(Lira(study).scores(view), Lira(study, spread=spread).scores(view))


def test_pooling_helps_with_few_models() -> None:
    """The reason for the switch: with 4 models each, an own spread is mostly noise."""
    world = World(records=1500)
    study = a_study(world, models=8, leak=0.6, with_twin=False)
    answers = study.ask(a_target(world, leak=0.6))
    areas = {}
    for spread in ("pooled", "each"):
        attack = Lira(study, spread=spread)
        areas[spread] = attack.analyse(attack.score(answers)).measures[0].estimate
    assert areas["pooled"] > areas["each"] + 0.02


def test_a_record_without_a_model_is_refused() -> None:
    with pytest.raises(UsageError, match="1 records without a model"):
        fitted(np.zeros((2, 3)), np.array([[True, True, False]] * 2), pooled=True)
