# SPDX-License-Identifier: Apache-2.0
"""The one result value of an audit: what was attacked, what was claimed, and what was shown.

Page, JSON, terminal and notebook are renderings of it. Values of single records stay with the
attacks in a notebook and enter none of the others.

Source: what a report must state: NIST SP 800-226 (claims), WP29 Opinion 05/2014 (the three risks).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from polyveil import _validate
from polyveil.assess.measure import Measure, Verdict
from polyveil.attack.result import SIGNIFICANCE, AttackResult
from polyveil.attack.splits import Part
from polyveil.attack.threat import Threat
from polyveil.errors import EXIT_CLEAN, EXIT_RECORDS_REFUSED, EXIT_RISK_FOUND, UsageError
from polyveil.report.codec import decode, encode
from polyveil.report.facts import Job, Refusals, Setting, StageTime, refuse_claim
from polyveil.report.result import review_date
from polyveil.report.threats import VERDICT_ORDER

SCHEMA = "polyveil.audit/1"

ClaimVerdict: TypeAlias = Literal["refuted", "not refuted", "not tested"]

_QUOTED = frozenset({"settings", "versions", "hashes", "facts", "command", "arrays", "shared"})
"""Fields that repeat names and values of the system and say nothing about it."""


@dataclass(frozen=True, slots=True)
class System:
    """What was attacked.

    Attributes:
      kind: e.g. "result folder of polyveil train", "torch module", "table".
      description: one or two plain sentences: what it is and does.
      data_subjects: whose data it was made from, e.g. "20,000 bank customers".
      release_form: what a recipient gets, e.g. "weights", "answers of an interface", "a table".
      facts: public facts, e.g. {"parameters": 61_706, "inputs": "image, sound"}.
      hashes: file -> SHA-256.
    """

    kind: str
    description: str
    data_subjects: str
    release_form: str
    facts: Mapping[str, Setting] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _refuse_claims("system", self)


@dataclass(frozen=True, slots=True)
class Claim:
    """One promise about the system, beside the evidence.

    Attributes:
      statement: the promise in one sentence, e.g. "One record changes any outcome at most 8-fold".
      source: the accountant that computed it, or who says so.
      epsilon, delta: the claimed parameters; None for a promise without.
      recomputed: epsilon as this audit computed it from the stated settings; None if it was not.
      lower_bound: epsilon that an attack has shown at least, with `confidence`; None if not tried.
      ceiling: the greatest bound that this attack could have shown: near it, silence says little.
      confidence: of the lower bound.
      verdict: "refuted" where recomputation or bound exceed the claim; a bound below it proves
        nothing.
      sentence: for a reader who is no engineer.
    """

    statement: str
    source: str
    epsilon: float | None = None
    delta: float | None = None
    recomputed: float | None = None
    lower_bound: float | None = None
    ceiling: float | None = None
    confidence: float = 0.95
    verdict: ClaimVerdict = "not tested"
    sentence: str = ""

    def __post_init__(self) -> None:
        for name in ("epsilon", "delta", "recomputed", "lower_bound", "ceiling"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"claim: expected {name} >= 0 and finite, got {value}.")
        _validate.probability(confidence=self.confidence)
        _refuse_claims("claim", self)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An attack that fits the system but was not run, and why: time, data, a missing extra."""

    attack: str
    reason: str

    def __post_init__(self) -> None:
        _refuse_claims("skipped", self)


@dataclass(frozen=True, slots=True)
class Untested:
    """A threat that no attack of this audit stands for, and why."""

    threat: Threat
    reason: str

    def __post_init__(self) -> None:
        _refuse_claims("untested", self)


