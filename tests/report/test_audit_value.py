# SPDX-License-Identifier: Apache-2.0
"""The audit as a value: its JSON comes back equal, gravest threats first, no word too much."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from audit_example import DISJOINT, MEMBERSHIP, attacks, example, members
from hypothesis import given, settings
from hypothesis import strategies as st

from polyveil.attack.guard import Guard
from polyveil.attack.result import Curve, Effort, Exposed
from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, EXIT_RISK_FOUND, UsageError
from polyveil.report import AuditReport, Claim, Interval, Measure, Skipped, System, Untested
from polyveil.report.audit import SCHEMA, from_json

words = st.text(max_size=30).filter(lambda text: "safe" not in text.lower())
finite = st.floats(-1e9, 1e9)
shares = st.floats(0.0, 1.0)


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return example()


def through_text(values: dict[str, Any]) -> Any:
    return json.loads(json.dumps(values, allow_nan=False))


def test_json_comes_back_equal(report: AuditReport) -> None:
    assert from_json(through_text(report.to_json())) == report


@settings(max_examples=40, deadline=None)
@given(
    estimate=shares,
    p_value=st.none() | shares,
    exposed=st.lists(st.tuples(words, finite, words), max_size=3),
    points=st.lists(st.tuples(finite, finite), min_size=1, max_size=5),
    epsilon=st.none() | st.floats(0, 1e6),
    effort=st.tuples(st.floats(0, 1e6), st.integers(0, 10**12), st.integers(1, 10**6)),
    facts=st.dictionaries(words, words | st.integers() | st.booleans() | st.none()),
)
def test_json_comes_back_equal_whatever_the_figures(
    estimate: float,
    p_value: float | None,
    exposed: list[tuple[str, float, str]],
    points: list[tuple[float, float]],
    epsilon: float | None,
    effort: tuple[float, int, int],
    facts: dict[str, Any],
) -> None:
    xs, ys = (tuple(side) for side in zip(*points, strict=True))
    one = replace(
        members("x", 20, 0.3, 0.1),
        headline=Measure("h", Interval(estimate, 0.0, 1.0, 7, "m"), baseline={"chance": 0.5}),
        p_value=p_value,
        exposed=tuple(Exposed(*one) for one in exposed),
        curves=(Curve("c", xs, ys, "x", "y"),),
        effort=Effort(effort[0], effort[1], 0, effort[2]),
    )
    whole = replace(
        example(),
        attacks=(one,),
        claims=(Claim("c", "s", epsilon, lower_bound=epsilon),),
        system=System("table", "d", "p", "f", facts),
    )
    assert from_json(through_text(whole.to_json())) == whole


def test_values_of_single_records_stay_out_of_the_json(report: AuditReport) -> None:
    values = report.to_json()
    assert all("arrays" not in one for one in values["attacks"])
    assert report.attacks[0].array("score").shape == (2000,)
    smuggled = through_text(values)
    smuggled["attacks"][0]["arrays"] = {"score": [1, 2]}
    assert from_json(smuggled).attacks[0].arrays == {}


def test_numbers_of_numpy_are_written_as_numbers(report: AuditReport) -> None:
    odd = replace(
        report.attacks[0],
        p_value=np.float32(0.25),
        effort=Effort(np.float64(1.0), np.int64(3)),
        guards=(Guard("g", "false alarm", np.bool_(True), "s"),),
    )
    written = through_text(replace(report, attacks=(odd,)).to_json())["attacks"][0]
    assert (written["p_value"], written["effort"]["queries"]) == (0.25, 3)
    assert written["guards"][0]["passed"] is True


def test_the_schema_is_named_and_others_are_refused(report: AuditReport) -> None:
    values = report.to_json()
    assert values["schema"] == SCHEMA == "polyveil.audit/1"
    assert values["exit_code"] == 1 and values["review_by"] == "2027-11-21"
    assert values["attacks"][0]["verdict"] == "leak demonstrated"
    for wrong in ({**values, "schema": "polyveil.report/1"}, [], {**values, "attacks": "many"}):
        with pytest.raises(UsageError, match="expected"):
            from_json(wrong)
    with pytest.raises(UsageError, match="attacks"):
        from_json({**values, "attacks": [1]})


def test_keys_of_a_later_version_are_ignored(report: AuditReport) -> None:
    assert from_json({**through_text(report.to_json()), "mood": "calm"}) == report


def test_the_gravest_threats_come_first(report: AuditReport) -> None:
    verdicts = [one.verdict for one in report.threats]
    assert verdicts == (
        ["leak demonstrated"] * 2
        + ["weakness demonstrated"]
        + ["inconclusive"] * 3
        + ["none detected"] * 3
        + ["not tested"] * 2
    )


def test_a_threat_is_as_grave_as_its_gravest_attack(report: AuditReport) -> None:
    found = next(one for one in report.threats if one.threat == MEMBERSHIP)
    assert [one.attack for one in found.attacks] == [
        "LiRA, offline, 16 shadow models",
        "RMIA, 4 reference models",
        "Population threshold",
    ]
    assert found.verdict == "leak demonstrated"
    assert found.sentence == found.attacks[0].sentence


def test_a_threat_that_was_attacked_is_not_untested(report: AuditReport) -> None:
    both = replace(report, untested=(Untested(MEMBERSHIP, "no time"),))
    assert [one.verdict for one in both.threats].count("not tested") == 0


def test_exit_codes(report: AuditReport) -> None:
    weak = [one for one in report.attacks if one.verdict != "leak demonstrated"]
    assert any(one.verdict == "weakness demonstrated" for one in weak)
    assert report.exit_code == EXIT_RISK_FOUND
    no_leak = replace(report, attacks=tuple(weak))
    assert no_leak.exit_code == EXIT_RISK_FOUND, "a claim is refuted"
    no_claim = replace(no_leak, claims=report.claims[:1])
    assert no_claim.exit_code == EXIT_RECORDS_REFUSED
    assert replace(no_claim, refusals=()).exit_code == EXIT_CLEAN
    assert replace(report, claims=()).exit_code == EXIT_RISK_FOUND


def test_one_result_is_found_by_its_name(report: AuditReport) -> None:
    assert report.attack("Text-to-face linkage").p_value is None
    with pytest.raises(KeyError, match="RMIA"):
        report.attack("nothing")


@pytest.mark.parametrize(
    "change",
    [
        {"warnings": ("The data are anonymous.",)},
        {"not_tested": ("It is SAFE otherwise.",)},
        {"skipped": lambda: (Skipped("a", "safely left out"),)},
        {"untested": lambda: (Untested(MEMBERSHIP, "anonymised before"),)},
        {"claims": lambda: (Claim("The data are anonymous.", "s"),)},
        {"system": lambda: System("table", "an anonymized table", "p", "f")},
        {"attacks": (replace(members("x", 20, 0.3, 0.1), sentence="It is safe."),)},
        {"attacks": (replace(members("x", 20, 0.3, 0.1), notes=("anonymous",)),)},
        {"attacks": (replace(members("x", 20, 0.3, 0.1), guards=(
            Guard("g", "false alarm", True, "safe"),)),)},
        {"utility": (Measure("anonymous accuracy", 0.5),)},
    ],
)  # fmt: skip
def test_no_sentence_claims_more_than_was_measured(
    report: AuditReport, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="claims more"):
        replace(report, **{k: v() if callable(v) else v for k, v in change.items()})


def test_names_of_the_system_are_quoted_and_not_judged(report: AuditReport) -> None:
    facts = {"column": "anonymous"}
    job = replace(report.job, settings=facts, versions={"safe": "1"})
    system = replace(report.system, facts=facts, hashes={"safe": "ab"})
    assert replace(report, job=job, system=system).system.facts == facts


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"p_value": float("nan")}, "p_value"),
        ({"exposed": (Exposed("record 1", float("inf"), "s"),)}, "score of record 1"),
        ({"curves": (Curve("c", (0.0, 1.0), (0.0, float("inf")), "x", "y"),)}, "y of curve c"),
        ({"curves": (Curve("c", (0.0, 1.0), (0.0,), "x", "y"),)}, "1 values of y"),
        ({"curves": (Curve("c", (0.0,), (0.0,), "x", "y", low=(0.0, 1.0)),)}, "2 values of low"),
    ],
)
def test_a_figure_that_is_not_finite_is_named(
    report: AuditReport, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        replace(report, attacks=(replace(attacks()[0], **change),))


def test_two_attacks_of_one_name_and_odd_claims_are_refused(report: AuditReport) -> None:
    with pytest.raises(ValueError, match="LiRA"):
        replace(report, attacks=report.attacks[:1] * 2)
    with pytest.raises(ValueError, match="lower_bound"):
        Claim("c", "s", 1.0, lower_bound=-0.1)
    with pytest.raises(ValueError, match="ceiling"):
        Claim("c", "s", 1.0, ceiling=float("inf"))


def test_the_terminal_gets_a_few_lines(report: AuditReport) -> None:
    lines = report.summary().split("\n")
    assert lines[0].startswith("Of 9 threats tested, 2 leak, 1 shows a weakness")
    assert lines[0].endswith("1 of 3 claims is refuted.")
    assert lines[-1] == "Not tested: 2 threats and 2 attacks; see report."
    assert any("a check of the attack failed (attacker converged)" in line for line in lines)
    assert "\u00a0" not in report.summary()
    bare = replace(report, attacks=(), untested=(), claims=(), skipped=(), warnings=())
    assert bare.summary() == "No threat was tested: nothing is known about what leaks."


def test_a_notebook_shows_it_and_runs_nothing(report: AuditReport) -> None:
    shown = report._repr_html_()
    assert shown.index("LiRA") < shown.index("Population threshold")
    evil = replace(report.attacks[0], attack="<script>x</script>", guards=(DISJOINT,))
    for page in (evil._repr_html_(), replace(report, attacks=(evil,))._repr_html_()):
        assert "<script" not in page and "&lt;script&gt;" in page
    assert "(2000,)" in evil._repr_html_()
