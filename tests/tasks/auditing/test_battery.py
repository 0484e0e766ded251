# SPDX-License-Identifier: Apache-2.0
"""What fits into the time is tried, what does not is said, and a killed audit goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polyveil.assess.measure import Measure
from polyveil.attack.result import AttackResult
from polyveil.attack.threat import Threat
from polyveil.errors import UsageError
from polyveil.interval import clopper_pearson
from polyveil.report.audit import Claim
from polyveil.tasks.auditing.battery import Step, carry_out, judged, planned
from polyveil.tasks.auditing.kept import Found, Kept
from polyveil.tasks.events import Event, Note, RecordDone, StageStarted, silence

THREAT = Threat("membership", "a guesser", "answers", "the population", risk="inference")


def result(name: str, hits: int = 100, p: float | None = 1e-6) -> AttackResult:
    figure = Measure("hits", clopper_pearson(hits, 1000), baseline={"chance": 0.05})
    arrays = {"scores": np.arange(3)}
    return AttackResult(name, THREAT, figure, "It guessed.", p_value=p, arrays=arrays)


def step(
    name: str,
    *,
    least: float = 0.0,
    share: float = 1.0,
    run: Callable[[float], Found] | None = None,
) -> Step:
    return Step(
        name, (THREAT,), share, lambda: least, run or (lambda _: Found((result(name),)))
    )  # fmt: skip


def fresh() -> Kept:
    return Kept(None, "")


def test_every_step_that_fits_is_run_and_told() -> None:
    events: list[Event] = []
    steps = [step("one"), step("two")]
    outcome = carry_out(steps, minutes=1, kept=fresh(), on_event=events.append)
    assert [one.attack for one in outcome.attacks] == ["one", "two"]
    assert set(outcome.seconds) == {"one", "two"}
    assert events[0] == StageStarted("audit", 2)
    assert Note("one: leak demonstrated.") in events
    assert events.count(RecordDone("audit")) == 2


def test_what_does_not_fit_is_skipped_with_the_minutes_that_it_needs() -> None:
    outcome = carry_out(
        [step("long", least=300), step("short")], minutes=1, kept=fresh(), on_event=silence
    )
    (skipped,) = outcome.skipped
    assert skipped.attack == "long"
    assert "allow 7 more minutes" in skipped.reason
    assert [one.attack for one in outcome.attacks] == ["short"]
    assert outcome.untested[0].threat == THREAT


def test_time_that_one_step_leaves_goes_to_the_next() -> None:
    allowed: list[float] = []

    def note(seconds: float) -> Found:
        allowed.append(seconds)
        return Found()

    carry_out(
        [step("a", run=note, share=1), step("b", run=note, share=3)],
        minutes=1, kept=fresh(), on_event=silence,
    )  # fmt: skip
    assert allowed[0] == pytest.approx(15, abs=0.5)
    assert allowed[1] == pytest.approx(60, abs=0.5)


def test_an_attack_that_cannot_be_carried_out_stops_no_other() -> None:
    def refuse(_: float) -> Found:
        raise UsageError("model: a logit is not a finite number.\nmore")

    outcome = carry_out(
        [step("broken", run=refuse), step("whole")], minutes=1, kept=fresh(), on_event=silence
    )
    assert outcome.skipped[0].reason == (
        "it stopped with UsageError: model: a logit is not a finite number."
    )
    assert [one.attack for one in outcome.attacks] == ["whole"]


def test_all_attacks_are_judged_together() -> None:
    weak = judged([result(f"{n}", hits=80, p=0.02) for n in range(5)])
    assert {one.verdict for one in weak} == {"inconclusive"}
    alone = judged([result("1", hits=80, p=0.02), result("no test", p=None)])
    assert alone[0].verdict == "leak demonstrated"


def test_a_killed_audit_runs_only_what_was_left(tmp_path: Path) -> None:
    runs: list[str] = []
    claim = Claim("ε = 1", "accountant", epsilon=1.0, verdict="not refuted", sentence="It holds.")

    def run(name: str, *, killed: bool = False) -> Callable[[float], Found]:
        def really(_: float) -> Found:
            runs.append(name)
            if killed:
                raise KeyboardInterrupt
            return Found((result(name),), (claim,))

        return really

    with pytest.raises(KeyboardInterrupt):
        carry_out(
            [step("one", run=run("one")), step("two", run=run("two", killed=True))],
            minutes=1, kept=Kept(tmp_path, "x"), on_event=silence,
        )  # fmt: skip
    kept = Kept(tmp_path, "x")
    steps = [step("one", run=run("one")), step("two", run=run("two"))]
    outcome = carry_out(steps, minutes=1, kept=kept, on_event=silence)
    assert runs == ["one", "two", "two"]
    assert [one.attack for one in outcome.attacks] == ["one", "two"]
    assert outcome.claims == (claim, claim)
    assert outcome.attacks[0].headline == result("one").headline
    kept.forget()
    assert not list(tmp_path.iterdir())


def test_a_folder_at_work_on_another_audit_is_refused(tmp_path: Path) -> None:
    Kept(tmp_path, "x")
    with pytest.raises(UsageError, match="another target"):
        Kept(tmp_path, "y")


def test_what_is_kept_holds_no_record(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "x")
    kept.keep("Step: one!", Found((result("one"),)))
    (file,) = (tmp_path / ".polyveil").glob("step-*")
    assert file.name == "step-one-.json"
    assert "scores" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_dry_run_says_what_would_be_tried() -> None:
    started = time.process_time()
    outcome = planned([step("one", least=10), step("long", least=500)], minutes=1)
    assert time.process_time() - started < 1
    assert outcome.skipped[0].reason == "dry run: it would be tried for about 30 s"
    assert "it takes about 500 s" in outcome.skipped[1].reason
    assert not outcome.attacks