@dataclass(frozen=True, slots=True)
class ThreatFinding:
    """What all attacks that stand for one threat came to.

    Attributes:
      threat: the attacker.
      verdict: the gravest of his attacks.
      sentence: of the attack that decides: the gravest, and the strongest evidence among those.
      attacks: all of them, the deciding one first; empty where none was run.
      disclosed: why a leak here is known and kept on purpose; "" where it is not.
    """

    threat: Threat
    verdict: Verdict
    sentence: str
    attacks: tuple[AttackResult, ...] = ()
    disclosed: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What `polyveil audit` tried, found and left out.

    Attributes:
      job: which program did what, when; verb "audit".
      system: what was attacked.
      attacks: carried out, each judged at the level that Holm's procedure leaves it.
      claims: promises beside their evidence.
      utility: clean utility, e.g. accuracy without any attack.
      skipped: attacks that would have fitted.
      untested: threats that no attack stands for.
      disclosed: threat -> why what he learns is known and kept on purpose; such a leak is shown
        like any other and does not set the exit code, for it is no news to whoever releases.
      parts, shared: proof that the splits are disjoint, as `attack.splits.prove_disjoint` gives it.
      significance: chance of a false accusation over all attacks together.
      minutes: time that the user allowed; 0 where no limit was set.
      refusals: records that could not be read, by kind.
      times: by stage.
      warnings: plain sentences, shown first.
      not_tested: what a reader could believe was tried, as plain sentences.

    Raises:
      ValueError: two attacks of one name, a figure that is not finite, or a sentence that promises
        what no measurement shows.
    """

    job: Job
    system: System
    attacks: tuple[AttackResult, ...] = ()
    claims: tuple[Claim, ...] = ()
    utility: tuple[Measure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    untested: tuple[Untested, ...] = ()
    disclosed: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    shared: Mapping[str, int] = field(default_factory=dict)
    significance: float = SIGNIFICANCE
    minutes: float = 0.0
    refusals: tuple[Refusals, ...] = ()
    times: tuple[StageTime, ...] = ()
    warnings: tuple[str, ...] = ()
    not_tested: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _validate.probability(significance=self.significance)
        _validate.not_negative(minutes=self.minutes)
        names = [one.attack for one in self.attacks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"audit: expected attacks of different names, got {twice} twice.")
        for one in self.attacks:
            _finite(one)
        _refuse_claims("audit", self)

    @property
    def exit_code(self) -> int:
        """1 where a leak was demonstrated that is not disclosed, or a claim refuted, else 3 for
        refusals, else 0.

        A weakness (someone can make the model say what he wants) does not change it: it says
        nothing about people.
        """
        leaks = any(
            one.verdict == "leak demonstrated" and one.threat.id not in self.disclosed
            for one in self.attacks
        )
        if leaks or any(one.verdict == "refuted" for one in self.claims):
            return EXIT_RISK_FOUND
        return EXIT_RECORDS_REFUSED if self.refusals else EXIT_CLEAN

    @property
    def review_by(self) -> str:
        """ISO date after which the audit should be repeated."""
        return review_date(self.job)

    @property
    def threats(self) -> tuple[ThreatFinding, ...]:
        """One finding a threat, the gravest first, untested threats last."""
        groups: dict[str, list[AttackResult]] = {}
        for one in self.attacks:
            groups.setdefault(one.threat.id, []).append(one)
        found = [
            replace(_finding(group), disclosed=self.disclosed.get(name, ""))
            for name, group in groups.items()
        ]
        found += [
            ThreatFinding(one.threat, "not tested", one.reason)
            for one in self.untested
            if one.threat.id not in groups
        ]
        return tuple(sorted(found, key=lambda one: VERDICT_ORDER.index(one.verdict)))

    def attack(self, name: str) -> AttackResult:
        """One result by the name of its attack, with its per-record arrays.

        Raises:
          KeyError: naming what there is.
        """
        for one in self.attacks:
            if one.attack == name:
                return one
        raise KeyError(f"no attack {name!r}; there is {', '.join(x.attack for x in self.attacks)}.")

    def to_json(self) -> dict[str, Any]:
        """JSON values, versioned by "schema"; no values of single records."""
        facts = {"exit_code": self.exit_code, "review_by": self.review_by}
        values: dict[str, Any] = {"schema": SCHEMA, "kind": "audit", **facts}
        values |= encode(replace(self, attacks=tuple(map(_without_arrays, self.attacks))))
        for result, written in zip(self.attacks, values["attacks"], strict=True):
            del written["arrays"]
            written["verdict"] = result.verdict
        return values

    def summary(self) -> str:
        """A few lines for the terminal."""
        from polyveil.report.audit_words import summary

        return summary(self)

    def _repr_html_(self) -> str:
        from polyveil.report.audit_words import notebook

        return notebook(self)


def from_json(values: Any) -> AuditReport:
    """The report that `AuditReport.to_json` wrote.

    Raises:
      UsageError: another schema, or a field of another type.
    """
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        found = values.get("schema") if isinstance(values, dict) else type(values).__name__
        raise UsageError(f"audit: expected schema {SCHEMA!r}, got {found!r}.")
    attacks = values.get("attacks")
    if isinstance(attacks, list):
        bare = [
            {key: child for key, child in one.items() if key != "arrays"}
            if isinstance(one, dict)
            else one
            for one in attacks
        ]
        values = {**values, "attacks": bare}
    return decode(AuditReport, values, "audit")


def _finding(group: list[AttackResult]) -> ThreatFinding:
    def gravity(one: AttackResult) -> tuple[int, float]:
        return VERDICT_ORDER.index(one.verdict), 1.0 if one.p_value is None else one.p_value

    ranked = tuple(sorted(group, key=gravity))
    decides = ranked[0]
    return ThreatFinding(decides.threat, decides.verdict, decides.sentence, ranked)


def _without_arrays(result: AttackResult) -> AttackResult:
    return replace(result, arrays={})


def _finite(result: AttackResult) -> None:
    numbers = {"p_value": result.p_value, "tolerance": result.tolerance, "level": result.level}
    numbers |= {f"score of {one.record}": one.score for one in result.exposed}
    for curve in result.curves:
        for side in ("x", "y", "low", "high", "chance"):
            values = getattr(curve, side)
            if len(values) != len(curve.x) and (values or side == "y"):
                raise ValueError(
                    f"{result.attack}: curve {curve.name}: {len(values)} values of {side}; "
                    f"expected {len(curve.x)}."
                )
            bad = next((value for value in values if not math.isfinite(value)), 0.0)
            numbers[f"{side} of curve {curve.name}"] = bad
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{result.attack}: expected a finite {name}, got {value}.")


def _refuse_claims(where: str, value: Any) -> None:
    for at, text in _texts(where, value):
        refuse_claim(at, text)


def _texts(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif dataclasses.is_dataclass(value):
        for part in dataclasses.fields(value):
            if part.name not in _QUOTED:
                yield from _texts(f"{where}.{part.name}", getattr(value, part.name))
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from _texts(where, key)
            yield from _texts(f"{where}.{key}", child)
    elif isinstance(value, tuple):
        for position, child in enumerate(value):
            yield from _texts(f"{where}[{position}]", child)
