# SPDX-License-Identifier: Apache-2.0
"""A plan says what it means: a key or a value that nobody knows is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyveil.errors import UsageError
from polyveil.learn.plan import Plan

SHORTEST = '[data]\npath = "pictures"\n[privacy]\nepsilon = 3\n'


def plan(**sections: Any) -> Plan:
    return Plan.of({"data": {"path": "p"}, "privacy": {"epsilon": 1.0}, **sections})


def test_the_shortest_plan_is_enough(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(SHORTEST)
    read = Plan.read(tmp_path / "plan.toml")
    assert read.data.path == tmp_path / "pictures" and read.privacy.epsilon == 3.0
    assert read.training.epochs > 0 and read.models[0].name and read.fusion is None


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("privacy", {"epsilon": 3.0, "epsillon": 1}, "unknown key epsillon; did you mean epsilon"),
        ("training", {"epoch": 3}, "did you mean epochs"),
        ("data", {"path": "p", "labels": "x"}, "did you mean label"),
        ("privacy", {}, r"\[privacy\] epsilon: missing"),
        ("data", {}, r"\[data\] path: missing"),
        ("privacy", {"epsilon": 0.0}, "epsilon: 0.0; expected a number > 0"),
        ("privacy", {"epsilon": float("nan")}, "expected a number > 0"),
        ("privacy", {"epsilon": "3"}, "expected a number"),
        ("privacy", {"epsilon": 3.0, "delta": 1.0}, "delta: 1.0"),
        ("privacy", {"epsilon": 3.0, "clipping": "per layer"}, "did you mean per-layer"),
        ("privacy", {"epsilon": 3.0, "thresholds": "median"}, '"quantile" or a number'),
        ("privacy", {"epsilon": 3.0, "quantile": 1.0}, "between 0 and 1"),
        ("training", {"epochs": 2.5}, "expected a whole number"),
        ("training", {"epochs": True}, "expected a whole number"),
        ("training", {"optimizer": "adamw"}, "did you mean adam"),
        ("training", {"averaging": 1.0}, r"a number in \[0, 1\)"),
        ("data", {"path": "p", "validation": 1.0}, "a share"),
        ("data", {"path": "p", "public_validation": True}, "held out of the private data"),
        ("data", {"path": "p", "classes": ["a", "a"]}, "different names"),
        ("model", [{}, {}, {}], "3 models"),
        ("fusion", {"method": "mean"}, r"two \[\[model\]\] tables"),
        ("model", "cnn", "expected a table"),
    ],
)
def test_what_a_plan_does_not_know_is_refused(section: str, values: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan(**{section: values})


def test_an_unknown_section_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown key trainings; did you mean training"):
        plan(trainings={})


def test_inverse_error_needs_held_out_records() -> None:
    with pytest.raises(UsageError, match="inverse error"):
        plan(
            data={"path": "p", "validation": 0.0},
            model=[{}, {}],
            fusion={"method": "inverse error"},
        )


def test_broken_toml_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[data\n")
    with pytest.raises(UsageError, match="not TOML"):
        Plan.read(tmp_path / "plan.toml")
    with pytest.raises(UsageError, match="FileNotFoundError"):
        Plan.read(tmp_path / "absent.toml")


@given(st.floats(0.01, 100), st.integers(1, 1000), st.integers(0, 2**40))
def test_equal_plans_are_the_same_job_and_others_are_not(
    epsilon: float, epochs: int, seed: int
) -> None:
    def make(epochs: int) -> Plan:
        return plan(privacy={"epsilon": epsilon}, training={"epochs": epochs, "seed": seed})

    assert make(epochs).fingerprint("data") == make(epochs).fingerprint("data")
    assert make(epochs).fingerprint("data") != make(epochs + 1).fingerprint("data")
    assert make(epochs).fingerprint("data") != make(epochs).fingerprint("other data")


def test_no_path_is_public() -> None:
    made = plan(data={"path": "/home/ann/scans", "validation": "/home/ann/held"})
    assert "ann" not in str(made.public()) and "ann" not in repr(made)
