# SPDX-License-Identifier: Apache-2.0
"""The audit in plain words: the same sentences on the page, in the terminal and in a notebook.

They say what was tried, by whom, and what he got; none says that nothing leaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from polyveil.assess.measure import Measure
from polyveil.attack.guard import Guard, failed
from polyveil.attack.result import AttackResult, Effort
from polyveil.interval import Interval
from polyveil.report.figures import ends, figure, probability, tick
from polyveil.report.sentences import plural, seconds

if TYPE_CHECKING:
    from polyveil.report.audit import AuditReport, Claim, ThreatFinding

RESIDUAL = (
    "An audit shows that something leaks; it cannot show that nothing does. Where nothing was "
    "detected, these attackers, with this access, this knowledge and this much computing time, "
    "found nothing in these records. Stronger attackers, other records, several attackers together "
    "and attacks that are not known yet remain."
)

REMAINS = (
    "An audit shows that something leaks; it cannot show that nothing does. Stronger attackers and "
    "attacks that are not known yet remain; part 8 says more."
)

_OUTCOMES = {
    "leak demonstrated": "{number} leak{s}",
    "disclosed": "{number} leak{s} as was known beforehand",
    "weakness demonstrated": "{number} show{s} a weakness",
    "inconclusive": "{number} stay{s} undecided",
    "none detected": "in {number} nothing was detected",
}


def short(text: str, letters: int) -> str:
    """The first so many letters, cut between words."""
    if len(text) <= letters:
        return text
    words = text[: letters - 1].rsplit(" ", 1)[0]
    return words.rstrip(" ,;:.") + " …"


def ended(text: str) -> str:
    """The same text, as a sentence ends."""
    return text if text[-1:] in ".!?…" else f"{text}."


def listed(texts: Iterable[str]) -> str:
    """Phrases or sentences in one line: "first; second." """
    return ended(capital("; ".join(text.rstrip(".") for text in texts)))


def bottom_line(report: AuditReport) -> str:
    """The outcome in one or two sentences."""
    found: Counter[str] = Counter(_outcome(one) for one in report.threats)
    tested = found.total() - found["not tested"]
    if tested:
        parts = [
            words.format(number=found[verdict], s="s" if found[verdict] == 1 else "")
            for verdict, words in _OUTCOMES.items()
            if found[verdict]
        ]
        said = [f"Of {plural(tested, 'threat')} tested, {', '.join(parts)}."]
    else:
        said = ["No threat was tested: nothing is known about what leaks."]
    refuted = sum(1 for one in report.claims if one.verdict == "refuted")
    if refuted:
        whole = len(report.claims)
        said.append(f"{refuted:,} of {plural(whole, 'claim')} {_is(refuted)} refuted.")
    return " ".join(said)


def _outcome(finding: ThreatFinding) -> str:
    known = finding.disclosed and finding.verdict == "leak demonstrated"
    return "disclosed" if known else finding.verdict


def reason(finding: ThreatFinding) -> str:
    """Why a threat is inconclusive, or its leak no news, for a reader who is no engineer."""
    if finding.disclosed and finding.verdict == "leak demonstrated":
        return f"Known beforehand: {finding.disclosed}"
    if finding.verdict != "inconclusive" or not finding.attacks:
        return ""
    result = finding.attacks[0]
    which = failed(result.guards, "false alarm" if result.shown else "false comfort")
    if which:
        names = " and ".join(one.name for one in which)
        word = "a check" if len(which) == 1 else "checks"
        return f"Undecided: {word} of the attack failed ({names})."
    return "Undecided: too few records to tell it from guessing."


def stands_for(result: AttackResult, guard: Guard) -> str:
    """What a failed check does to the verdict."""
    if result.shown and guard.against == "false comfort":
        return "The leak was shown all the same."
    if not result.shown and guard.against == "false alarm":
        return "Nothing was shown that it could have feigned."
    return "The verdict is therefore inconclusive."


def ranked(claims: Iterable[Claim]) -> list[Claim]:
    """Refuted ones first, untested ones last."""
    order = ("refuted", "not refuted", "not tested")
    return sorted(claims, key=lambda one: order.index(one.verdict))


def claim_figures(claim: Claim) -> list[tuple[str, str]]:
    """Label and value of everything that is known about a claim."""
    sure = f"{100 * claim.confidence:g}\u00a0%"
    rows = [
        ("Claimed ε", claim.epsilon),
        ("Claimed δ", claim.delta),
        ("ε recomputed from the settings", claim.recomputed),
        (f"ε shown by an attack, at least ({sure} confidence)", claim.lower_bound),
        ("ε that this attack could have shown", claim.ceiling),
    ]
    return [(name, "–" if value is None else tick(value)) for name, value in rows]


def spent(effort: Effort) -> str:
    """ "36,000 queries, 16 models trained, 41.3 s"."""
    parts = [plural(effort.queries, "query", "queries")] if effort.queries else []
    if effort.models:
        parts.append(f"{plural(effort.models, 'model')} trained")
    whole = effort.seconds + effort.shared_seconds
    return ", ".join([*parts, seconds(whole).replace(" ", "\u00a0")])


def together(efforts: Iterable[Effort]) -> Effort:
    """What several attacks on one threat cost in sum; what they share is counted once."""
    all_of = list(efforts)
    shared = max((one.shared_models for one in all_of), default=0)
    return Effort(
        sum(one.seconds for one in all_of),
        sum(one.queries for one in all_of),
        sum(one.models - one.shared_models for one in all_of) + shared,
        sum(one.trials for one in all_of),
        shared,
        max((one.shared_seconds for one in all_of), default=0.0),
    )


def judged(result: AttackResult) -> str:
    """Whether the p-value is at its level, in words."""
    if result.p_value is None:
        return "by its interval"
    return "more than chance" if result.p_value <= result.level else "not told from chance"


def correction(report: AuditReport) -> str:
    """How many things were tried, and what that costs each of them."""
    tried = sum(one.effort.trials for one in report.attacks)
    tested = sum(1 for one in report.attacks if one.p_value is not None)
    return (
        f"{plural(len(report.attacks), 'attack')} with {plural(tried, 'threshold')} and settings "
        f"in all. Who tries so many finds something by chance. The p-value of an attack already "
        f"pays for its own settings (Bonferroni); the {plural(tested, 'p-value')} are then judged "
        f"together (Holm), so that the chance of any false accusation is at most "
        f"{figure(report.significance, 'share')}."
    )


def splits(report: AuditReport) -> str:
    """Whether any record is in two parts."""
    if not report.parts:
        return "No proof of disjoint parts was handed in."
    if not report.shared:
        return f"No record is in two of these {len(report.parts)} parts, by SHA-256 of its content."
    pairs = "; ".join(f"{pair}: {count:,}" for pair, count in report.shared.items())
    return f"Records that two parts share, by SHA-256 of their content: {pairs}."


def ending(code: int) -> str:
    """What the exit code says."""
    return {
        0: "0: no leak was demonstrated, no claim refuted, no record refused",
        1: "1: a leak was demonstrated or a claim refuted",
        3: "3: some records were refused",
    }.get(code, str(code))


def summary(report: AuditReport) -> str:
    """A few lines for the terminal: the outcome, threats by gravity, claims, what is missing."""
    lines = [bottom_line(report)]
    for one in report.threats:
        if one.verdict != "not tested":
            said = " ".join(filter(None, (ended(one.sentence), reason(one))))
            lines.append(f"{capital(one.verdict)}: {capital(one.threat.attacker)}. {said}")
    lines += [
        f"Claim {one.verdict}: {one.sentence or one.statement}" for one in ranked(report.claims)
    ]
    lines += [f"Warning: {text}" for text in report.warnings]
    untested = sum(1 for one in report.threats if one.verdict == "not tested")
    if untested or report.skipped:
        gaps = [plural(untested, "threat")] * bool(untested)
        gaps += [plural(len(report.skipped), "attack")] * bool(report.skipped)
        lines.append(f"Not tested: {' and '.join(gaps)}; see report.")
    return "\n".join(lines).replace("\u00a0", " ")


def notebook(report: AuditReport) -> str:
    """The overview for a notebook: the outcome in a sentence and one row an attack."""
    from polyveil.attack.notebook import overview

    gravest_first = [attack for one in report.threats for attack in one.attacks]
    return overview(gravest_first, bottom_line(report))


def spread(measure: Measure) -> str:
    """ "4.1 % to 7.0 % (Clopper-Pearson, 95 %, n = 1,000)"."""
    value = measure.value
    if not isinstance(value, Interval):
        return "no interval was computed"
    method = value.method.replace(" %", "\u00a0%")
    return f"{ends(measure)} ({method}, n\u00a0=\u00a0{value.n:,})"


def row(result: AttackResult) -> dict[str, str]:
    """One attack's figures as the page writes them."""
    unit = result.headline.unit
    p_value = "–" if result.p_value is None else probability(result.p_value)
    return {
        "estimate": figure(result.headline.estimate, unit),
        "spread": spread(result.headline),
        "baseline": figure(result.baseline, unit),
        "p_value": p_value,
        "level": "–" if result.p_value is None else probability(result.level),
    }


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def capital(text: str) -> str:
    """The same text, as a sentence begins."""
    return text[:1].upper() + text[1:]
